package fxsession_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

// places are where an override can stand.
var places = map[string]func(override fx.Option, app ...fx.Option) fx.Option{
	"at the root": func(override fx.Option, app ...fx.Option) fx.Option {
		return fx.Options(fx.Options(app...), override)
	},
	"at the root, over a module": func(override fx.Option, app ...fx.Option) fx.Option {
		return fx.Options(override, fx.Module("app", fx.Module("sessions", app...)))
	},
	"in a module": func(override fx.Option, app ...fx.Option) fx.Option {
		return fx.Module("app", override, fx.Options(app...))
	},
	"in a module, over a module": func(override fx.Option, app ...fx.Option) fx.Option {
		return fx.Module("app", fx.Module("sessions", app...), override)
	},
}

func inEveryPlace(t *testing.T, test func(t *testing.T, place func(fx.Option, ...fx.Option) fx.Option)) {
	t.Helper()
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, place)
		})
	}
}

// nowhere is the configuration of a Redis that does not exist, so that an
// application which reaches for it does not start.
func nowhere() fx.Option { return onRedis("redis://127.0.0.1:1") }

// F4: a configuration in the place of the one that is loaded, which then is
// not even read.
func TestF4_ReplaceTheConfiguration(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Cookie.Name = "mine"
	inEveryPlace(t, func(t *testing.T, place func(fx.Option, ...fx.Option) fx.Option) {
		var m *session.Manager
		start(t, place(fx.Replace(cfg), fxsession.Module, fxsession.Config(config.WithFile("not-there.yaml"))),
			fx.Populate(&m))
		if got := m.CookieName(); got != "__Host-mine" {
			t.Errorf("the cookie is %s", got)
		}
	})
}

// F4: the loaded configuration, with a change.
func TestF4_DecorateTheConfiguration(t *testing.T) {
	t.Parallel()
	inEveryPlace(t, func(t *testing.T, place func(fx.Option, ...fx.Option) fx.Option) {
		var m *session.Manager
		insecure := fx.Decorate(func(cfg config.SessionConfig) config.SessionConfig {
			cfg.Cookie.Secure = false
			return cfg
		})
		start(t, place(insecure, fxsession.Module, environment("SESSION_COOKIE_NAME=mine")), fx.Populate(&m))
		if got := m.CookieName(); got != "mine" {
			t.Errorf("the cookie is %s", got)
		}
	})
}

// F4: a fake in the place of the Backend. The one that it replaces is not made
// and leaves no hook: under driver redis nothing is connected to.
func TestF4_ReplaceTheBackend(t *testing.T) {
	t.Parallel()
	inEveryPlace(t, func(t *testing.T, place func(fx.Option, ...fx.Option) fx.Option) {
		var s *store.SessionStore
		own := newFake()
		start(t, place(fx.Replace(fx.Annotate(own, fx.As(new(store.Backend)))), fxsession.Module, nowhere()),
			fx.Populate(&s))
		if err := s.Create(t.Context(), aKey, aRecord); err != nil {
			t.Fatal(err)
		}
		if !holds(t, own, aKey) {
			t.Error("the record is somewhere else")
		}
	})
}

// F4: the same over UseBackend, whose constructor does not run.
func TestF4_ReplaceTheApplicationsOwnBackend(t *testing.T) {
	t.Parallel()
	inEveryPlace(t, func(t *testing.T, place func(fx.Option, ...fx.Option) fx.Option) {
		var s *store.SessionStore
		own := newFake()
		start(t, place(fx.Replace(fx.Annotate(own, fx.As(new(store.Backend)))), fxsession.Module, nowhere(),
			fxsession.UseBackend(func() *fake { t.Error("made"); return newFake() })), fx.Populate(&s))
		if err := s.Create(t.Context(), aKey, aRecord); err != nil {
			t.Fatal(err)
		}
		if !holds(t, own, aKey) {
			t.Error("the record is somewhere else")
		}
	})
}

// counting is a Backend that counts the records that are created in another.
type counting struct {
	store.Backend
	created *atomic.Int64
}

func (b counting) Create(ctx context.Context, key store.Key, rec store.Record) error {
	b.created.Add(1)
	return b.Backend.Create(ctx, key, rec)
}

// F4: something around the Backend, whichever it is.
func TestF4_DecorateTheBackend(t *testing.T) {
	t.Parallel()
	for name, backend := range map[string]func(t *testing.T) fx.Option{
		"of the configuration": func(*testing.T) fx.Option { return environment() },
		"of the application": func(*testing.T) fx.Option {
			return fx.Options(environment(), fxsession.UseBackend(newFake))
		},
		"on redis": func(t *testing.T) fx.Option {
			namespace, _ := apart()
			return onRedis(sharedRedis.Get(t).URL(), namespace)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEveryPlace(t, func(t *testing.T, place func(fx.Option, ...fx.Option) fx.Option) {
				var s *store.SessionStore
				var created atomic.Int64
				around := fx.Decorate(func(b store.Backend) store.Backend { return counting{b, &created} })
				start(t, place(around, fxsession.Module, backend(t)), fx.Populate(&s))
				if err := s.Create(t.Context(), aKey, aRecord); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Load(t.Context(), aKey); err != nil || created.Load() != 1 {
					t.Errorf("%d created, load: %v", created.Load(), err)
				}
			})
		})
	}
}

// F4: both at once, a fake below and something around it; one in a module and
// one at the root.
func TestF4_DecorateAReplacedBackend(t *testing.T) {
	t.Parallel()
	var s *store.SessionStore
	var created atomic.Int64
	own := newFake()
	start(t, fx.Populate(&s),
		fx.Replace(fx.Annotate(own, fx.As(new(store.Backend)))),
		fx.Module("app", fxsession.Module, nowhere(),
			fx.Decorate(func(b store.Backend) store.Backend { return counting{b, &created} })))
	if err := s.Create(t.Context(), aKey, aRecord); err != nil {
		t.Fatal(err)
	}
	if !holds(t, own, aKey) || created.Load() != 1 {
		t.Errorf("%d created", created.Load())
	}
}

// F4: the Backend that comes out in the end is the one that is closed, and the
// one that was replaced is not there to be closed.
func TestF4_TheFinalBackendIsClosed(t *testing.T) {
	t.Parallel()
	closed := 0
	final := &closeRecorder{Backend: memstore.New(), onClose: func() { closed++ }}
	app := fx.New(fx.NopLogger, fxsession.Module, nowhere(), fx.Replace(fx.Annotate(final, fx.As(new(store.Backend)))))
	if err := app.Start(within(t)); err != nil {
		t.Fatal(err)
	}
	if closed != 0 {
		t.Error("closed before the stop")
	}
	if err := app.Stop(within(t)); err != nil {
		t.Fatal(err)
	}
	if closed != 1 {
		t.Errorf("closed %d times, want once", closed)
	}
}

// F4: a store of the test's own replaces the Backend below it, hooks and all.
func TestF4_ReplaceTheStore(t *testing.T) {
	t.Parallel()
	own := store.New(newFake())
	var m *session.Manager
	start(t, fxsession.Module, nowhere(), fx.Replace(own), fx.Populate(&m))
	s := m.New(nil)
	if err := s.SignIn(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if cookie, err := m.Finalize(t.Context(), s); err != nil || cookie == nil {
		t.Fatalf("cookie %v, %v", cookie, err)
	}
}

// F4: time, for tests that wait for nothing.
func TestF4_SupplyAClock(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	var m *session.Manager
	start(t, fxsession.Module, environment(), fx.Supply(fxsession.Clock(func() time.Time { return now })), fx.Populate(&m))
	s := m.New(nil)
	if err := s.SignIn(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	cookie, err := m.Finalize(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(cookie)
	for _, at := range []struct {
		age   time.Duration
		opens bool
	}{{24*time.Hour - time.Millisecond, true}, {24 * time.Hour, false}} {
		now = now.Add(at.age)
		if _, opens := m.Incoming(r); opens != at.opens {
			t.Errorf("after %s it opens: %t", at.age, opens)
		}
		now = now.Add(-at.age)
	}
}
