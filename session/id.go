package session

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"unique"

	"github.com/fxsession/sessions/store"
)

// ID is the secret that ties a cookie to its record: 16 bytes from crypto/rand,
// so 128 random bits (OWASP ASVS 5.0, 7.2.3). It exists in the cookie and in
// memory during a request, nowhere else: however it is printed, logged or
// encoded, even deep in a struct, the result is "[redacted]". IDs are values:
// == compares them, though not in constant time. The zero ID stands for a
// session without a record.
type ID struct {
	// fmt goes past the methods of what unexported fields hold, and follows
	// one pointer, but not two.
	handle unique.Handle[handle]
}

type handle struct{ unique.Handle[rawID] }

func makeID(raw rawID) ID { return ID{unique.Make(handle{unique.Make(raw)})} }

func (id ID) raw() rawID { return id.handle.Value().Handle.Value() }

// rawID is an ID inside of this package.
type rawID [16]byte

const redacted = "[redacted]"

func newID() (id rawID) {
	rand.Read(id[:]) // never fails: see crypto/rand
	return id
}

// key is what a store files the record of this ID under.
func (id rawID) key() (k store.Key) {
	sum := sha256.Sum256(id[:])
	copy(k[:], sum[:])
	return k
}

// Key is what a store files the record of this ID under; the zero Key for the
// zero ID.
func (id ID) Key() store.Key {
	if id.IsZero() {
		return store.Key{}
	}
	return id.raw().key()
}

// IsZero reports whether id is the zero ID.
func (id ID) IsZero() bool { return id == ID{} }

// String gives "[redacted]".
func (ID) String() string { return redacted }

// Format writes "[redacted]" for every verb.
func (ID) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// LogValue gives "[redacted]" to log/slog.
func (ID) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives "[redacted]"; its error is always nil.
func (ID) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON gives "[redacted]" as a JSON text; its error is always nil.
func (ID) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
