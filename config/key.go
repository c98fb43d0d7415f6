package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unique"
)

// KeyBytes is the length of a [Key].
const KeyBytes = 32

// Key is a secret of 32 bytes that seals cookies. Every printed form (fmt,
// log/slog, zap, encoding/json) is [redacted], or nothing for the zero Key;
// that holds as well for a Key deep in a struct that is printed. [Key.Bytes]
// and [Key.Reveal] give the secret.
//
// The zero Key is no key: a configuration with one in it is not valid. Keys are
// values: == compares the bytes, though not in constant time.
type Key struct {
	// The 32 bytes, as a string for the same reason as in a Secret: fmt prints
	// what a pointer to an array points to, if the verb is not one for arrays.
	bytes unique.Handle[string]
}

// NewKey makes a key from crypto/rand.
func NewKey() Key {
	b := make([]byte, KeyBytes)
	_, _ = rand.Read(b) // it never fails: it ends the program first
	return Key{unique.Make(string(b))}
}

// ParseKey reads a key in base64, the standard or the URL alphabet, with or
// without padding. Its error says how long the key is, and no more of it.
func ParseKey(text string) (Key, error) {
	b, err := decodeBase64(text)
	if err != nil {
		return Key{}, errors.New("must be a key of 32 bytes in base64; this is not base64 (openssl rand -base64 32 makes one)")
	}
	if len(b) != KeyBytes {
		return Key{}, fmt.Errorf("must be a key of 32 bytes in base64; this is %d bytes (openssl rand -base64 32 makes one)", len(b))
	}
	return Key{unique.Make(string(b))}, nil
}

func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // which encoding/base64 would skip
		return nil, base64.CorruptInputError(0)
	}
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	if strings.HasSuffix(text, "=") {
		return base64.StdEncoding.DecodeString(text)
	}
	return base64.RawStdEncoding.DecodeString(text)
}

// Bytes gives the 32 bytes, as a copy; nil for the zero Key.
func (k Key) Bytes() []byte {
	if k.IsZero() {
		return nil
	}
	return []byte(k.bytes.Value())
}

// Reveal gives the key in base64, as ParseKey reads it; "" for the zero Key.
func (k Key) Reveal() string { return base64.StdEncoding.EncodeToString(k.Bytes()) }

// IsZero says whether k is the zero Key, which is no key.
func (k Key) IsZero() bool { return k == Key{} }

// String gives [redacted], or "" for the zero Key.
func (k Key) String() string {
	if k.IsZero() {
		return ""
	}
	return redacted
}

// Format writes what String gives, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalText gives what String gives; its error is always nil.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogValue gives what String gives.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
