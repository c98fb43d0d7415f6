// Package sealing turns the payload of a cookie into text that only the holder
// of a key can have made: encrypted with XChaCha20-Poly1305, or signed with
// HMAC-SHA256. It knows nothing of what the payload means.
//
// The text is base64url without padding of
//
//	scheme (1 byte) | key id (4 bytes) | nonce (24 bytes) | ciphertext and tag    encrypted
//	scheme (1 byte) | key id (4 bytes) | payload | HMAC-SHA256 (32 bytes)         signed
//
// The scheme, the key id and the name that the Sealer was made for are
// authenticated too: a text sealed for one cookie does not open as another.
package sealing

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeySize is the size of a key, in bytes.
const KeySize = 32

// Scheme says how a payload is protected. It is the first byte of the text.
type Scheme byte

// The schemes. The values are part of the format of the cookie.
const (
	Encrypt Scheme = 1 // confidential and authentic
	Sign    Scheme = 2 // authentic, readable by whoever holds the cookie
)

const (
	keyIDSize  = 4
	headerSize = 1 + keyIDSize
)

var (
	// ErrInvalid is the one error of [Sealer.Open]: which check failed is
	// nobody's business.
	ErrInvalid = errors.New("sealing: not a text that one of the keys has sealed")
	// ErrNoKey is the error of [New] without keys.
	ErrNoKey = errors.New("sealing: at least one key is needed")

	encoding = base64.RawURLEncoding.Strict()
)

// Sealer seals and opens the payloads of one cookie. It is safe for concurrent
// use.
type Sealer struct {
	scheme Scheme
	name   string
	keys   []key
}

// key is what is derived from one of the keys that New is given, so that no
// key serves two purposes.
type key struct {
	header [headerSize]byte
	aad    []byte // header and name
	aead   cipher.AEAD
	mac    []byte
}

// New makes a Sealer for the cookie name. The first key seals, all of them
// open.
func New(scheme Scheme, name string, keys ...[KeySize]byte) (*Sealer, error) {
	if len(keys) == 0 {
		return nil, ErrNoKey
	}
	s := &Sealer{scheme: scheme, name: name}
	for _, secret := range keys {
		k, err := derive(scheme, name, secret[:])
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, k)
	}
	return s, nil
}

func derive(scheme Scheme, name string, secret []byte) (k key, err error) {
	sub := func(purpose string, size int) []byte {
		if err != nil {
			return nil
		}
		var out []byte
		out, err = hkdf.Key(sha256.New, secret, nil, "fxsession cookie "+purpose, size)
		return out
	}
	id, encrypting, signing := sub("key id", keyIDSize), sub("encryption", KeySize), sub("signature", KeySize)
	if err != nil {
		return key{}, fmt.Errorf("sealing: derive a key: %w", err)
	}
	k.header[0] = byte(scheme)
	copy(k.header[1:], id)
	k.aad = append(k.header[:], name...)
	switch scheme {
	case Encrypt:
		if k.aead, err = chacha20poly1305.NewX(encrypting); err != nil {
			return key{}, fmt.Errorf("sealing: set up encryption: %w", err)
		}
	case Sign:
		k.mac = signing
	default:
		return key{}, fmt.Errorf("sealing: unknown scheme %d", scheme)
	}
	return k, nil
}

// Size is the length in bytes of the text that [Sealer.Append] makes of a
// payload of n bytes.
func (s *Sealer) Size(n int) int {
	if s.scheme == Encrypt {
		return encoding.EncodedLen(headerSize + chacha20poly1305.NonceSizeX + n + chacha20poly1305.Overhead)
	}
	return encoding.EncodedLen(headerSize + n + sha256.Size)
}

// Append appends the text for payload to dst. It copies payload before it hands
// it on: so the caller can have both on its stack.
func (s *Sealer) Append(dst, payload []byte) []byte {
	k := &s.keys[0]
	var sealed []byte
	if s.scheme == Encrypt {
		const front = headerSize + chacha20poly1305.NonceSizeX
		sealed = make([]byte, front, front+len(payload)+chacha20poly1305.Overhead)
		copy(sealed, k.header[:])
		nonce := sealed[headerSize:]
		rand.Read(nonce) // never fails: see crypto/rand
		plain := append(sealed, payload...)[front:]
		sealed = k.aead.Seal(sealed, nonce, plain, k.aad)
	} else {
		sealed = make([]byte, 0, headerSize+len(payload)+sha256.Size)
		sealed = append(sealed, k.header[:]...)
		sealed = append(sealed, payload...)
		sealed = k.sign(sealed)
	}
	return encoding.AppendEncode(dst, sealed)
}

// sign appends the signature of text and of the name.
func (k *key) sign(text []byte) []byte {
	h := hmac.New(sha256.New, k.mac)
	h.Write(k.aad) // of fixed length but for the name, which is the same for every text of a Sealer
	h.Write(text)
	return h.Sum(text)
}

// Open gives the payload of text, or ErrInvalid.
func (s *Sealer) Open(text string) ([]byte, error) {
	if strings.IndexByte(text, '\r') >= 0 || strings.IndexByte(text, '\n') >= 0 { // which encoding/base64 would skip
		return nil, ErrInvalid
	}
	sealed, err := encoding.DecodeString(text)
	if err != nil || len(sealed) < headerSize {
		return nil, ErrInvalid
	}
	for i := range s.keys {
		k := &s.keys[i]
		if !bytes.Equal(sealed[:headerSize], k.header[:]) {
			continue
		}
		if payload, ok := s.open(k, sealed); ok {
			return payload, nil
		}
	}
	return nil, ErrInvalid
}

func (s *Sealer) open(k *key, sealed []byte) ([]byte, bool) {
	body := sealed[headerSize:]
	if s.scheme == Encrypt {
		if len(body) < chacha20poly1305.NonceSizeX+chacha20poly1305.Overhead {
			return nil, false
		}
		nonce, ciphertext := body[:chacha20poly1305.NonceSizeX], body[chacha20poly1305.NonceSizeX:]
		payload, err := k.aead.Open(ciphertext[:0], nonce, ciphertext, k.aad)
		return payload, err == nil
	}
	if len(body) < sha256.Size {
		return nil, false
	}
	end := len(sealed) - sha256.Size
	signed := k.sign(sealed[:end:end])
	return sealed[headerSize:end], hmac.Equal(signed[end:], sealed[end:])
}
