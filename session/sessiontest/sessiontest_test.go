package sessiontest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/session/sessiontest"
)

// greet is an application's handler.
func greet(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	who, err := s.Subject(r.Context())
	if err != nil {
		session.HandleError(w, r, err)
		return
	}
	if err := s.Set(r.Context(), "greeted", true); err != nil {
		session.HandleError(w, r, err)
		return
	}
	fmt.Fprintf(w, "hello, %s", who)
}

func signedIn(ctx context.Context, s *session.Session) error { return s.SignIn(ctx, "ada") }

func TestAHandlerSeesTheSessionThatARequestCarriesAndATestSeesWhatItLeaves(t *testing.T) {
	t.Parallel()
	m := sessiontest.NewManager(t)
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: "other", Value: "kept"})
	r = sessiontest.Carry(t, m, r, func(context.Context, *session.Session) error { return nil })
	if len(r.Cookies()) != 1 {
		t.Errorf("an empty session is carried: %v", r.Cookies())
	}
	r = sessiontest.Carry(t, m, r, signedIn)
	r = sessiontest.Carry(t, m, r, signedIn) // in the place of the first
	if len(r.Cookies()) != 2 {
		t.Errorf("the request carries %v", r.Cookies())
	}

	w := httptest.NewRecorder()
	m.Middleware(http.HandlerFunc(greet)).ServeHTTP(w, r)
	if body, _ := io.ReadAll(w.Result().Body); string(body) != "hello, ada" {
		t.Errorf("the handler says %q", body)
	}
	s := sessiontest.Look(t, m, r, w.Result())
	var greeted bool
	if _, err := s.Get(t.Context(), "greeted", &greeted); err != nil || !greeted {
		t.Errorf("greeted is %v, %v", greeted, err)
	}
}

func TestNextFollowsNewIDsAndRemovals(t *testing.T) {
	t.Parallel()
	m := sessiontest.NewManager(t)
	r := sessiontest.Carry(t, m, httptest.NewRequest("GET", "/", nil), signedIn)
	serve := func(handle func(*session.Session) error) *http.Response {
		w := httptest.NewRecorder()
		m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := handle(session.FromContext(r.Context())); err != nil {
				t.Error(err)
			}
		})).ServeHTTP(w, r)
		return w.Result()
	}
	before, _ := m.Incoming(r)
	r = sessiontest.Next(m, r, serve((*session.Session).CycleID))
	after, ok := m.Incoming(r)
	if !ok || before.ID() == after.ID() {
		t.Error("the next request carries the old ID")
	}
	res := serve((*session.Session).Invalidate)
	if who, err := sessiontest.Look(t, m, r, res).Subject(t.Context()); who != "" || err != nil {
		t.Errorf("after the end %q is signed in, %v", who, err)
	}
	if r = sessiontest.Next(m, r, res); len(r.Cookies()) != 0 {
		t.Errorf("after the end the client sends %v", r.Cookies())
	}
}

// recorder notes that a test was ended.
type recorder struct {
	testing.TB
	fatal string
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return context.Background() }
func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = fmt.Sprintf(format, args...)
	panic(r)
}

func TestWhatCannotBeSetUpEndsTheTest(t *testing.T) {
	t.Parallel()
	m := sessiontest.NewManager(t)
	backend := sessiontest.NewBackend()
	down := sessiontest.NewManagerOver(t, backend)
	backend.Fail(errors.New("down"), sessiontest.Create)
	for name, setUp := range map[string]func(tb testing.TB){
		"a wrong configuration": func(tb testing.TB) {
			sessiontest.NewManager(tb, func(cfg *config.SessionConfig) { cfg.State.TTL = -time.Second })
		},
		"fill fails": func(tb testing.TB) {
			sessiontest.Carry(tb, m, httptest.NewRequest("GET", "/", nil), func(context.Context, *session.Session) error { return errors.New("no") })
		},
		"the save fails": func(tb testing.TB) {
			sessiontest.Carry(tb, down, httptest.NewRequest("GET", "/", nil), func(ctx context.Context, s *session.Session) error {
				return session.NewField[int]("n").Set(ctx, s, 1)
			})
		},
	} {
		r := &recorder{TB: t}
		func() {
			defer func() { _ = recover() }()
			setUp(r)
		}()
		if r.fatal == "" {
			t.Errorf("%s: the test goes on", name)
		}
	}
}
