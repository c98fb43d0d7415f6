package storetest

import (
	"testing"
	"time"

	"github.com/fxsession/sessions/store"
)

// Harness is one set of data of a backend, empty at first, and what the suite
// needs to do to it beside calling the backend. Its methods end the test by
// tb.Fatal when they cannot do what is asked.
//
// A newHarness function makes one, with whatever it holds released by
// tb.Cleanup. The suite calls it once for each check; checks run in parallel,
// so that two harnesses must not see each other's data.
type Harness interface {
	// Open gives a handle on the data, each time a new one, as another
	// instance of the application has it: with its own connections and caches,
	// if the backend has any.
	Open(tb testing.TB) store.Backend

	// Advance makes every record and every mark older by d: what has less
	// than d to live is over, the rest lives d less. It returns when all
	// handles see that. It may move a clock, or the expiries.
	Advance(tb testing.TB, d time.Duration)

	// Corrupt makes the live record under key unreadable, in a way that the
	// backend could meet: cut short, or written by something else. Its
	// expiry stays as it is.
	Corrupt(tb testing.TB, key store.Key)
}

// Expirer is a Harness whose engine removes by itself what has expired, so that
// nothing is left for DeleteExpired, which returns 0.
type Expirer interface {
	Harness
	ExpiresByItself()
}

// Staller is a Harness whose engine can be made to hang: it takes calls and
// does not answer. A backend over a network has one.
type Staller interface {
	// Stall stops the answers to all handles until resume is called, which may
	// be called again.
	Stall(tb testing.TB) (resume func())
}
