package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

// patience bounds what a test waits for.
const patience = 20 * time.Second

// watching is a config whose watches ask the store at this interval.
func watching(interval time.Duration) func(*config.SessionConfig) {
	return func(cfg *config.SessionConfig) { cfg.State.WatchInterval = interval }
}

// stream runs a request of the browser's that lasts until its session ends, or
// the test stops it.
type stream struct {
	e     *env
	ended chan struct{} // closed when the handler has seen the end
	stop  context.CancelFunc
}

func (b *browser) stream() *stream {
	b.e.Helper()
	ctx, stop := context.WithCancel(b.e.Context())
	st := &stream{b.e, make(chan struct{}), stop}
	begun := make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(over)
		b.serve(func(_ context.Context, s *session.Session) error {
			done := s.Done(ctx)
			close(begun)
			<-done
			if ctx.Err() == nil {
				close(st.ended)
			}
			return nil
		})
	}()
	<-begun
	b.e.Cleanup(func() { stop(); <-over })
	return st
}

func (st *stream) wantEnd(when string) {
	st.e.Helper()
	select {
	case <-st.ended:
	case <-time.After(patience):
		st.e.Errorf("%s: the stream goes on", when)
	}
}

func (st *stream) wantOpen(when string) {
	st.e.Helper()
	select {
	case <-st.ended:
		st.e.Errorf("%s: the stream has ended", when)
	default:
	}
}

// What ends a session ends its streams, on this instance without asking the
// store.
func TestAStreamEndsAtOnceOnTheSameInstance(t *testing.T) {
	for name, end := range map[string]func(e *env, b *browser){
		"a sign-out": func(_ *env, b *browser) { b.visit(invalidate) },
		"a reset": func(_ *env, b *browser) {
			b.visit(func(_ context.Context, s *session.Session) error { return s.Reset() })
		},
		"a renewal":      func(_ *env, b *browser) { b.visit(cycle) },
		"a second login": func(_ *env, b *browser) { b.visit(signIn("bob")) },
		"a revocation":   func(e *env, b *browser) { e.must(e.Revoke(e.Context(), "ada", b.key())) },
		"revoking all":   func(e *env, _ *browser) { e.must(second(e.RevokeAll(e.Context(), "ada"))) },
		"revoking others": func(e *env, _ *browser) {
			e.signedIn("ada").visit(func(ctx context.Context, s *session.Session) error { return second(e.RevokeOthers(ctx, s)) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachBackend(t, func(e *env) {
				b, bystander := e.signedIn("ada"), e.signedIn("bob")
				streams := e.streams(b, bystander)
				st, other := streams[0], streams[1]
				b.visit(write("k", "v"))
				st.wantOpen("after a write")
				end(e, b.clone())
				st.wantEnd(name)
				other.wantOpen("that of another")
			}, watching(time.Hour))
		})
	}
}

func (e *env) must(err error) {
	e.Helper()
	if err != nil {
		e.Error(err)
	}
}

// On another instance it takes as long as the store is not asked.
func TestAStreamEndsSoonOnAnotherInstance(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.signedIn("ada")
		st := b.stream()
		elsewhere := b.clone()
		elsewhere.m = e.manager()
		elsewhere.visit(write("k", "v"))
		elsewhere.visit(invalidate)
		st.wantEnd("a sign-out elsewhere")
	}, watching(20*time.Millisecond))
}

// A stream ends with its session's time, which other requests may extend.
func TestAStreamEndsWhenItsSessionExpires(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.signedIn("ada")
		st := b.stream()
		e.advance(20 * time.Hour)
		b.visit(load) // extends it
		e.advance(20 * time.Hour)
		e.awaitCalls("load", 2)
		st.wantOpen("an extended session")
		e.advance(5 * time.Hour)
		st.wantEnd("an expired session")
	}, watching(10*time.Millisecond))
}

// streams opens a stream of each, and waits until all have asked: they ask again
// when their watch_interval is over.
func (e *env) streams(of ...*browser) (all []*stream) {
	e.Helper()
	answered := func() int {
		e.spy.mu.Lock()
		defer e.spy.mu.Unlock()
		return e.spy.loads
	}
	before := answered()
	for _, b := range of {
		all = append(all, b.stream())
	}
	testkit.Eventually(e, func() error {
		if answered() < before+len(of) {
			return errors.New("they have not asked")
		}
		return nil
	})
	return all
}

// awaitCalls waits until the backend was asked so often.
func (e *env) awaitCalls(op string, times int) {
	e.Helper()
	seen := 0
	testkit.Eventually(e, func() error {
		for _, call := range e.calls() {
			if call == op {
				seen++
			}
		}
		if seen < times {
			return fmt.Errorf("the store was asked to %s %d times, want %d", op, seen, times)
		}
		return nil
	})
}

// A store that does not answer ends no stream, but for one whose time is over.
func TestAStreamWhileTheStoreIsAway(t *testing.T) {
	e := newEnv(t, watching(10*time.Millisecond))
	b := e.signedIn("ada")
	st := b.stream()
	e.spy.fail(errors.New("away"))
	e.calls()
	e.awaitCalls("load", 2)
	st.wantOpen("while the store is away")
	e.advance(25 * time.Hour)
	st.wantEnd("past its expiry")
}

// The request of a stream can begin, renew and end its own session.
func TestAStreamFollowsItsOwnSession(t *testing.T) {
	e := newEnv(t, watching(time.Hour))
	e.browser().visit(func(ctx context.Context, s *session.Session) error {
		done := s.Done(ctx)
		open := func(when string) {
			t.Helper()
			select {
			case <-done:
				t.Errorf("%s: it has ended", when)
			default:
			}
		}
		open("before there is a session")
		e.must(s.Set(ctx, "k", "v"))
		e.must(s.Sync(ctx))
		open("begun")
		e.must(s.SignIn(ctx, "ada"))
		e.must(s.Sync(ctx))
		open("signed in")
		e.must(s.CycleID())
		e.must(s.Sync(ctx))
		open("renewed")
		e.must(e.Revoke(context.WithoutCancel(t.Context()), "ada", e.spy.lastKey()))
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("revoked: it goes on")
		}
		return nil
	})
}

// Where the response is over, there is nothing to wait for.
func TestDoneWithoutARequest(t *testing.T) {
	e := newEnv(t, watching(time.Hour))
	closed := func(name string, done <-chan struct{}) {
		t.Helper()
		select {
		case <-done:
		case <-time.After(patience):
			t.Errorf("%s: it waits", name)
		}
	}
	closed("without the middleware", session.FromContext(t.Context()).Done(t.Context()))
	var kept *session.Session
	e.browser().visit(func(_ context.Context, s *session.Session) error { kept = s; return nil })
	closed("after the request", kept.Done(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	done := e.New(nil).Done(ctx)
	cancel()
	closed("when its context is done", done)
}

// A session that lives in the cookie alone ends by its own time, or when its
// request ends it.
func TestAStreamOfASessionWithoutARecord(t *testing.T) {
	e := newEnv(t, watching(10*time.Millisecond), func(cfg *config.SessionConfig) {
		cfg.State.ServerStateCreation = config.ServerStateCreationSkipIfEmpty
	})
	b := e.browser()
	b.visit(writeClient("theme", "dark"))
	st := b.stream()
	b.visit(func(ctx context.Context, s *session.Session) error {
		done := s.Done(ctx)
		e.must(s.Invalidate())
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("an invalidated session goes on")
		}
		return nil
	})
	st.wantOpen("before its time")
	e.advance(25 * time.Hour)
	st.wantEnd("after its time")
	e.wantCalls()
}

func wantClosed(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Errorf("%s: it waits", what)
	}
}

// A session that has ended on this instance before Done was called has ended.
func TestDoneOfASessionThatHasEndedAlready(t *testing.T) {
	e := newEnv(t, watching(time.Hour))
	for name, end := range map[string]handler{
		"revoked, and known to be": func(ctx context.Context, s *session.Session) error {
			e.must(second(e.RevokeAll(t.Context(), "ada")))
			return s.Load(ctx)
		},
		"revoked after it was loaded": then(load, func(context.Context, *session.Session) error {
			return second(e.RevokeAll(t.Context(), "ada"))
		}),
		"signed out": func(ctx context.Context, s *session.Session) error {
			if err := s.SignOut(ctx); err != nil {
				return err
			}
			return s.Sync(ctx)
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		e.signedIn("ada").visit(then(end, func(_ context.Context, s *session.Session) error {
			wantClosed(t, name, s.Done(ctx))
			return nil
		}))
		cancel()
	}
}

// Done can stand in a select in a loop, as the Done of a context does, without
// one more goroutine and one more question to the store each time round.
func TestDoneInALoop(t *testing.T) {
	e := newEnv(t, watching(time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	e.signedIn("ada").visit(func(_ context.Context, s *session.Session) error {
		first := s.Done(ctx)
		for range 3 {
			if s.Done(ctx) != first {
				t.Error("each call begins a watch of its own")
				break
			}
		}
		return nil
	})
}

// With the request ends the watch, whatever its context.
func TestAWatchDoesNotOutliveItsRequest(t *testing.T) {
	e := newEnv(t, watching(time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var done <-chan struct{}
	e.signedIn("ada").visit(func(_ context.Context, s *session.Session) error {
		done = s.Done(ctx)
		return nil
	})
	wantClosed(t, "after the request", done)
}

// A store that is away ends no stream before the expiry that is known, also not
// where that was learned from the store.
func TestAnExtendedStreamWhileTheStoreIsAway(t *testing.T) {
	e := newEnv(t, watching(10*time.Millisecond))
	b := e.signedIn("ada")
	st := b.stream()
	e.advance(20 * time.Hour)
	b.visit(load) // extends it to 44 hours
	e.calls()
	e.awaitCalls("load", 2) // the stream knows
	e.spy.fail(errors.New("away"))
	e.advance(10 * time.Hour)
	e.calls()
	e.awaitCalls("load", 2)
	st.wantOpen("14 hours before its session ends")
}

// A stream whose own request signs out after the response has started ends.
func TestAStreamThatSignsItselfOut(t *testing.T) {
	e := newEnv(t, watching(10*time.Millisecond))
	b := e.signedIn("ada")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.serveHTTP(func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		done := s.Done(ctx)
		e.must(http.NewResponseController(w).Flush())
		e.must(s.SignOut(r.Context()))
		wantClosed(t, "signed out", done)
	})
}

// What has ended is not remembered.
func TestStreamsLeaveNothingBehind(t *testing.T) {
	e := newEnv(t, watching(time.Hour))
	b := e.signedIn("ada")
	e.browser().visit(func(ctx context.Context, s *session.Session) error { // whose key changes
		s.Done(ctx)
		e.must(s.SignIn(ctx, "bob"))
		return s.Sync(ctx)
	})
	st := b.stream()
	b.clone().visit(invalidate)
	st.wantEnd("a sign-out")
	e.awaitNoWatch()
	e.browser().visit(func(ctx context.Context, s *session.Session) error { // who no longer waits when the key changes
		waiting, cancel := context.WithCancel(ctx)
		s.Done(waiting)
		cancel()
		e.awaitNoWatch()
		e.must(s.SignIn(ctx, "bob"))
		e.must(s.Sync(ctx))
		e.awaitNoWatch()
		return nil
	})
}

func (e *env) awaitNoWatch() {
	e.Helper()
	testkit.Eventually(e, func() error {
		if watches, keys := session.Watched(e.Manager); watches > 0 || keys > 0 {
			return fmt.Errorf("%d watches are left, under %d keys", watches, keys)
		}
		return nil
	})
}

// A stream ends when its session does, however seldom the store is asked.
func TestAStreamEndsAtItsExpiryAndNotAtTheNextQuestion(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.State.TTL, cfg.State.WatchInterval = 300*time.Millisecond, time.Hour
	m, err := session.NewManager(cfg, store.New(memstore.New()))
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{e: &env{T: t, Manager: m}, m: m}
	b.visit(write("k", "v"))
	b.serve(func(ctx context.Context, s *session.Session) error {
		wantClosed(t, "an expired session", s.Done(ctx))
		return nil
	})
}

// A stream may wait with a deadline, again and again.
func TestWhatHasEndedIsWaitedForNoLonger(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("k", "v"))
	b.visit(func(ctx context.Context, s *session.Session) error {
		for range 100 {
			round, cancel := context.WithCancel(ctx)
			done := s.Done(round)
			cancel()
			<-done
		}
		s.Done(ctx)
		if n := session.Watching(s); n != 1 {
			t.Errorf("the session keeps %d watches, want one", n)
		}
		return nil
	})
}

// A panic of the backend is not the end of all streams of the process.
func TestAWatchOutlivesAPanicOfTheBackend(t *testing.T) {
	e := newEnv(t, watching(time.Millisecond))
	b := e.browser()
	b.visit(write("k", "v"))
	panicked := make(chan struct{}, 1)
	e.spy.intercept(func(op string) error {
		if op == "load" {
			select {
			case panicked <- struct{}{}:
			default:
			}
			panic("in the backend")
		}
		return nil
	})
	st := b.stream()
	for range 2 {
		<-panicked
	}
	st.wantOpen("while the backend panics")
	e.spy.intercept(nil)
	b.visit(invalidate)
	st.wantEnd("signed out")
}

// A session whose record another request finds gone has ended for all of them.
func TestAStreamEndsAtOnceWhenItsRecordIsFoundGone(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.signedIn("ada")
		st := e.streams(b)[0]
		if err := e.spy.Backend.Delete(t.Context(), b.key()); err != nil {
			t.Fatal(err)
		}
		e.harness.Advance(e, 2*store.Grace) // its mark is over
		st.wantOpen("before anybody knows")
		b.clone().visit(load)
		st.wantEnd("found gone")
	}, watching(time.Hour))
}

// A stream that asks while its own request renews the session goes on.
func TestAStreamWhoseSessionIsRenewedWhileItAsks(t *testing.T) {
	e := newEnv(t, watching(time.Millisecond))
	b := e.signedIn("ada")
	b.visit(func(ctx context.Context, s *session.Session) error {
		asked := false
		e.spy.intercept(func(op string) error {
			if op == "load" && !asked {
				asked = true
				e.must(errors.Join(s.CycleID(), s.Sync(ctx)))
			}
			return nil
		})
		e.calls()
		done := s.Done(ctx)
		e.awaitCalls("load", 2)
		e.spy.intercept(nil)
		select {
		case <-done:
			t.Error("the stream has ended")
		default:
		}
		return nil
	})
}

// A record that the store has lost ends its streams, long before it would expire.
func TestAStreamEndsWithARecordThatTheStoreHasLost(t *testing.T) {
	e := newEnv(t, watching(10*time.Millisecond))
	st := e.signedIn("ada").stream()
	e.spy.fail(store.ErrNotFound, "load")
	st.wantEnd("a lost record")
	e.spy.fail(nil)
}
