package fxsession_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strconv"
	"strings"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/session"
)

// Catalogue is a singleton of the application.
type Catalogue struct{ prices map[string]int }

func NewCatalogue() *Catalogue { return &Catalogue{map[string]int{"apple": 30, "pear": 45}} }

// UserRepo is another one.
type UserRepo struct{ names map[string]string }

func NewUserRepo() *UserRepo { return &UserRepo{map[string]string{"u1": "Ada"}} }

// CurrentUser is who sends a request.
type CurrentUser struct{ ID, Name string }

var ErrNotSignedIn = errors.New("not signed in")

// NewCurrentUser runs at most once per request, and only if something asks
// for a CurrentUser.
func NewCurrentUser(ctx context.Context, s *session.Session, users *UserRepo) (CurrentUser, error) {
	id, err := s.Subject(ctx)
	if err != nil {
		return CurrentUser{}, err
	}
	if id == "" {
		return CurrentUser{}, ErrNotSignedIn
	}
	return CurrentUser{id, users.names[id]}, nil
}

var cart = session.NewField[[]string]("cart")

// ShowCart has what it needs in its parameters.
func ShowCart(w http.ResponseWriter, r *http.Request, s *session.Session, catalogue *Catalogue, user CurrentUser) error {
	items, _, err := cart.Get(r.Context(), s)
	if err != nil {
		return err
	}
	total := 0
	for _, item := range items {
		total += catalogue.prices[item]
	}
	_, err = fmt.Fprintf(w, "%s pays %d for %v", user.Name, total, items)
	return err
}

// CartHandler is for those who like a struct with methods better.
type CartHandler struct{ catalogue *Catalogue }

func NewCartHandler(c *Catalogue) *CartHandler { return &CartHandler{c} }

var ErrNoSuchItem = errors.New("no such item")

func (h *CartHandler) Add(r *http.Request, s *session.Session) error {
	item := r.FormValue("item")
	if _, ok := h.catalogue.prices[item]; !ok {
		return ErrNoSuchItem
	}
	return cart.Update(r.Context(), s, func(items []string) ([]string, error) { return append(items, item), nil })
}

func SignIn(r *http.Request, s *session.Session) error { return s.SignIn(r.Context(), "u1") }

// CountItems sees each response of its list before the headers leave.
func CountItems(r *http.Request, s *session.Session, response fxsession.Response) error {
	items, _, err := cart.Get(r.Context(), s)
	if err == nil && response.Status() < 400 {
		response.Header().Set("X-Cart-Items", strconv.Itoa(len(items)))
	}
	return err
}

// AnswerErrors answers for the whole application.
func AnswerErrors(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, ErrNotSignedIn):
		http.Error(w, "sign in first", http.StatusUnauthorized)
	case errors.Is(err, ErrNoSuchItem):
		http.Error(w, "no such item", http.StatusBadRequest)
	default:
		slog.ErrorContext(r.Context(), "request failed", "pattern", r.Pattern, "error", err)
		http.Error(w, "something went wrong", http.StatusInternalServerError)
	}
}

// CartRoutes are the routes of the feature.
var CartRoutes = []fxsession.Item{
	fxsession.PostProcess(CountItems),
	fxsession.Handle("GET /cart", ShowCart),
	fxsession.Handle("POST /cart", (*CartHandler).Add),
}

func ExampleRoutes() {
	var handler fxsession.Handler
	app := fx.New(
		fx.NopLogger,
		fxsession.Config(config.WithEnviron(nil)), // so that the example depends on nothing around it
		fxsession.Module,
		fx.Provide(NewCatalogue, NewUserRepo, NewCartHandler),
		fx.Supply(session.ErrorHandler(AnswerErrors)),
		fxsession.Routes(
			fxsession.RequestScoped(NewCurrentUser),
			fxsession.Handle("POST /sign-in", SignIn),
			fxsession.Group("/shop", CartRoutes...),
		),
		fx.Populate(&handler),
	)
	if err := app.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	defer app.Stop(context.Background())

	server := httptest.NewTLSServer(handler)
	defer server.Close()
	browser := server.Client()
	browser.Jar, _ = cookiejar.New(nil)
	for _, request := range []string{"GET /shop/cart", "POST /shop/cart?item=apple", "POST /shop/cart?item=tea", "POST /sign-in", "GET /shop/cart"} {
		method, target, _ := strings.Cut(request, " ")
		r, _ := http.NewRequest(method, server.URL+target, nil)
		response, err := browser.Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		fmt.Printf("%s: %d, %q items, %q\n", request, response.StatusCode, response.Header.Get("X-Cart-Items"), body)
	}
	// Output:
	// GET /shop/cart: 401, "" items, "sign in first\n"
	// POST /shop/cart?item=apple: 200, "1" items, ""
	// POST /shop/cart?item=tea: 400, "" items, "no such item\n"
	// POST /sign-in: 200, "" items, ""
	// GET /shop/cart: 200, "1" items, "Ada pays 30 for [apple]"
}
