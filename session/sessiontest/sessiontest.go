// Package sessiontest is for the tests of applications: it gives a request a
// session to carry, and looks into the session that a response leaves behind.
//
//	m := sessiontest.NewManager(t)
//	r := sessiontest.Carry(t, m, httptest.NewRequest("GET", "/cart", nil), func(ctx context.Context, s *session.Session) error {
//		return s.SignIn(ctx, "ada")
//	})
//	w := httptest.NewRecorder()
//	m.Middleware(handler).ServeHTTP(w, r)
//	s := sessiontest.Look(t, m, r, w.Result())
//
// It works with any Manager, such as the one that an application's own graph
// provides. It knows nothing of how a test makes requests.
package sessiontest

import (
	"context"
	"net/http"
	"testing"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// NewManager makes a Manager that keeps its sessions in memory, with
// config.Default as the changes leave it and a key of its own. It ends the
// test when they make the configuration invalid.
func NewManager(tb testing.TB, changes ...func(*config.SessionConfig)) *session.Manager {
	tb.Helper()
	return NewManagerOver(tb, NewBackend(), changes...)
}

// NewManagerOver is [NewManager] over a Backend of the test's own, whose clock
// is also the Manager's.
func NewManagerOver(tb testing.TB, b *Backend, changes ...func(*config.SessionConfig)) *session.Manager {
	tb.Helper()
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{config.NewKey()}
	for _, change := range changes {
		change(&cfg)
	}
	m, err := session.NewManager(cfg, store.New(b), session.WithClock(b.Now))
	if err != nil {
		tb.Fatalf("sessiontest: %v", err)
	}
	return m
}

// Carry gives r the session that fill writes, in the place of one that r
// already has: it is saved in m's store, and r carries its cookie. It ends the
// test when fill or the store fails. r is changed and returned.
func Carry(tb testing.TB, m *session.Manager, r *http.Request, fill func(context.Context, *session.Session) error) *http.Request {
	tb.Helper()
	s := m.New(nil)
	if err := fill(tb.Context(), s); err != nil {
		tb.Fatalf("sessiontest: fill the session: %v", err)
	}
	cookie, err := m.Finalize(tb.Context(), s)
	if err != nil {
		tb.Fatalf("sessiontest: save the session: %v", err)
	}
	put(m, r, cookie)
	return r
}

// Look opens the session that a client has once it has received res as the
// answer to r: the one of r's cookie, unless res has set or removed it. It is
// fresh where there is none. What is read from it comes from m's store; to
// write, save with [session.Manager.Finalize].
func Look(tb testing.TB, m *session.Manager, r *http.Request, res *http.Response) *session.Session {
	tb.Helper()
	return m.Open(Next(m, r, res))
}

// Next gives the request that a client makes after it has received res as the
// answer to r: the same again, with the session's cookie as res leaves it. r is
// not changed. The two share their body: give the second one its own, if it
// has one.
func Next(m *session.Manager, r *http.Request, res *http.Response) *http.Request {
	next := r.Clone(r.Context())
	for _, cookie := range res.Cookies() {
		if cookie.Name == m.CookieName() {
			put(m, next, cookie)
		}
	}
	return next
}

// put makes cookie, nil or a removal included, the session's one in r.
func put(m *session.Manager, r *http.Request, cookie *http.Cookie) {
	others := r.Cookies()
	r.Header.Del("Cookie")
	for _, other := range others {
		if other.Name != m.CookieName() {
			r.AddCookie(other)
		}
	}
	if cookie != nil && cookie.MaxAge >= 0 {
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
}
