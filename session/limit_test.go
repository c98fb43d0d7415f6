package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// atMost bounds the sessions of a subject.
func atMost(n int, policy config.MaxSessionsPolicy) func(*config.SessionConfig) {
	return func(cfg *config.SessionConfig) {
		cfg.State.MaxSessionsPerSubject, cfg.State.MaxSessionsPolicy = n, policy
	}
}

func TestASignInBeyondTheLimitEndsTheOldest(t *testing.T) {
	eachBackend(t, func(e *env) {
		bob := e.signedIn("bob")
		var all []*browser
		for i := range 4 {
			e.advance(time.Second)
			b := e.browser()
			if i%2 == 0 { // from a session as well as from none
				b.visit(write("k", "v"))
			}
			b.visit(signIn("ada"))
			all = append(all, b)
		}
		for i, want := range []string{"", "", "ada", "ada"} {
			if got := all[i].subject(); got != want {
				e.Errorf("%d: %q is signed in, want %q", i, got, want)
			}
		}
		// Signing in again is no further session, and makes it the newest.
		e.advance(time.Second)
		all[2].visit(signIn("ada"))
		all[3].wantSubject("ada")
		e.advance(time.Second)
		e.signedIn("ada")
		all[2].wantSubject("ada")
		all[3].wantSubject("")
		bob.wantSubject("bob")
	}, atMost(2, config.MaxSessionsEvictOldest))
}

func TestASignInBeyondTheLimitIsDenied(t *testing.T) {
	eachBackend(t, func(e *env) {
		first := e.signedIn("ada")
		b := e.browser()
		b.visit(write("cart", "full"))
		b.visit(func(ctx context.Context, s *session.Session) error {
			if err := s.SignIn(ctx, "ada"); !errors.Is(err, session.ErrTooManySessions) {
				t.Errorf("the sign-in: %v", err)
			}
			return s.Set(ctx, "told", "yes") // the handler answers, and goes on
		})
		b.wantSubject("")
		b.wantRead("cart", "full")
		b.wantRead("told", "yes")
		b.visit(signIn("bob"))
		b.wantSubject("bob")

		first.visit(signIn("ada")) // again, which is no further session
		first.wantSubject("ada")
		first.visit(invalidate)
		b.visit(signIn("ada"))
		b.wantSubject("ada")
	}, atMost(1, config.MaxSessionsDeny))
}

// When the last place is taken between the sign-in and its save, the save is
// what fails.
func TestASignInThatLosesItsPlace(t *testing.T) {
	e := newEnv(t, atMost(1, config.MaxSessionsDeny))
	b := e.browser()
	res := b.visit(then(signIn("ada"), func(context.Context, *session.Session) error {
		e.signedIn("ada")
		return nil
	}))
	b.wantCookie(res, noCookie)
	if res.StatusCode != http.StatusConflict {
		t.Errorf("status %d", res.StatusCode)
	}
	if got := e.browser().devices("ada"); len(got) != 1 {
		t.Errorf("there are %d sessions", len(got))
	}
}

// However many sign in at once, the limit holds, and no place stays empty.
func TestConcurrentSignInsKeepToTheLimit(t *testing.T) {
	const limit, visitors = 3, 12
	for _, policy := range []config.MaxSessionsPolicy{config.MaxSessionsEvictOldest, config.MaxSessionsDeny} {
		t.Run(string(policy), func(t *testing.T) {
			eachBackend(t, func(e *env) {
				var all, ready sync.WaitGroup
				ready.Add(visitors)
				admitted := make([]bool, visitors)
				browsers := make([]*browser, visitors)
				for i := range visitors {
					browsers[i] = e.browser()
					all.Go(func() {
						res := browsers[i].serve(func(ctx context.Context, s *session.Session) error {
							ready.Done()
							ready.Wait()
							if err := s.SignIn(ctx, "ada"); !errors.Is(err, session.ErrTooManySessions) {
								return err
							}
							return nil
						})
						browsers[i].receive(res)
						admitted[i] = res.StatusCode == http.StatusOK && browsers[i].cookie != nil
						if res.StatusCode != http.StatusOK && (policy != config.MaxSessionsDeny || res.StatusCode != http.StatusConflict) {
							t.Errorf("status %d", res.StatusCode)
						}
					})
				}
				all.Wait()
				alive, told := 0, 0
				for i, b := range browsers {
					if b.cookie != nil && b.subject() == "ada" {
						alive++
					}
					if admitted[i] {
						told++
					}
				}
				if alive != limit || len(e.browser().devices("ada")) != limit {
					t.Errorf("%d sessions are alive, %d in the list, want %d", alive, len(e.browser().devices("ada")), limit)
				}
				if policy == config.MaxSessionsDeny && told != limit {
					t.Errorf("%d were let in, want %d", told, limit)
				}
			}, atMost(limit, policy))
		})
	}
}

// An eviction that fails is made up for by the next sign-in, which is no worse
// for it; a check that fails lets nobody in.
func TestALimitWhileTheStoreFails(t *testing.T) {
	t.Run("evict", func(t *testing.T) {
		e := newEnv(t, atMost(1, config.MaxSessionsEvictOldest))
		first := e.signedIn("ada")
		e.advance(time.Second)
		e.spy.fail(errors.New("away"), "list")
		second := e.signedIn("ada")
		e.spy.fail(nil)
		first.wantSubject("ada")
		second.wantSubject("ada")
		e.advance(time.Second)
		e.signedIn("ada")
		first.wantSubject("")
		second.wantSubject("")
	})
	t.Run("deny", func(t *testing.T) {
		e := newEnv(t, atMost(1, config.MaxSessionsDeny))
		e.spy.fail(errors.New("away"), "list")
		e.browser().visit(func(ctx context.Context, s *session.Session) error {
			if err := s.SignIn(ctx, "ada"); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("the sign-in: %v", err)
			}
			return nil
		})
		e.spy.fail(nil)
		b := e.browser()
		res := b.visit(then(signIn("ada"), func(context.Context, *session.Session) error {
			e.spy.fail(errors.New("away"), "create", "list")
			return nil
		}))
		e.spy.fail(nil)
		if res.StatusCode != http.StatusInternalServerError || len(e.browser().devices("ada")) != 0 {
			t.Errorf("status %d, %d sessions", res.StatusCode, len(e.browser().devices("ada")))
		}
	})
}

// A program that dies while it signs somebody in keeps others from it for some
// seconds, and no longer.
func TestATurnThatIsNeverGivenBack(t *testing.T) {
	e := newEnv(t, atMost(1, config.MaxSessionsDeny), func(cfg *config.SessionConfig) { cfg.Store.Timeout = 50 * time.Millisecond })
	e.spy.fail(errors.New("away"), "delete")
	e.signedIn("ada").m.RevokeAll(t.Context(), "ada")
	e.spy.fail(nil)
	if n, err := e.RevokeAll(t.Context(), "ada"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	b := e.browser()
	if res := b.visit(signIn("ada")); res.StatusCode != http.StatusConflict {
		t.Errorf("status %d while another sign-in seems to be under way", res.StatusCode)
	}
	e.advance(150 * time.Millisecond)
	b.visit(signIn("ada"))
	b.wantSubject("ada")
}

func TestALimitNeedsAnIndexOfSubjects(t *testing.T) {
	e := newEnv(t)
	cfg := config.Default()
	cfg.State.MaxSessionsPerSubject = 1
	_, err := session.NewManager(cfg, store.New(struct{ store.Backend }{e.spy}))
	if !errors.Is(err, store.ErrUnsupported) || !strings.Contains(fmt.Sprint(err), "session.state.max_sessions_per_subject") {
		t.Errorf("got %v", err)
	}
}
