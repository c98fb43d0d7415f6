package main

import (
	"errors"
	"net/http"
	"time"

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
func newCurrentUser(r *http.Request, s *session.Session, sessions *session.Manager) (CurrentUser, error) {
	name, err := s.Subject(r.Context())
	if err == nil && name == "" {
		err = errNotSignedIn
	}
	if err != nil {
		return CurrentUser{}, err
	}
	cookie, _ := sessions.Incoming(r)
	return CurrentUser{name, cookie.BeganAt()}, nil
}

// account shows a visitor who is signed in what the shop knows.
func account(w http.ResponseWriter, r *http.Request, user CurrentUser, view View, pages Pages) error {
	view.Since = user.Since
	return pages.answer(w, r, "account.html", view, map[string]any{
		"user": user.Name, "since": user.Since, "count": view.Cart.Count(),
	})
}

// signIn lets the session go on under a new ID, with the cart and the theme in
// it; SignIn sees to that.
func signIn(w http.ResponseWriter, r *http.Request, s *session.Session) error {
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
	if err := s.SignIn(r.Context(), user); err != nil {
		return err
	}
	return done(w, r, s, "/", "Welcome, "+user+".", map[string]any{"user": user})
}

// signOut ends the session. What comes after is a new one, with the theme,
// which is no secret, and a message in it.
func signOut(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	chosen, ok, err := theme.Get(r.Context(), s.Client())
	if err != nil {
		return err
	}
	if err := s.Reset(); err != nil {
		return err
	}
	if ok {
		if err := theme.Set(r.Context(), s.Client(), chosen); err != nil {
			return err
		}
	}
	return done(w, r, s, "/", "You are signed out.", map[string]any{"user": ""})
}
