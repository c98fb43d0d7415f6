package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

var counter = session.NewField[int]("n")

func inc(n int) (int, error) { return n + 1, nil }

func increment(ctx context.Context, s *session.Session) error { return counter.Update(ctx, s, inc) }

// wantCount checks the counter of the browser's session.
func (b *browser) wantCount(want int) {
	b.e.Helper()
	b.visit(func(ctx context.Context, s *session.Session) error {
		n, _, err := counter.Get(ctx, s)
		if n != want {
			b.e.Errorf("n is %d, want %d", n, want)
		}
		return err
	})
}

func TestA20_AnUpdateLosesNothingWhenAnotherGoroutineSavesWhileItRuns(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("n", 0))
	b.visit(func(ctx context.Context, s *session.Session) error {
		if err := s.Set(ctx, "x", 1); err != nil {
			return err
		}
		var once sync.Once
		return counter.Update(ctx, s, func(n int) (int, error) {
			once.Do(func() {
				saved := make(chan error)
				go func() { saved <- s.Sync(ctx) }()
				if err := <-saved; err != nil {
					t.Error(err)
				}
				b.clone().visit(increment) // and another request adds one
			})
			return n + 1, nil
		})
	})
	b.wantCount(2)
}

func TestA20_GoroutinesThatUpdateAndSaveInOverlappingRequestsLoseNothing(t *testing.T) {
	e := newEnv(t)
	for range 50 {
		b := e.browser()
		b.visit(write("n", 0))
		var requests sync.WaitGroup
		for range 4 {
			requests.Go(func() {
				b.serve(func(ctx context.Context, s *session.Session) error {
					var all sync.WaitGroup
					for range 5 {
						all.Go(func() {
							if err := increment(ctx, s); err != nil {
								t.Error(err)
							}
						})
						all.Go(func() {
							if err := errors.Join(s.Set(ctx, "x", 1), s.Sync(ctx)); err != nil {
								t.Error(err)
							}
						})
					}
					all.Wait()
					return nil
				})
			})
		}
		requests.Wait()
		b.wantCount(20)
	}
}

func TestA20_AnUpdateThatFailedAtOneSaveIsNotDroppedByTheNext(t *testing.T) {
	soldOut := errors.New("sold out")
	e := newEnv(t)
	b := e.browser()
	b.visit(write("n", 1))
	res := b.visit(func(ctx context.Context, s *session.Session) error {
		take := func(n int) (int, error) {
			if n == 0 {
				return 0, soldOut
			}
			return n - 1, nil
		}
		err := errors.Join(counter.Update(ctx, s, take), s.Set(ctx, "order", "placed"))
		b.clone().visit(write("n", 0))
		if err := s.Sync(ctx); !errors.Is(err, soldOut) {
			t.Errorf("Sync = %v", err)
		}
		return err
	})
	if res.StatusCode != 500 {
		t.Errorf("status %d for an order that could not be placed", res.StatusCode)
	}
	b.wantRead("order", "")
}

func TestA20_AnUpdateWhoseFunctionWritesTheSessionIsAnError(t *testing.T) {
	e := newEnv(t)
	e.browser().visit(func(ctx context.Context, s *session.Session) error {
		for _, state := range []session.State{s, s.Client()} {
			err := counter.Update(ctx, state, func(n int) (int, error) { return n + 1, s.Set(ctx, "other", n) })
			if err == nil {
				t.Error("it is none")
			}
		}
		gone, cancel := context.WithCancel(ctx)
		err := counter.Update(gone, s, func(n int) (int, error) {
			cancel()
			return n + 1, s.Set(ctx, "other", n)
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that ends: %v", err)
		}
		return nil
	})
}

// Nor may it save the session. It can the first time, and not when it runs again,
// as part of a save: so that Sync waits no longer than its context.
func TestA20_AnUpdateWhoseFunctionSavesTheSessionGetsAnError(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("n", 0))
	var errs []error
	b.visit(func(ctx context.Context, s *session.Session) error {
		return counter.Update(ctx, s, func(n int) (int, error) {
			if len(errs) == 0 {
				b.clone().visit(increment) // so that it runs again
			}
			within, cancel := context.WithCancel(ctx)
			defer cancel()
			time.AfterFunc(10*time.Millisecond, cancel)
			errs = append(errs, s.Sync(within))
			return n + 1, nil
		})
	})
	if len(errs) != 2 || errs[0] != nil || !errors.Is(errs[1], context.Canceled) || !strings.Contains(errs[1].Error(), "another save") {
		t.Errorf("Sync = %v", errs)
	}
	b.wantCount(2)
}

// answersLost is a backend that does what it is asked, and whose answers get
// lost.
type answersLost struct {
	store.Backend
	lost bool
}

func (b *answersLost) answer(err error) error {
	if err == nil && b.lost {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (b *answersLost) Create(ctx context.Context, key store.Key, rec store.Record) error {
	return b.answer(b.Backend.Create(ctx, key, rec))
}

func (b *answersLost) Update(ctx context.Context, key store.Key, ch store.Change) error {
	return b.answer(b.Backend.Update(ctx, key, ch))
}

func (b *answersLost) ChangeKey(ctx context.Context, from, to store.Key, ch store.Change) error {
	return b.answer(b.Backend.ChangeKey(ctx, from, to, ch))
}

func (b *answersLost) Delete(ctx context.Context, key store.Key) error {
	return b.answer(b.Backend.Delete(ctx, key))
}

func (b *answersLost) ListBySubject(ctx context.Context, subject string) ([]store.Entry, error) {
	return b.Backend.(store.SubjectIndex).ListBySubject(ctx, subject)
}

func (b *answersLost) DeleteBySubject(ctx context.Context, subject string, except ...store.Key) (int, error) {
	return b.Backend.(store.SubjectIndex).DeleteBySubject(ctx, subject, except...)
}

// losing makes the backend lose its answers to one Sync.
func (e *env) losing() (syncInDoubt handler) {
	lossy := &answersLost{Backend: e.spy.Backend}
	e.spy.Backend = lossy
	return func(ctx context.Context, s *session.Session) error {
		lossy.lost = true
		defer func() { lossy.lost = false }()
		if err := s.Sync(ctx); !errors.Is(err, store.ErrUnavailable) {
			e.Errorf("Sync = %v", err)
		}
		return nil
	}
}

func TestA13_AWriteWhoseOutcomeIsNotKnownDoesNotHappenTwice(t *testing.T) {
	eachBackend(t, func(e *env) {
		syncInDoubt := e.losing()
		b := e.browser()
		b.visit(write("n", 0))
		if res := b.visit(then(increment, syncInDoubt)); res.StatusCode != 500 {
			t.Errorf("an update in doubt: status %d", res.StatusCode)
		}
		b.wantCount(1)
		before := b.incoming().ID().Key()
		if res := b.visit(then(cycle, syncInDoubt)); res.StatusCode != 500 || b.setCookie(res) != nil {
			t.Errorf("a new ID in doubt: status %d", res.StatusCode)
		}
		if _, err := e.spy.Load(e.Context(), before); !errors.Is(err, store.ErrRenewed) { // it did take place
			t.Errorf("the record before: %v", err)
		}

		// What can be said twice is said again, and a record that may have been
		// created is not left where nobody can reach it.
		b = e.browser()
		e.calls()
		b.wantCookie(b.visit(then(signIn("ada"), write("a", "1"), syncInDoubt, write("b", "2"),
			func(ctx context.Context, s *session.Session) error { return s.Remove(ctx, "a") })), aCookie)
		e.wantCalls("create", "create", "update")
		b.wantRead("a", "")
		b.wantRead("b", "2")
		if got := b.subject(); got != "ada" {
			t.Errorf("%q is signed in", got)
		}
		b.visit(then(write("c", "3"), syncInDoubt))
		b.wantRead("c", "3")
	})
}

// A session that the request itself has ended was not ended by another one,
// though the answer that said so was lost.
func TestAnEndWhoseOutcomeIsNotKnownIsSaidAgain(t *testing.T) {
	eachBackend(t, func(e *env) {
		syncInDoubt := e.losing()
		for name, row := range map[string]struct {
			end  handler
			want change
			says string // what the next request finds
		}{
			"Invalidate":           {invalidate, aRemoval, ""},
			"Reset":                {func(_ context.Context, s *session.Session) error { return s.Reset() }, aRemoval, ""},
			"Reset, and a message": {then(func(_ context.Context, s *session.Session) error { return s.Reset() }, write("k", "bye")), aCookie, "bye"},
			"Delete, and a message": {
				then(func(_ context.Context, s *session.Session) error { return s.Delete() }, write("k", "bye")), aCookie, "bye",
			},
		} {
			b := e.browser()
			b.visit(then(signIn("ada"), write("k", "v")))
			res := b.visit(then(row.end, syncInDoubt))
			if res.StatusCode != http.StatusOK {
				t.Errorf("%s: status %d", name, res.StatusCode)
			}
			b.wantCookie(res, row.want)
			if got := b.read("k"); got != row.says {
				t.Errorf("%s: k is %q, want %q", name, got, row.says)
			}
		}
	})
}

// What an attempt whose answer was lost has created lives as long as its cookie
// or, where it is not wanted any more, not at all.
func TestARecordThatMayHaveBeenCreatedIsSetRightOrTakenBack(t *testing.T) {
	for name, threshold := range map[string]float64{"extended": 0.8, "never extended": 0} {
		t.Run(name, func(t *testing.T) {
			eachBackend(t, mayHaveBeenCreated, func(cfg *config.SessionConfig) { cfg.State.TTLExtensionThreshold = threshold })
		})
	}
}

func mayHaveBeenCreated(e *env) {
	t := e.T
	syncInDoubt := e.losing()
	b := e.browser()
	b.visit(then(write("a", "1"), syncInDoubt, func(ctx context.Context, s *session.Session) error {
		return s.SignIn(ctx, "ada", session.SignInTTL(20*24*time.Hour))
	}))
	if got := b.remaining(); got != 20*24*time.Hour {
		t.Errorf("the record lives %s", got)
	}
	if got := b.incoming().ExpiresAt().Sub(e.time()); got != 20*24*time.Hour {
		t.Errorf("the cookie lives %s", got)
	}

	b = e.browser()
	b.wantCookie(b.visit(then(signIn("ada"), syncInDoubt, invalidate)), noCookie)
	if _, err := e.spy.Backend.Load(t.Context(), e.spy.lastKey()); !errors.Is(err, store.ErrEnded) {
		t.Errorf("what nobody holds: %v", err)
	}
}

// Who signs in to it is told once, when that is stored.
func TestARecordThatMayHaveBeenCreatedIsSignedInToOnce(t *testing.T) {
	for name, before := range map[string]handler{"anonymous": nothing, "as somebody else": signIn("bob"), "as the same": signIn("ada")} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			syncInDoubt := e.losing()
			b := e.browser()
			b.visit(then(write("a", "1"), before, syncInDoubt, signIn("ada")))
			b.wantSubject("ada")
			if events := e.wantEvents(session.EventCreated, session.EventSignedIn); events[1].Subject != "ada" {
				t.Errorf("%+v", events)
			}
		})
	}
}

// Nor is it forgotten because the store refuses to create it again.
func TestARecordThatMayHaveBeenCreatedIsTakenBackThoughTheStoreIsFull(t *testing.T) {
	e := newEnv(t)
	syncInDoubt := e.losing()
	b := e.browser()
	b.visit(then(signIn("ada"), syncInDoubt, func(ctx context.Context, s *session.Session) error {
		e.spy.intercept(func(op string) error {
			if op == "create" {
				return store.ErrFull
			}
			return nil
		})
		defer e.spy.intercept(nil)
		if err := s.Sync(ctx); !errors.Is(err, store.ErrFull) {
			t.Errorf("Sync = %v", err)
		}
		return nil
	}))
	b.wantSubject("ada")
	if n := len(b.devices("ada")); n != 1 {
		t.Errorf("ada has %d sessions", n)
	}
}

// Nor does what was never created keep a request from going on without it.
func TestARecordThatWasNotCreatedNeedsNoTakingBack(t *testing.T) {
	e := newEnv(t)
	res := e.browser().visit(then(signIn("ada"), func(ctx context.Context, s *session.Session) error {
		e.spy.fail(errors.New("away"), "create")
		if err := s.Sync(ctx); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Sync = %v", err)
		}
		e.spy.fail(nil)
		return s.Invalidate()
	}))
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d", res.StatusCode)
	}
}

// Who has gone keeps nothing from being tried: the save goes on.
func TestB7_ASyncForNobodyLeavesTheSessionToItsSave(t *testing.T) {
	for name, do := range map[string]handler{"a sign-in": signIn("ada"), "an update": increment} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			b := e.browser()
			b.visit(write("n", 0))
			res := b.visit(then(do, func(ctx context.Context, s *session.Session) error {
				ctx, goAway := context.WithCancel(ctx)
				goAway()
				if err := s.Sync(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("Sync = %v", err)
				}
				if _, err := e.Finalize(ctx, s); !errors.Is(err, context.Canceled) {
					t.Errorf("Finalize = %v", err)
				}
				return nil
			}))
			if res.StatusCode != http.StatusOK {
				t.Errorf("status %d", res.StatusCode)
			}
		})
	}
}

func TestB8_ARecordIsNotCreatedAfterTheResponseHasStarted(t *testing.T) {
	for name, fault := range map[string]func(e *env, b *browser, ctx context.Context, s *session.Session) error{
		"a load finds it missing": func(e *env, b *browser, ctx context.Context, s *session.Session) error {
			e.end(b)
			return errors.Join(s.Set(ctx, "a", 1), s.Load(ctx))
		},
		"a conflict finds it missing": func(e *env, b *browser, ctx context.Context, s *session.Session) error {
			err := increment(ctx, s)
			b.clone().visit(write("x", 1))
			e.spy.intercept(func(op string) error {
				if op == "load" {
					return store.ErrNotFound
				}
				return nil
			})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			b := e.browser()
			b.visit(write("n", 1))
			defer func() {
				if got := recover(); got != http.ErrAbortHandler {
					t.Errorf("the response is not broken off: %v", got)
				}
				for _, op := range e.calls() {
					if op == "create" {
						t.Error("a record was created that nobody can reach")
					}
				}
			}()
			b.serveHTTP(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(200)
				e.calls()
				if err := fault(e, b, r.Context(), session.FromContext(r.Context())); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A handler that has learned from Sync that its session has ended can finish its
// response; one that has not looked, or has written since, cannot.
func TestB8_AResponseWhoseHandlerKnowsThatItsSessionHasEndedIsWhole(t *testing.T) {
	for name, c := range map[string]struct {
		act   handler
		whole bool
	}{
		"it knows": {func(ctx context.Context, s *session.Session) error {
			if err := s.Set(ctx, "k", "v"); err != nil {
				return err
			}
			if err := s.Sync(ctx); !errors.Is(err, store.ErrEnded) {
				return fmt.Errorf("Sync = %w", err)
			}
			if err := s.Set(ctx, "k", "w"); !errors.Is(err, store.ErrEnded) {
				return fmt.Errorf("Set = %w", err)
			}
			return nil
		}, true},
		"it has not looked": {write("k", "v"), false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			b := e.browser()
			b.visit(write("n", 1))
			whole := true
			func() {
				defer func() {
					if got := recover(); got != nil {
						whole = false
					}
				}()
				b.serveHTTP(func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(200)
					b.clone().visit(invalidate)
					if err := c.act(r.Context(), session.FromContext(r.Context())); err != nil {
						t.Error(err)
					}
				})
			}()
			if whole != c.whole {
				t.Errorf("the response is whole: %t, want %t", whole, c.whole)
			}
		})
	}
}

func TestD2_ACookieOwedSinceAnEarlySyncDoesNotUndoALogin(t *testing.T) {
	for name, change := range map[string]handler{"client state": writeClient("theme", "dark"), "an extension": load} {
		for ending, end := range endings {
			t.Run(name+"/"+ending, func(t *testing.T) {
				eachBackend(t, func(e *env) {
					b := e.browser()
					b.visit(write("k", "v"))
					e.advance(5 * time.Hour)
					slow := b.clone()
					res := slow.serve(func(ctx context.Context, s *session.Session) error {
						err := errors.Join(change(ctx, s), s.Sync(ctx))
						end(b)
						return err
					})
					slow.wantCookie(res, noCookie)
				}, ttl10h)
			})
		}
	}
}

func TestD2_AFailedSignInUnderAnEndedSessionTakesNoCookieAway(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("k", "v"))
	res := b.serve(func(ctx context.Context, s *session.Session) error {
		b.clone().visit(cycle)
		err := s.SignIn(ctx, "ada")
		e.spy.fail(errors.New("down"), "create")
		if err := s.Sync(ctx); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Sync = %v", err)
		}
		return errors.Join(err, s.Reset())
	})
	b.wantCookie(res, noCookie)
}

func TestA8_RemoveAndClearReachWhatAnotherRequestWroteMeanwhile(t *testing.T) {
	for name, drop := range map[string]handler{
		"Remove": func(ctx context.Context, s *session.Session) error { return s.Remove(ctx, "k") },
		"Clear":  func(ctx context.Context, s *session.Session) error { return s.Clear(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			eachBackend(t, func(e *env) {
				b := e.browser()
				b.visit(signIn("ada"))
				b.visit(then(load, func(ctx context.Context, s *session.Session) error {
					b.serve(write("k", "v"))
					return drop(ctx, s)
				}))
				b.wantRead("k", "")
			})
		})
	}
}

// ownContext is what a framework may put into a request: it has no name of its
// own for fmt to print.
type ownContext struct {
	context.Context
	values map[string]string
}

func TestA19_AContextPrintsNothingOfTheContextsItIsMadeOf(t *testing.T) {
	e := newEnv(t)
	r := httptest.NewRequestWithContext(&ownContext{t.Context(), map[string]string{"k": "top secret"}}, http.MethodGet, "/", nil)
	e.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if text := fmt.Sprint(r.Context()); text != "*session_test.ownContext.WithSession" {
			t.Errorf("it prints %q", text)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}

func TestA19_AContextPrintsNothingOfItsSession(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(then(write("k", "top secret"), writeClient("k", "top secret")))
	in := b.incoming()
	type holder struct{ ctx context.Context }
	for name, handle := range map[string]handler{"untouched": nothing, "loaded": load} {
		b.visit(then(handle, func(ctx context.Context, _ *session.Session) error {
			var out strings.Builder
			slog.New(slog.NewTextHandler(&out, nil)).Info("m", "ctx", ctx)
			texts := []string{out.String(), fmt.Sprint(context.WithValue(ctx, holder{}, 1))}
			for _, v := range []any{ctx, holder{ctx}, &holder{ctx}} {
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%q", "%x", "%t"} {
					texts = append(texts, fmt.Sprintf(verb, v))
				}
			}
			for _, text := range texts {
				// The context of a test's request is that of no server: nothing
				// in it is the session's but what the middleware has put there.
				for _, leak := range leaks(b, in) {
					if strings.Contains(strings.ToLower(text), leak) {
						t.Errorf("%s: a context prints %.200q", name, text)
					}
				}
			}
			return nil
		}))
	}
}

func TestA21_AValueThatIsNotUTF8IsRefused(t *testing.T) {
	e := newEnv(t)
	raw := json.RawMessage("\"\xff\"")
	e.browser().visit(func(ctx context.Context, s *session.Session) error {
		for i, err := range []error{
			s.SetRaw(ctx, "k", raw), s.Set(ctx, "k", raw), s.Client().SetRaw(ctx, "k", raw), s.Client().Set(ctx, "k", raw),
		} {
			if !errors.Is(err, session.ErrInvalidValue) {
				t.Errorf("write %d: %v", i, err)
			}
		}
		return nil
	})
}

// decoder is a value that asks something while it is decoded.
type decoder struct{}

var decoding struct {
	sync.Mutex
	ask func()
}

func (*decoder) UnmarshalJSON([]byte) error { decoding.ask(); return nil }

func TestPopDecodesWhileTheSessionIsNotLocked(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(then(write("k", "v"), writeClient("k", "v")))
	b.visit(func(ctx context.Context, s *session.Session) error {
		decoding.Lock()
		defer decoding.Unlock()
		asked := 0
		decoding.ask = func() {
			asked++
			if _, err := s.IsEmpty(ctx); err != nil {
				t.Error(err)
			}
		}
		_, err := s.Pop(ctx, "k", &decoder{})
		_, err2 := s.Client().Pop(ctx, "k", &decoder{})
		if asked != 2 {
			t.Errorf("%d values were decoded", asked)
		}
		return errors.Join(err, err2)
	})
}

func TestABackendThatFindsNothingToCreateDoesNotHoldARequestForEver(t *testing.T) {
	e := newEnv(t)
	e.spy.fail(store.ErrNotFound)
	if res := e.browser().visit(write("k", "v")); res.StatusCode != 500 {
		t.Errorf("status %d", res.StatusCode)
	}
	e.wantCalls("create")
}

func TestTimesAtTheirLimits(t *testing.T) {
	for _, ttl := range []time.Duration{1, time.Millisecond, math.MaxInt64, math.MaxInt64 - time.Millisecond, 10 * 365 * 24 * time.Hour} {
		t.Run(ttl.String(), func(t *testing.T) {
			e := newEnv(t, func(cfg *config.SessionConfig) { cfg.State.TTL, cfg.State.MaxLifetime = ttl, 0 })
			b := e.browser()
			if res := b.visit(write("k", "v")); res.StatusCode != 200 {
				t.Errorf("status %d", res.StatusCode)
			}
			b.wantRead("k", "v")
			e.advance(min(ttl, 100*365*24*time.Hour) + time.Millisecond)
			if got := b.read("k"); (got == "v") != (ttl > 100*365*24*time.Hour) {
				t.Errorf("after its TTL, or a century, the value is %q", got)
			}
		})
	}
}

func TestAClockThatGoesBackKeepsTheSession(t *testing.T) {
	e := newEnv(t, func(cfg *config.SessionConfig) {
		cfg.State.TTL = time.Second
		cfg.State.ServerStateCreation = config.ServerStateCreationSkipIfEmpty
	})
	b := e.browser()
	b.visit(writeClient("c", "v"))
	e.skew(-2 * time.Second)
	b.visit(write("k", "v"))
	b.wantRead("k", "v")
}

func TestAResetInTheMillisecondOfItsBeginningSendsACookie(t *testing.T) {
	e := newEnv(t, func(cfg *config.SessionConfig) { cfg.State.ServerStateCreation = config.ServerStateCreationSkipIfEmpty })
	b := e.browser()
	b.visit(writeClient("old", "v"))
	b.visit(func(ctx context.Context, s *session.Session) error {
		return errors.Join(s.Reset(), s.Set(ctx, "k", "v"), s.Sync(ctx), s.Delete())
	})
	if got := b.readClient("old"); got != "" {
		t.Errorf("after Reset the client state is %q", got)
	}
}

func TestA15_ALimitThatBecameShorterIsReachedDuringARequest(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("k", "v"))
	b.visit(func(_ context.Context, s *session.Session) error { return s.Delete() })
	b.m = e.manager(func(cfg *config.SessionConfig) { cfg.State.TTL, cfg.State.MaxLifetime = time.Hour, time.Hour })
	e.advance(time.Hour - time.Millisecond)
	res := b.visit(func(ctx context.Context, s *session.Session) error {
		err := s.Load(ctx)
		e.advance(time.Minute)
		return errors.Join(err, s.Set(ctx, "k", "v"))
	})
	if res.StatusCode != 200 {
		t.Errorf("status %d", res.StatusCode)
	}
	b.wantRead("k", "v")
}

func TestANilLoggerAndANilClockAreTheDefaults(t *testing.T) {
	t.Parallel()
	m, err := session.NewManager(config.Default(), store.New(nilBackend{}), session.WithLogger(nil), session.WithClock(nil))
	if err != nil {
		t.Fatal(err)
	}
	other, err := session.NewManager(config.Default(), store.New(nilBackend{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Finalize(t.Context(), m.New(nil)); err == nil {
		t.Error("Finalize takes the session of another Manager")
	}
}

// A response may start while goroutines of its handler load and save the
// session, in whichever order they come to it.
func TestAResponseStartsWhileTheSessionIsSaved(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("k", "v"))
	for first := range 3 {
		begun, answer := make(chan struct{}), make(chan struct{})
		e.spy.intercept(func(op string) error {
			if op == "load" {
				close(begun)
				<-answer
			}
			return nil
		})
		var res *http.Response
		within(t, "the response", func() {
			res = b.serveHTTP(func(w http.ResponseWriter, r *http.Request) {
				ctx, s := r.Context(), session.FromContext(r.Context())
				var all sync.WaitGroup
				together := func(f func() error) {
					all.Go(func() {
						if err := f(); err != nil {
							t.Error(err)
						}
					})
				}
				together(func() error { return s.Load(ctx) })
				<-begun
				for i := range 3 { // each waits for the one before
					if i == first {
						together(func() error { _, err := io.WriteString(w, "begun"); return err })
					} else {
						together(func() error { return s.Sync(ctx) })
					}
					testkit.AwaitLocks(t, i+1)
				}
				close(answer)
				all.Wait()
			})
		})
		e.spy.intercept(nil)
		if t.Failed() {
			return
		}
		if res.StatusCode != http.StatusOK {
			t.Errorf("status %d", res.StatusCode)
		}
		b.wantRead("k", "v")
	}
}

// An update whose record could not be read again is made by the next save.
func TestA20_AnUpdateWhoseReloadFailedIsMadeByTheNextSave(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("n", 1))
	b.visit(then(increment, func(ctx context.Context, s *session.Session) error {
		b.clone().visit(write("n", 10))
		e.spy.fail(errors.New("down"), "load")
		defer e.spy.fail(nil)
		if err := s.Sync(ctx); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Sync = %v", err)
		}
		return nil
	}))
	b.wantCount(11)
}

// An update that read what a failed save had made of another one, and not the
// record, runs again.
func TestA20_AnUpdateThatReadBesideASaveThatFailedLosesNothing(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("n", 0))
	b.visit(func(ctx context.Context, s *session.Session) error {
		again, hasRead, failed := make(chan struct{}), make(chan struct{}), make(chan struct{})
		runs := 0
		err := counter.Update(ctx, s, func(n int) (int, error) {
			if runs++; runs == 2 { // over what the other request has stored
				close(again)
				<-hasRead
			}
			return n + 1, nil
		})
		b.clone().visit(func(ctx context.Context, s *session.Session) error {
			return counter.Update(ctx, s, func(n int) (int, error) { return n + 100, nil })
		})
		beside := make(chan error)
		go func() {
			<-again
			var once sync.Once
			beside <- counter.Update(ctx, s, func(n int) (int, error) {
				once.Do(func() { close(hasRead); <-failed })
				return n + 10, nil
			})
		}()
		updates := 0
		e.spy.intercept(func(op string) error {
			if op != "update" {
				return nil
			}
			if updates++; updates == 2 {
				return store.ErrFull
			}
			return nil
		})
		if err := s.Sync(ctx); !errors.Is(err, store.ErrFull) {
			t.Errorf("Sync = %v, want the store to be full", err)
		}
		close(failed)
		return errors.Join(err, <-beside)
	})
	b.wantCount(111)
}

// What is taken away after an update stays away, though the update has to run
// again.
func TestA20_WhatIsRemovedAfterAnUpdateDoesNotComeBack(t *testing.T) {
	n := session.NewField[int]("n")
	for name, drop := range map[string]handler{
		"Clear":  func(ctx context.Context, s *session.Session) error { return s.Clear(ctx) },
		"Pop":    func(ctx context.Context, s *session.Session) error { _, _, err := n.Pop(ctx, s); return err },
		"Remove": func(ctx context.Context, s *session.Session) error { return n.Remove(ctx, s) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			b := e.browser()
			b.visit(then(write("n", 1), write("m", 1)))
			b.visit(then(increment, drop, func(ctx context.Context, s *session.Session) error {
				err := session.NewField[int]("m").Update(ctx, s, func(m int) (int, error) { return m + 1, nil })
				b.clone().visit(write("other", 1)) // so that updates run again
				return err
			}))
			b.visit(func(ctx context.Context, s *session.Session) error {
				if v, there, err := n.Get(ctx, s); there || err != nil {
					t.Errorf("n is %d, %v", v, err)
				}
				return nil
			})
		})
	}
}

// Others can write to a record from the moment on at which a Sync has made it.
func TestA8_WhatOthersWroteSinceAnEarlySyncCanBeRemoved(t *testing.T) {
	for name, remove := range map[string]handler{
		"Clear":  func(ctx context.Context, s *session.Session) error { return s.Clear(ctx) },
		"Remove": func(ctx context.Context, s *session.Session) error { return s.Remove(ctx, "theirs") },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			b, others := e.browser(), e.browser()
			b.serveHTTP(func(w http.ResponseWriter, r *http.Request) {
				ctx, s := r.Context(), session.FromContext(r.Context())
				if err := errors.Join(s.Set(ctx, "k", "v"), s.Sync(ctx)); err != nil {
					t.Error(err)
				}
				w.WriteHeader(http.StatusOK)
				others.receive(&http.Response{Header: w.Header()})
				others.visit(write("theirs", "1"))
				if err := remove(ctx, s); err != nil {
					t.Error(err)
				}
			})
			others.wantRead("theirs", "")
		})
	}
}

// The same where nothing but the client state is owed.
func TestD2_AClientStateOwedSinceAnEarlySyncDoesNotUndoALogin(t *testing.T) {
	for ending, end := range endings {
		t.Run(ending, func(t *testing.T) {
			eachBackend(t, func(e *env) {
				b := e.browser()
				b.visit(write("k", "v"))
				slow := b.clone()
				slow.wantCookie(slow.serve(func(ctx context.Context, s *session.Session) error {
					err := errors.Join(writeClient("theme", "dark")(ctx, s), s.Sync(ctx))
					end(b)
					return err
				}), noCookie)
			})
		})
	}
}
