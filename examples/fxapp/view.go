package main

import (
	"net/http"
	"time"

	"github.com/fxsession/sessions/session"
)

// View is what the pages show.
type View struct {
	Path      string
	User      string // "" if nobody is signed in
	Theme     string
	Themes    []string
	Flash     string
	Cart      Cart
	Catalogue Catalogue // of the home page
	Since     time.Time // of the account page
	Devices   []Device  // of their page
	Message   string    // of the error page
}

// NoLine is for the line of a cart that a script fills in.
func (View) NoLine() Line { return Line{} }

// newView gives what all pages have in common. It runs once a request, for the
// handlers that ask for a View.
func newView(r *http.Request, s *session.Session) (v View, err error) {
	v = View{Path: r.URL.Path, Theme: "auto", Themes: themes, Cart: Cart{}}
	if v.User, err = s.Subject(r.Context()); err != nil {
		return v, err
	}
	if c, ok, err := cart.Get(r.Context(), s); err != nil {
		return v, err
	} else if ok {
		v.Cart = c
	}
	if chosen, ok, err := theme.Get(r.Context(), s.Client()); err != nil {
		return v, err
	} else if ok {
		v.Theme = chosen
	}
	if r.URL.Path == "/" || !wantsJSON(r) { // what else a program asks for has no place for the message
		v.Flash, _, err = flash.Pop(r.Context(), s)
	}
	return v, err
}
