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

// home shows the catalogue.
func home(w http.ResponseWriter, r *http.Request, view View, catalogue Catalogue, pages Pages) error {
	view.Catalogue = catalogue
	return pages.answer(w, r, "home.html", view, map[string]any{
		"user": view.User, "catalogue": catalogue, "count": view.Cart.Count(), "theme": view.Theme, "flash": view.Flash,
	})
}

// showCart shows the cart.
func showCart(w http.ResponseWriter, r *http.Request, view View, pages Pages) error {
	return pages.answer(w, r, "cart.html", view, CartView{view.User, view.Cart})
}

// addToCart puts one more of an item into the cart. Update does so on what the
// store holds when the session is saved, so that nothing is lost when several
// requests add to one cart at once.
func addToCart(w http.ResponseWriter, r *http.Request, s *session.Session, streams *Streams) error {
	defer streams.ring(r)
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

// removeFromCart takes one of an item out of the cart. That none is there is
// fine: it may have been taken out a moment ago, on another page.
func removeFromCart(w http.ResponseWriter, r *http.Request, s *session.Session, streams *Streams) error {
	defer streams.ring(r)
	item, err := entered(r, "item")
	if err != nil {
		return err
	}
	err = cart.Update(r.Context(), s, func(c Cart) (Cart, error) { return c.without(item), nil })
	if err != nil {
		return err
	}
	return done(w, r, s, back(r), "There is one "+item+" fewer in your cart.", map[string]any{"removed": item})
}

// chooseTheme chooses the colours. They are in the cookie: reading them costs
// no call to the store.
func chooseTheme(w http.ResponseWriter, r *http.Request, s *session.Session) error {
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
