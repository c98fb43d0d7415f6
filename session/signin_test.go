package session_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// remembered signs ada in for a week, however the browser ends.
func remembered(ctx context.Context, s *session.Session) error {
	return s.SignIn(ctx, "ada", session.SignInTTL(7*24*time.Hour), session.SignInCookieKind(config.KindPersistent))
}

// browserKind makes cookies that end with the browser the configured kind.
func browserKind(cfg *config.SessionConfig) { cfg.Cookie.Kind = config.KindSession }

// A session that is to be remembered has a TTL and a cookie of its own, which
// every later save keeps to, also one that loads nothing.
func TestRememberMe(t *testing.T) {
	eachBackend(t, func(e *env) {
		const week = 7 * 24 * time.Hour
		b := e.browser()
		wantWeek := func(when string, handle handler) {
			t.Helper()
			c := b.setCookie(b.visit(handle))
			if c == nil || c.MaxAge != int(week/time.Second) {
				t.Errorf("%s: the cookie is %v", when, c)
			}
			if want := e.time().Add(week); !b.incoming().ExpiresAt().Equal(want) || b.remaining() != week {
				t.Errorf("%s: expires %v, want %v; the record lives %v", when, b.incoming().ExpiresAt(), want, b.remaining())
			}
		}
		wantWeek("at the sign-in", remembered)
		e.advance(24 * time.Hour)
		b.wantCookie(b.visit(load), noCookie) // above the threshold of its own TTL
		e.advance(12 * time.Hour)
		wantWeek("extended by a read", load)
		e.advance(36 * time.Hour)
		wantWeek("extended by a write", write("k", "v"))
		e.advance(36 * time.Hour)
		wantWeek("renewed", cycle)
		c := b.setCookie(b.visit(writeClient("theme", "dark")))
		if c == nil || c.MaxAge != int(week/time.Second) {
			t.Errorf("with client state: the cookie is %v", c)
		}

		c = b.setCookie(b.visit(signIn("ada"))) // without "remember me"
		if c == nil || c.MaxAge != 0 || b.remaining() != 24*time.Hour {
			t.Errorf("signed in again: the cookie is %v, the record lives %v", c, b.remaining())
		}
	}, browserKind)
}

func TestASharedComputer(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	c := b.setCookie(b.visit(func(ctx context.Context, s *session.Session) error {
		return s.SignIn(ctx, "ada", session.SignInTTL(10*time.Minute), session.SignInCookieKind(config.KindSession))
	}))
	if c == nil || c.MaxAge != 0 || !c.Expires.IsZero() || b.remaining() != 10*time.Minute {
		t.Errorf("the cookie is %v, the record lives %v", c, b.remaining())
	}
	e.advance(5 * time.Minute)
	if c := b.setCookie(b.visit(load)); c == nil || c.MaxAge != 0 || b.remaining() != 10*time.Minute {
		t.Errorf("extended: the cookie is %v, the record lives %v", c, b.remaining())
	}
	e.advance(11 * time.Minute)
	b.wantSubject("")
}

// What is not this sign-in's is not kept to its terms.
func TestTheTermsOfASignInEndWithIt(t *testing.T) {
	for name, end := range map[string]handler{
		"a reset":            then(func(_ context.Context, s *session.Session) error { return s.Reset() }, write("k", "v")),
		"a sign-out":         invalidate,
		"a reset, untouched": func(_ context.Context, s *session.Session) error { return s.Reset() },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, browserKind)
			b := e.browser()
			b.visit(remembered)
			b.visit(end)
			b.visit(write("k", "v"))
			if got := b.remaining(); got != 24*time.Hour {
				t.Errorf("the next session lives %v", got)
			}
		})
	}
	t.Run("a record that is gone", func(t *testing.T) {
		e := newEnv(t, browserKind)
		b := e.browser()
		b.visit(remembered)
		if err := e.Revoke(t.Context(), "ada", b.key()); err != nil {
			t.Fatal(err)
		}
		e.advance(2 * time.Minute)
		c := b.setCookie(b.visit(write("k", "v")))
		if c == nil || c.MaxAge != 0 || b.remaining() != 24*time.Hour {
			t.Errorf("the cookie is %v, the record lives %v", c, b.remaining())
		}
	})
	t.Run("a sign-in under a session that ended meanwhile", func(t *testing.T) { // D4
		e := newEnv(t, browserKind)
		b := e.browser()
		b.visit(write("k", "v"))
		b.visit(then(func(context.Context, *session.Session) error {
			return e.spy.Backend.Delete(t.Context(), b.key())
		}, remembered))
		b.wantSubject("ada")
		if got := b.remaining(); got != 7*24*time.Hour {
			t.Errorf("it lives %v", got)
		}
	})
}

// The record may live longer than the cookie says, and exactly so long that the
// new expiry is that of the cookie.
func TestASignInSetsItsTTLWhateverTheCookieSays(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(write("a", "1"))
		tab := b.clone()
		e.advance(23 * time.Hour)
		tab.visit(write("b", "1"))
		b.visit(func(ctx context.Context, s *session.Session) error {
			return s.SignIn(ctx, "ada", session.SignInTTL(time.Hour))
		})
		if left := b.remaining(); left != time.Hour {
			e.Errorf("the record lives %v", left)
		}
	})
}

func TestTermsThatCannotBe(t *testing.T) {
	e := newEnv(t)
	e.browser().visit(func(ctx context.Context, s *session.Session) error {
		for _, row := range []struct {
			opt  session.SignInOption
			want string
		}{
			{session.SignInTTL(0), "a TTL that is not above zero"},
			{session.SignInTTL(-time.Hour), "a TTL that is not above zero"},
			{session.SignInTTL(31 * 24 * time.Hour), "a TTL above session.state.max_lifetime, which is 720h0m0s"},
			{session.SignInCookieKind("foo"), `unknown cookie kind "foo"`},
			{session.SignInCookieKind(""), `unknown cookie kind ""`},
		} {
			err := s.SignIn(ctx, "ada", row.opt)
			if want := "session: sign in: invalid: " + row.want; !errors.Is(err, store.ErrInvalid) || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		if subject, err := s.Subject(ctx); subject != "" || err != nil {
			t.Errorf("%q is signed in, %v", subject, err)
		}
		return nil
	})
	e.wantCalls()
}

// A15: a session that is remembered ends with its absolute lifetime as well.
func TestA15_RememberMeIsBoundedByTheLifetime(t *testing.T) {
	e := newEnv(t, func(cfg *config.SessionConfig) { cfg.State.MaxLifetime = 8 * 24 * time.Hour })
	b := e.browser()
	b.visit(remembered)
	e.advance(6 * 24 * time.Hour)
	b.visit(load)
	if got := b.remaining(); got != 2*24*time.Hour {
		t.Errorf("it lives %v", got)
	}
	e.advance(2*24*time.Hour + time.Second)
	b.wantSubject("")
}

// A sign-in that was taken back leaves no terms behind.
func TestTheTermsOfASignInThatWasTakenBack(t *testing.T) {
	e := newEnv(t, browserKind)
	b := e.browser()
	c := b.setCookie(b.visit(then(remembered, func(_ context.Context, s *session.Session) error { return s.Delete() }, write("k", "v"))))
	if c == nil || c.MaxAge != 0 || b.remaining() != 24*time.Hour {
		t.Errorf("nobody signed in, and the cookie is %v, the record lives %v", c, b.remaining())
	}
}

func TestTheTermsOfALostSessionDoNotComeBackWithASignInThatWasTakenBack(t *testing.T) {
	e := newEnv(t, func(cfg *config.SessionConfig) {
		cfg.State.MaxSessionsPerSubject, cfg.State.MaxSessionsPolicy = 1, config.MaxSessionsDeny
	})
	b := e.browser()
	b.visit(remembered)
	b.clone().visit(invalidate)
	e.advance(2 * store.Grace) // nothing is left of it
	b.visit(then(write("note", "x"), signIn("bob"), load, func(ctx context.Context, s *session.Session) error {
		e.browser().visit(signIn("bob"))
		if err := s.Sync(ctx); !errors.Is(err, session.ErrTooManySessions) {
			t.Errorf("Sync = %v", err)
		}
		return nil
	}))
	if left := b.incoming().ExpiresAt().Sub(e.time()); left != 24*time.Hour {
		t.Errorf("the session lives %v", left)
	}
}

// A cookie that is as full as can be has room for the terms of a sign-in.
func TestAFullCookieHasRoomForItsTerms(t *testing.T) {
	e := newEnv(t, func(cfg *config.SessionConfig) { cfg.State.MaxLifetime = 0 })
	b := e.browser()
	c := b.setCookie(b.visit(func(ctx context.Context, s *session.Session) error {
		size := 3500
		for ; size > 0; size-- {
			err := s.Client().Set(ctx, "k", strings.Repeat("x", size))
			if err == nil {
				break
			}
			if !errors.Is(err, session.ErrCookieTooLarge) {
				return err
			}
		}
		return s.SignIn(ctx, "ada", session.SignInTTL(1<<62))
	}))
	if c == nil || len(c.Name)+len(c.Value) > 4096 || len(c.Name)+len(c.Value) < 4000 {
		t.Fatalf("the cookie has %d bytes", len(c.Name)+len(c.Value))
	}
	b.wantSubject("ada")
}

// As long as the longest is not above it.
func TestATTLOfTheWholeLifetime(t *testing.T) {
	e := newEnv(t)
	most := config.Default().State.MaxLifetime
	b := e.browser()
	b.visit(func(ctx context.Context, s *session.Session) error {
		return s.SignIn(ctx, "ada", session.SignInTTL(most))
	})
	if got := b.incoming().ExpiresAt().Sub(e.time()); got != most {
		t.Errorf("the session lives for %s", got)
	}
}
