package store

import (
	"context"
	"time"
)

// Grace is how long the mark of a deleted or renewed record stays under its
// key.
const Grace = time.Minute

// Backend is what a storage engine implements. Callers use a [SessionStore]
// over it; package storetest contains the conformance suite.
//
// Every write is one atomic step. All methods may be called by many goroutines
// at once, honour the context (a call whose context ends returns promptly and
// leaves nothing half done), and answer with the errors named here, wrapped or
// not; any other error counts as the backend being unavailable. A write for which
// there is no room is [ErrFull], and changes nothing.
//
// What Delete and ChangeKey end leaves a mark under its key for [Grace]: the
// methods answer [ErrEnded] there (after ChangeKey: [ErrRenewed], which is an
// ErrEnded), and [ErrNotFound] once it is over. A record that has expired, or
// was never there, leaves none. A record expires by the backend's clock, and
// is invisible from that moment, whether it has been swept or not.
//
// Arguments are already checked: TTLs are whole milliseconds, at least one
// (or zero, in a Change, for "as it is"); state keys satisfy [CheckStateKey];
// JSON texts are not empty; all text is UTF-8 without NUL. The maps and bytes of
// an argument belong to the caller, those of a result to the receiver: neither
// side may change or keep what is the other's.
type Backend interface {
	// Create inserts rec with Version 1. ErrDuplicateKey if a live record is
	// under key, which it then leaves as it is; an expired record or a mark is
	// replaced. ErrDuplicateKey or ErrCorrupt if a corrupt one is.
	Create(ctx context.Context, key Key, rec Record) error

	// Load returns the live record under key, with its remaining TTL.
	// ErrNotFound, ErrEnded, ErrCorrupt.
	Load(ctx context.Context, key Key) (Record, error)

	// Update merges ch into the live record under key, as Merge says. It never
	// inserts. ErrNotFound, ErrEnded, ErrConflict, ErrCorrupt.
	Update(ctx context.Context, key Key, ch Change) error

	// ChangeKey is Update, with the outcome under the key to and the mark under
	// the key from. ErrDuplicateKey if a live record is under to; ErrDuplicateKey
	// or ErrCorrupt if a corrupt one is.
	ChangeKey(ctx context.Context, from, to Key, ch Change) error

	// Delete removes the live record under key. ErrNotFound, ErrEnded. A
	// corrupt record is removed like any other.
	Delete(ctx context.Context, key Key) error

	// DeleteExpired removes expired records, at most limit of them (0: all),
	// and returns how many. Marks that are over may go with them; they count or
	// not, as suits the engine, but towards the limit if they are counted. An
	// engine that expires by itself returns 0.
	DeleteExpired(ctx context.Context, limit int) (int, error)
}

// Pinger is a Backend that can say whether it is reachable.
type Pinger interface {
	// Ping returns nil when the engine answers and can be used.
	Ping(ctx context.Context) error
}

// Migrator is a Backend with a schema to create or bring up to date.
type Migrator interface {
	// Migrate does what is still to be done. It may run on many instances at
	// once, and again.
	Migrate(ctx context.Context) error
}

// SubjectIndex is a Backend that finds the sessions of a subject.
//
// A record that has the subject during the whole of a call is found by it,
// whatever its key becomes meanwhile. One that is created, signs in or out or
// ends while the call is under way may be found or not.
type SubjectIndex interface {
	// ListBySubject returns every live record of the subject with its key, in no
	// particular order. A record whose key changes meanwhile may be there under
	// both keys; what is corrupt is left out.
	ListBySubject(ctx context.Context, subject string) ([]Entry, error)

	// DeleteBySubject deletes every live record of the subject but those under
	// the keys in except, each as Delete does, and returns how many. Some may
	// have been deleted when there is an error.
	DeleteBySubject(ctx context.Context, subject string, except ...Key) (int, error)
}

// Counter is a Backend that knows how many records it holds without looking for
// them.
type Counter interface {
	// Count is how many there are, including expired ones that have not been
	// swept.
	Count() int
}

// InProcess is a Backend whose calls wait for nothing outside of the process,
// so that a SessionStore need not bound them in time.
type InProcess interface {
	// InProcess marks the Backend; it does nothing.
	InProcess()
}
