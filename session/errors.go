package session

import (
	"errors"
	"fmt"

	"github.com/fxsession/sessions/store"
)

// Errors of the methods of a Session, in addition to those of package store.
// Test for them with errors.Is.
var (
	// ErrNotInstalled: the request did not pass the middleware, so that there
	// is no session to work on.
	ErrNotInstalled = errors.New("session: not installed: the request did not pass through Manager.Middleware")
	// ErrClosed: the session was used after its request.
	ErrClosed = errors.New("session: used after the end of its request")
	// ErrInvalidated: a write after Invalidate or SignOut. Reset begins a new
	// session in the same request.
	ErrInvalidated = errors.New("session: written to after it was invalidated: call Reset to begin a new one")
	// ErrResponseStarted: the response's headers have been sent, so a cookie
	// can no longer reach the client.
	ErrResponseStarted = errors.New("session: the response has started: this change needs a cookie, make it before the first byte is written")
	// ErrCookieTooLarge: the name and value of the cookie would exceed the
	// 4096 bytes that browsers accept (RFC 6265bis, 5.6).
	ErrCookieTooLarge = errors.New("session: the cookie would exceed 4096 bytes: keep large values in the server state")
	// ErrEncryptionRequired: a client state was written while session.cookie.crypto is sign.
	ErrEncryptionRequired = errors.New("session: client state needs session.cookie.crypto: encrypt")
	// ErrNoKeys: a Manager whose sessions outlive the process was given no key.
	ErrNoKeys = errors.New("session: session.cookie.keys is empty: make a key with `openssl rand -base64 32`, and give every instance the same")
	// ErrEmptySubject: SignIn was called with the empty subject, which means nobody.
	ErrEmptySubject = errors.New("session: sign in: the subject is empty")
	// ErrNotSignedIn: RevokeOthers for a session that nobody has signed in to.
	ErrNotSignedIn = errors.New("session: nobody is signed in")
	// ErrTooManySessions: a sign-in that state.max_sessions_per_subject denies.
	ErrTooManySessions = errors.New("session: sign in: the subject already has as many sessions as session.state.max_sessions_per_subject allows; it has to sign out elsewhere first")
	// ErrNotSaved is what an ErrorHandler gets when a session could not be
	// saved; the error of the store is wrapped as well.
	ErrNotSaved = errors.New("session: not saved")
	// ErrInvalidValue is wrapped by every ValueError.
	ErrInvalidValue = errors.New("the value is not what JSON or the type allows")
)

// errNotTheirs is what Revoke returns for a key that is not one of the subject's.
var errNotTheirs = fmt.Errorf("session: revoke: the subject has no such session: %w", store.ErrNotFound)

// errNoTurn is for a sign-in that waited too long for others of its subject.
var errNoTurn = fmt.Errorf("session: sign in: other sign-ins of the subject are under way: %w", store.ErrConflict)

// ended reports whether err says that a record was deleted or renewed.
func ended(err error) bool { return errors.Is(err, store.ErrEnded) }

// ValueError says that a value could not be encoded to JSON, or decoded into
// the type asked for. It names the state key and the side, never the value. It
// is an ErrInvalidValue.
type ValueError struct {
	Side string // "server" or "client"
	Key  string // the state key
	Op   string // "encode" or "decode"
	Type string // the Go type

	unfit string // why there is nothing to decode into, "" where there is
}

// Error names the side, the state key and the Go type.
func (e *ValueError) Error() string {
	switch {
	case e.unfit != "":
		return fmt.Sprintf("session: %s state %q: the target must be a non-nil pointer, not %s", e.Side, e.Key, e.unfit)
	case e.Op == "encode":
		return fmt.Sprintf("session: %s state %q: a value of type %s cannot be encoded as JSON", e.Side, e.Key, e.Type)
	default:
		return fmt.Sprintf("session: %s state %q: the stored value does not decode into type %s", e.Side, e.Key, e.Type)
	}
}

// Unwrap returns ErrInvalidValue. The cause is withheld, because encoding/json
// quotes values in its messages.
func (e *ValueError) Unwrap() error { return ErrInvalidValue }
