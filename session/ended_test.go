package session_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// What a request does whose session another one has ended: it has read what is
// no longer its own, and may sign in all the same.

func add(n int) handler {
	return func(ctx context.Context, s *session.Session) error {
		return counter.Update(ctx, s, func(before int) (int, error) { return before + n, nil })
	}
}

// syncEnded is a Sync that is told of the end.
func (e *env) syncEnded(ctx context.Context, s *session.Session) error {
	if err := s.Sync(ctx); !errors.Is(err, store.ErrEnded) {
		e.Errorf("Sync = %v", err)
	}
	return nil
}

func TestD4_EachUpdateUnderAnEndedSessionIsInTheOneThatASignInBegins(t *testing.T) {
	eachBackend(t, func(e *env) {
		for name, end := range endings {
			b := e.browser()
			b.visit(write("a", "1"))
			end(b.clone())
			b.visit(then(add(3), add(1), signIn("ada")))
			b.wantCount(4)

			b = e.browser()
			b.visit(write("a", "1"))
			slow := b.clone()
			slow.visit(then(load, add(3), func(ctx context.Context, s *session.Session) error {
				end(b)
				return e.syncEnded(ctx, s)
			}, add(1), signIn("ada")))
			if slow.wantCount(4); e.Failed() {
				e.Fatal(name)
			}
		}
	})
}

func TestA17_EachUpdateOfASessionWhoseRecordIsMissingIsSaved(t *testing.T) {
	e := newEnv(t, func(cfg *config.SessionConfig) { cfg.State.MissingServerState = config.MissingServerStateAllow })
	b := e.browser()
	b.visit(write("a", "1"))
	b.clone().visit(invalidate)
	e.advance(24*time.Hour - time.Second) // the mark has gone, the cookie still opens
	b.visit(then(add(3), add(2), func(context.Context, *session.Session) error {
		e.advance(2 * time.Second)
		return nil
	}))
	b.wantCount(5)
}

func TestD4_WhatTheEndedSessionHeldIsNotHandedToWhoSignsIn(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(signIn("ada"), add(100)))
		other := b.clone()
		b.visit(then(load, func(context.Context, *session.Session) error {
			other.visit(invalidate)
			return nil
		}, write("a", "1"), e.syncEnded, add(1), signIn("bob")))
		b.wantCount(1)
	})
}

// A sign-in that is one too many leaves a request under an ended session as it
// was.
func TestD2_ADeniedSignInUnderAnEndedSessionSavesNothing(t *testing.T) {
	for name, row := range map[string]struct {
		writes handler
		status int
	}{"nothing": {nothing, http.StatusOK}, "something": {write("note", "x"), http.StatusConflict}} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, func(cfg *config.SessionConfig) {
				cfg.State.MaxSessionsPerSubject, cfg.State.MaxSessionsPolicy = 1, config.MaxSessionsDeny
			})
			b := e.browser()
			b.visit(remembered)
			tab, elsewhere := b.clone(), e.browser()
			res := b.visit(then(func(context.Context, *session.Session) error {
				tab.visit(cycle)
				return nil
			}, load, row.writes, signIn("bob"), func(ctx context.Context, s *session.Session) error {
				elsewhere.visit(signIn("bob")) // takes the one place
				if err := s.Sync(ctx); !errors.Is(err, session.ErrTooManySessions) {
					t.Errorf("Sync = %v", err)
				}
				return nil
			}))
			if res.StatusCode != row.status || b.setCookie(res) != nil {
				t.Errorf("status %d, and the cookie %v", res.StatusCode, b.setCookie(res))
			}
		})
	}
}

// Nor does one whose outcome is not known leave a record that nobody can reach.
func TestD2_ASignInUnderAnEndedSessionThatIsTakenBackLeavesNoRecord(t *testing.T) {
	e := newEnv(t)
	syncInDoubt := e.losing()
	b := e.browser()
	b.visit(write("a", "1"))
	b.clone().visit(invalidate)
	b.wantCookie(b.visit(then(load, signIn("ada"), syncInDoubt, invalidate)), noCookie)
	if list, err := e.Sessions(t.Context(), "ada"); len(list) > 0 || err != nil {
		t.Errorf("%d sessions of ada, %v", len(list), err)
	}
}

// The guide's way to answer oneself: Sync, and where the session has ended,
// Reset.
func TestD2_AHandlerThatKnowsOfTheEndAnswersAfterAReset(t *testing.T) {
	eachBackend(t, func(e *env) {
		for name, end := range endings {
			b := e.browser()
			b.visit(write("a", "1"))
			slow := b.clone()
			answer := func(w http.ResponseWriter, r *http.Request) {
				s := session.FromContext(r.Context())
				if err := s.Set(r.Context(), "b", 2); err != nil {
					e.Error(err)
				}
				end(b)
				if err := errors.Join(e.syncEnded(r.Context(), s), s.Reset()); err != nil {
					e.Error(err)
				}
				http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
			}
			res := slow.serveHTTP(answer)
			if res.StatusCode != http.StatusSeeOther {
				e.Errorf("%s: status %d", name, res.StatusCode)
			}
			slow.wantCookie(res, noCookie)
		}
	})
}

// A Reset gives the changes up, whatever Sync is asked afterwards. A sign-out
// means the session that goes on elsewhere, too.
func TestD2_WhatFollowsASyncThatHasToldOfARenewal(t *testing.T) {
	for name, row := range map[string]struct {
		follow handler
		status int
	}{
		"Reset, and Sync": {func(ctx context.Context, s *session.Session) error { return errors.Join(s.Reset(), s.Sync(ctx)) }, http.StatusOK},
		"Invalidate":      {invalidate, http.StatusConflict},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			b := e.browser()
			b.visit(write("a", "1"))
			tab := b.clone()
			res := b.visit(then(write("b", "2"), func(context.Context, *session.Session) error {
				tab.visit(cycle)
				return nil
			}, e.syncEnded, row.follow))
			b.wantCookie(res, noCookie)
			if res.StatusCode != row.status {
				t.Errorf("status %d", res.StatusCode)
			}
			tab.wantRead("a", "1")
		})
	}
}

// A cookie that an early Sync owes is not sent for an ID that has ended since,
// also where that Sync has made the ID.
func TestD2_ACookieOwedForANewIDDoesNotUndoALogin(t *testing.T) {
	eachBackend(t, func(e *env) {
		for name, before := range map[string]handler{"nothing before": nothing, "a session before": write("k", "v")} {
			b := e.browser()
			b.visit(before)
			tab := b.clone()
			res := b.serve(then(signIn("ada"), func(ctx context.Context, s *session.Session) error {
				if err := s.Sync(ctx); err != nil {
					return err
				}
				_, err := e.RevokeAll(e.Context(), "ada") // elsewhere
				tab.visit(signIn("ada"))
				return err
			}))
			b.cookie = tab.cookie // it came first
			b.receive(res)
			if got := b.subject(); got != "ada" {
				e.Errorf("%s: %q is signed in", name, got)
			}
		}
	})
}

// Nor is it sent unasked where the TTL, which would have told, cannot be stored.
func TestD2_ACookieOwedForANewIDIsNotSentWhileTheStoreIsAway(t *testing.T) {
	e := newEnv(t, func(cfg *config.SessionConfig) { cfg.State.TTLExtensionThreshold = 1 })
	b := e.browser()
	b.visit(write("k", "v"))
	res := b.serve(then(signIn("ada"), func(ctx context.Context, s *session.Session) error {
		err := s.Sync(ctx)
		e.advance(time.Second)
		e.spy.fail(errors.New("down"))
		return err
	}))
	e.spy.fail(nil)
	if res.StatusCode != http.StatusInternalServerError || b.setCookie(res) != nil {
		t.Errorf("status %d, and the cookie %v", res.StatusCode, b.setCookie(res))
	}
}

// What the session held is no longer the request's to see, whether a load or a
// save finds out that it has ended.
func TestD2_AfterSyncHasToldOfTheEndNothingIsThereToRead(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(signIn("ada"), write("a", "1"), writeClient("c", "1")))
		tab := b.clone()
		b.visit(then(load, write("b", "2"), func(context.Context, *session.Session) error {
			tab.visit(invalidate)
			return nil
		}, e.syncEnded, func(ctx context.Context, s *session.Session) error {
			keys, err := s.Keys(ctx)
			held, err2 := s.Client().Keys(ctx)
			subject, err3 := s.Subject(ctx)
			if len(keys) != 1 || keys[0] != "b" || len(held) > 0 || subject != "" {
				e.Errorf("it shows %q, %q and %q", keys, held, subject)
			}
			return errors.Join(err, err2, err3, s.Reset())
		}))
	})
}

// What a Sync has left to do is one question: may the cookie still go out.
func TestASyncThatHasNothingToSaveAsksNothing(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	again := func(ctx context.Context, s *session.Session) error { return errors.Join(s.Sync(ctx), s.Sync(ctx)) }
	b.visit(then(write("k", "v"), again))
	e.wantCalls("create", "load") // and once for the cookie
}
