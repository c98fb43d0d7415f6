package store

import (
	"encoding/hex"
	"errors"
)

// Key is what a record is filed under: the first 16 bytes of the SHA-256 of a
// session ID. The ID cannot be computed from it, so a Key is safe to log, to
// keep in a database and to show to a user as the handle of a session.
type Key [16]byte

// String gives the key as 32 lower-case hexadecimal digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// MarshalText gives what [Key.String] gives; its error is always nil.
func (k Key) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText reads what [Key.MarshalText] wrote. The key is unchanged when
// it returns an error.
func (k *Key) UnmarshalText(text []byte) error {
	parsed, err := ParseKey(string(text))
	if err == nil {
		*k = parsed
	}
	return err
}

// ParseKey reads the 32 hexadecimal digits that [Key.String] writes.
func ParseKey(s string) (Key, error) {
	var k Key
	if len(s) != hex.EncodedLen(len(k)) {
		return Key{}, errors.New("session store: a key is 32 hexadecimal digits")
	}
	if _, err := hex.Decode(k[:], []byte(s)); err != nil {
		return Key{}, errors.New("session store: a key is 32 hexadecimal digits")
	}
	return k, nil
}
