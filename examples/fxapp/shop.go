package main

import (
	"net/http"
	"slices"

	"github.com/fxsession/sessions/session"
)

// What the shop keeps in a session: the cart and a message for the next page
// in the server state, the theme in the client state, which is the cookie.
var (
	cart  = session.NewField[Cart]("cart")
	flash = session.NewField[string]("flash")
	theme = session.NewField[string]("theme")
)

var themes = []string{"auto", "light", "dark"}

// Shop has the handlers.
type Shop struct {
	catalogue Catalogue
	pages     *Pages
}

func newShop(catalogue Catalogue, pages *Pages) *Shop { return &Shop{catalogue, pages} }

// Home shows the catalogue.
func (h *Shop) Home(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	view, err := h.view(r, s)
	if err != nil {
		return err
	}
	if view.Flash, _, err = flash.Pop(r.Context(), s); err != nil {
		return err
	}
	if wantsJSON(r) {
		writeJSON(w, http.StatusOK, map[string]any{
			"user": view.User, "catalogue": view.Catalogue, "count": view.Cart.Count(), "theme": view.Theme, "flash": view.Flash,
		})
		return nil
	}
	h.pages.write(w, http.StatusOK, "home.html", view)
	return nil
}

// Cart shows the cart.
func (h *Shop) Cart(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	view, err := h.view(r, s)
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		writeJSON(w, http.StatusOK, struct {
			User  string `json:"user"`
			Items Cart   `json:"items"`
		}{view.User, view.Cart})
		return nil
	}
	if view.Flash, _, err = flash.Pop(r.Context(), s); err != nil {
		return err
	}
	h.pages.write(w, http.StatusOK, "cart.html", view)
	return nil
}

// view gives what every page shows.
func (h *Shop) view(r *http.Request, s *session.Session) (v View, err error) {
	v = View{Path: r.URL.Path, Catalogue: h.catalogue, Themes: themes}
	if v.User, err = s.Subject(r.Context()); err != nil {
		return v, err
	}
	if v.Cart, _, err = cart.Get(r.Context(), s); err != nil {
		return v, err
	}
	if v.Cart == nil {
		v.Cart = Cart{}
	}
	var chosen bool
	if v.Theme, chosen, err = theme.Get(r.Context(), s.Client()); !chosen {
		v.Theme = "auto"
	}
	return v, err
}

// Login signs a visitor in. The session goes on under a new ID, with the cart
// and the theme in it; SignIn sees to that.
func (h *Shop) Login(w http.ResponseWriter, r *http.Request, s *session.Session) error {
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

// Logout ends the session. What comes after is a new one, with the theme, which
// is no secret, and a message in it.
func (h *Shop) Logout(w http.ResponseWriter, r *http.Request, s *session.Session) error {
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

// AddToCart puts one more of an item into the cart. Update does so on what the
// store holds when the session is saved, so that nothing is lost when several
// requests add to one cart at once.
func (h *Shop) AddToCart(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	item, err := entered(r, "item")
	if err != nil {
		return err
	}
	err = cart.Update(r.Context(), s, func(c Cart) (Cart, error) { return c.with(item) })
	if err != nil {
		return err
	}
	return done(w, r, s, back(r), item+" is in your cart.", map[string]any{"added": item})
}

// Theme chooses the colours. They are in the cookie: reading them costs no call
// to the store.
func (h *Shop) Theme(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	chosen, err := entered(r, "theme")
	if err != nil {
		return err
	}
	if !slices.Contains(themes, chosen) {
		return invalid("The theme must be auto, light or dark.")
	}
	if err := theme.Set(r.Context(), s.Client(), chosen); err != nil {
		return err
	}
	return done(w, r, s, back(r), "The theme is "+chosen+".", map[string]any{"theme": chosen})
}

// back is the page that a form was on.
func back(r *http.Request) string {
	if r.PostFormValue("back") == "/cart" {
		return "/cart"
	}
	return "/"
}

// done answers a form: a browser is sent to a page, which shows the message,
// anyone else gets the outcome.
func done(w http.ResponseWriter, r *http.Request, s *session.Session, page, message string, outcome any) error {
	if wantsJSON(r) {
		writeJSON(w, http.StatusOK, outcome)
		return nil
	}
	if err := flash.Set(r.Context(), s, message); err != nil {
		return err
	}
	http.Redirect(w, r, page, http.StatusSeeOther)
	return nil
}
