package session_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

func TestC9_ACorruptRecordIsAFreshSessionAndIsCountedAndKept(t *testing.T) {
	for _, missing := range []config.MissingServerState{config.MissingServerStateReject, config.MissingServerStateAllow} {
		t.Run(string(missing), func(t *testing.T) {
			reader := metric.NewManualReader()
			e := newEnv(t)
			cfg := config.Default()
			cfg.State.MissingServerState = missing
			m, err := session.NewManager(cfg, store.New(e.spy), session.WithClock(e.time),
				session.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
			if err != nil {
				t.Fatal(err)
			}
			e.Manager = m
			b := e.browser()
			b.visit(then(write("k", "v"), writeClient("k", "v")))
			bad := b.incoming().ID()
			e.spy.fail(store.ErrCorrupt, "load", "update", "change key")
			reading := b.clone()
			res := reading.visit(then(load, readClientKeys))
			if res.StatusCode != 200 {
				t.Errorf("a read: status %d", res.StatusCode)
			}
			reading.wantCookie(res, aRemoval)
			res = b.visit(write("fresh", "1"))
			if res.StatusCode != 200 {
				t.Errorf("a write: status %d", res.StatusCode)
			}
			e.spy.fail(nil)
			if b.incoming().ID() == bad {
				t.Error("the session goes on under the ID of a corrupt record")
			}
			b.wantRead("fresh", "1")
			if _, err := e.spy.Load(t.Context(), bad.Key()); err != nil {
				t.Errorf("the record is not kept: %v", err)
			}
			if got := countedBy(t, reader, "session.records.lost", "cause"); !maps.Equal(got, map[string]int64{"corrupt": 2}) {
				t.Errorf("lost records are counted as %v, want two that are corrupt", got)
			}
		})
	}
}

func TestLostRecordsAreCountedByCause(t *testing.T) {
	reader := metric.NewManualReader()
	e := newEnv(t)
	m, err := session.NewManager(config.Default(), store.New(e.spy), session.WithClock(e.time),
		session.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
	if err != nil {
		t.Fatal(err)
	}
	e.Manager = m
	b := e.browser()
	b.visit(write("k", "v"))
	late := b.clone()
	b.visit(invalidate)
	late.visit(load)                                                 // ended
	late.visit(signIn("ada"))                                        // ended, and counted once
	late.visit(func(ctx context.Context, s *session.Session) error { // over
		err := s.Set(ctx, "k", "v")
		e.advance(config.Default().State.MaxLifetime)
		return err
	})
	e.end(late)
	late.visit(load) // missing
	want := map[string]int64{"ended": 2, "over": 1, "missing": 1}
	if got := countedBy(t, reader, "session.records.lost", "cause"); !maps.Equal(got, want) {
		t.Errorf("lost records are counted as %v, want %v", got, want)
	}
}

func TestAStoreThatIsDownIsATypedErrorAndUntouchedRequestsAreUnharmed(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(write("k", "v"))
		e.spy.fail(errors.New("down"))
		if res := b.visit(nothing); res.StatusCode != 200 {
			t.Errorf("untouched: status %d", res.StatusCode)
		}
		b.visit(func(ctx context.Context, s *session.Session) error {
			var v string
			second := func(_ any, err error) error { return err }
			third := func(_, _ any, err error) error { return err }
			for i, err := range []error{
				second(s.Get(ctx, "k", &v)), third(s.GetRaw(ctx, "k")), second(s.Pop(ctx, "k", &v)), second(s.Keys(ctx)),
				second(s.IsEmpty(ctx)), second(s.Subject(ctx)), s.Load(ctx),
				session.NewField[string]("k").Update(ctx, s, func(v string) (string, error) { return v, nil }),
			} {
				if !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("read %d: %v", i, err)
				}
			}
			return s.Client().Clear(ctx)
		})
		for name, handle := range map[string]handler{
			"a write": write("k", "w"), "a new ID": cycle, "a logout": invalidate, "client state": writeClient("k", "w"),
		} {
			res := b.serve(handle)
			if res.StatusCode != 500 {
				t.Errorf("%s: status %d", name, res.StatusCode)
			}
			b.wantCookie(res, noCookie)
		}
		e.spy.fail(nil)
		b.wantRead("k", "v")
	})
}

func TestAfterAFailedSaveTheSessionIsClosed(t *testing.T) {
	e := newEnv(t)
	e.spy.fail(errors.New("down"))
	e.browser().serveHTTP(func(w http.ResponseWriter, r *http.Request) {
		e.touch(r)
		w.WriteHeader(http.StatusOK)
		if err := session.FromContext(r.Context()).Set(r.Context(), "k", 1); !errors.Is(err, session.ErrClosed) {
			t.Errorf("Set = %v", err)
		}
	})
}

func TestAFailedSaveCanBeSavedAgain(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(func(ctx context.Context, s *session.Session) error {
			err := s.Set(ctx, "k", "v")
			e.spy.fail(errors.New("down"))
			if err := s.Sync(ctx); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("Sync = %v", err)
			}
			e.spy.fail(nil)
			return err
		})
		b.wantRead("k", "v")
	})
}

func TestANewIDThatIsTakenIsMadeAgainButNotForEver(t *testing.T) {
	for _, op := range []string{"create", "change key"} {
		t.Run(op, func(t *testing.T) {
			e := newEnv(t)
			b := e.browser()
			begin, handle := nothing, handler(write("k", "v"))
			if op == "change key" {
				begin, handle = write("k", "v"), cycle
			}
			b.visit(begin)
			tries := 0
			e.spy.intercept(func(got string) error {
				if tries++; got == op && tries == 1 {
					return store.ErrDuplicateKey
				}
				return nil
			})
			b.wantCookie(b.visit(handle), aCookie)
			b.wantRead("k", "v")
			e.spy.fail(store.ErrDuplicateKey)
			e.calls()
			if res := e.browser().visit(write("k", "v")); res.StatusCode != 500 {
				t.Errorf("a store that finds every ID taken: status %d", res.StatusCode)
			}
			e.wantCalls("create", "create", "create", "create")
		})
	}
}

func TestAFullStoreRefusesNewSessionsAndKeepsThoseThatAreThere(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("k", "v"))
	e.spy.fail(store.ErrFull, "create")
	if res := e.browser().visit(write("k", "v")); res.StatusCode != 500 || len(res.Cookies()) != 0 {
		t.Errorf("status %d, %v", res.StatusCode, res.Cookies())
	}
	b.visit(write("k", "w"))
	b.wantRead("k", "w")
}

func TestSignInNeedsASubject(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(func(ctx context.Context, s *session.Session) error {
		if err := s.SignIn(ctx, ""); !errors.Is(err, session.ErrEmptySubject) {
			t.Errorf("SignIn = %v", err)
		}
		return nil
	})
	e.wantCalls()
	if res := b.serveHTTP(func(_ http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).SignIn(r.Context(), "a\x00b"); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("SignIn = %v", err)
		}
	}); res.StatusCode != 200 {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestSignInIsSeenAtOnceAndKeepsBothStates(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(write("k", "v"), writeClient("k", "v")))
		before := b.incoming().ID()
		b.visit(func(ctx context.Context, s *session.Session) error {
			err := s.SignIn(ctx, "ada")
			who, err2 := s.Subject(ctx)
			if who != "ada" {
				t.Errorf("%q is signed in", who)
			}
			return errors.Join(err, err2)
		})
		if b.incoming().ID() == before {
			t.Error("the ID from before the sign-in is still the session's")
		}
		if b.subject() != "ada" {
			t.Errorf("%q is signed in", b.subject())
		}
		b.wantRead("k", "v")
		if got := b.readClient("k"); got != "v" {
			t.Errorf("the client state is %q", got)
		}
		b.wantCookie(b.visit(func(ctx context.Context, s *session.Session) error { return s.SignOut(ctx) }), aRemoval)
	})
}

// A client state that the store cannot vouch for is not sent, however much of
// the TTL is left.
func TestAStoreThatIsDownRefusesClientStateThatIsDueToBeExtended(t *testing.T) {
	e := newEnv(t, ttl10h)
	b := e.browser()
	b.visit(write("k", "v"))
	e.advance(5 * time.Hour)
	e.spy.fail(errors.New("down"))
	res := b.visit(writeClient("k", "w"))
	if res.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d", res.StatusCode)
	}
	b.wantCookie(res, noCookie)
}
