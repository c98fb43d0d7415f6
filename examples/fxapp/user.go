package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
)

// CurrentUser is who is signed in.
type CurrentUser struct {
	Name  string
	Since time.Time // of the sign-in
}

var errNotSignedIn = errors.New("nobody is signed in")

// newCurrentUser runs once a request, for a handler that asks for a
// CurrentUser. Its error goes to the error handler, and the handler does not
// run.
func newCurrentUser(r *http.Request, s *session.Session) (CurrentUser, error) {
	name, err := s.Subject(r.Context())
	if err == nil && name == "" {
		err = errNotSignedIn
	}
	if err != nil {
		return CurrentUser{}, err
	}
	since, err := s.SignedInAt(r.Context())
	return CurrentUser{name, since}, err
}

// account shows a visitor who is signed in what the shop knows.
func account(w http.ResponseWriter, r *http.Request, user CurrentUser, view View, pages Pages) error {
	view.Since = user.Since
	return pages.answer(w, r, "account.html", view, map[string]any{
		"user": user.Name, "since": user.Since, "count": view.Cart.Count(),
	})
}

// rememberedFor is how long "remember me" lasts without a visit, unless
// state.max_lifetime ends the session before.
const rememberedFor = 30 * 24 * time.Hour

// signIn lets the session go on under a new ID, with the cart and the theme in
// it; SignIn sees to that. Unless the visitor asks to be remembered, the cookie
// ends with the browser.
func signIn(w http.ResponseWriter, r *http.Request, s *session.Session, cfg config.SessionConfig) error {
	user, err := entered(r, "user")
	if err != nil {
		return err
	}
	before, err := s.Subject(r.Context())
	if err != nil {
		return err
	}
	if before != "" && before != user { // the cart is somebody else's
		if err := s.Reset(); err != nil {
			return err
		}
	}
	if err := s.SignIn(r.Context(), user, terms(cfg, r.PostFormValue("remember") != "")...); err != nil {
		return err
	}
	return done(w, r, s, "/", "Welcome, "+user+".", map[string]any{"user": user})
}

func terms(cfg config.SessionConfig, remember bool) []session.SignInOption {
	if !remember {
		return []session.SignInOption{session.SignInCookieKind(config.KindSession)}
	}
	ttl := rememberedFor
	if longest := cfg.State.MaxLifetime; longest > 0 {
		ttl = min(ttl, longest)
	}
	return []session.SignInOption{session.SignInCookieKind(config.KindPersistent), session.SignInTTL(ttl)}
}

// signOut ends the session. What comes after is a new one, with a message in
// it.
func signOut(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	chosen, _, err := theme.Get(r.Context(), s.Client())
	if err != nil {
		return err
	}
	if err := startOver(r.Context(), s, chosen); err != nil {
		return err
	}
	return done(w, r, s, "/", "You are signed out.", map[string]any{"user": ""})
}

// showSignedOut is where a page leads whose visitor was signed out meanwhile.
func showSignedOut(w http.ResponseWriter, r *http.Request, view View, pages Pages) error {
	if view.User != "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	return pages.answer(w, r, "signed-out.html", view, map[string]any{"user": ""})
}

// startOver ends the session and goes on with a fresh one, which keeps the
// theme: that is no secret.
func startOver(ctx context.Context, s *session.Session, chosen string) error {
	if err := s.Reset(); err != nil || chosen == "" {
		return err
	}
	return theme.Set(ctx, s.Client(), chosen)
}
