package store

import (
	"errors"
	"fmt"
)

// The errors of a Backend. Test for them with errors.Is.
var (
	// ErrNotFound: there is no record under the key, or it has expired.
	ErrNotFound = errors.New("no record is there")
	// ErrEnded: the record was deleted or renewed less than Grace ago.
	ErrEnded = errors.New("the session has ended a moment ago")
	// ErrRenewed is the ErrEnded of a record that was renewed: the session
	// continues under a key that the mark does not name.
	ErrRenewed = fmt.Errorf("%w: it was renewed under another key", ErrEnded)
	// ErrConflict: the record no longer has the version that IfVersion asks for.
	ErrConflict = errors.New("the record has changed since it was read")
	// ErrDuplicateKey: a live record is there already.
	ErrDuplicateKey = errors.New("a record is there already")
	// ErrCorrupt: what is stored under the key is not a record of a known
	// format. It is left as it is, for inspection.
	ErrCorrupt = errors.New("what is kept there is not a record of a known format")
	// ErrFull: the backend has reached a limit that it was given.
	ErrFull = errors.New("the store is full")
)

// The errors that a SessionStore adds.
var (
	// ErrInvalid: the caller asked for something that no backend can keep: a
	// TTL that is not above zero, a state key that is too long, an empty JSON
	// text, or a state key, JSON text or subject that holds NUL or is not UTF-8.
	ErrInvalid = errors.New("invalid")
	// ErrUnsupported: the backend does not have the ability that was asked for.
	ErrUnsupported = errors.New("the backend cannot do this")
	// ErrUnavailable: the backend could not be reached, did not answer in time,
	// or failed in a way that has no error here; whether a write took place is
	// unknown.
	ErrUnavailable = errors.New("the backend is unavailable")
)

// Error is the error of every method of a [SessionStore]. It names the
// operation, and never a key or a value.
type Error struct {
	// Op is "create", "load", "update", "change key", "delete", "delete expired",
	// "list by subject", "delete by subject", "ping", "migrate" or "close".
	Op  string
	Err error // one of the package's errors, or an ErrUnavailable that wraps the backend's own
}

// Error returns the operation and what went wrong.
func (e *Error) Error() string { return "session store: " + e.Op + ": " + e.Err.Error() }

// Unwrap gives e.Err.
func (e *Error) Unwrap() error { return e.Err }

// outcomes names each error for metrics; the order matters where one wraps
// another. What is none of them is the end of the caller's context, see wrap.
var outcomes = [...]struct {
	err  error
	name string
}{
	{ErrNotFound, "not_found"},
	{ErrEnded, "ended"},
	{ErrConflict, "conflict"},
	{ErrDuplicateKey, "duplicate_key"},
	{ErrCorrupt, "corrupt"},
	{ErrFull, "full"},
	{ErrInvalid, "invalid"},
	{ErrUnsupported, "unsupported"},
	{ErrUnavailable, "unavailable"},
}

// wrap makes err the one that the caller of op sees. callerErr is the error of
// the caller's own context, nil while it is live.
func wrap(op string, err, callerErr error) error {
	for _, o := range outcomes {
		if errors.Is(err, o.err) {
			return &Error{op, err}
		}
	}
	if callerErr != nil {
		return &Error{op, fmt.Errorf("the caller gave up: %w", callerErr)}
	}
	return &Error{op, fmt.Errorf("%w: %w", ErrUnavailable, err)}
}
