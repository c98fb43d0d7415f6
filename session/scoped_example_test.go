package session_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

// Account is who has signed in.
type Account struct{ Name string }

// Shop has what its handlers share.
type Shop struct {
	names   map[string]string
	account *session.Scoped[Account]
}

func NewShop() *Shop {
	shop := &Shop{names: map[string]string{"u1": "Ada"}}
	shop.account = session.NewScoped(shop.findAccount)
	return shop
}

func (shop *Shop) findAccount(ctx context.Context, s *session.Session) (Account, error) {
	id, err := s.Subject(ctx)
	return Account{shop.names[id]}, err
}

func (shop *Shop) Greet(w http.ResponseWriter, r *http.Request) {
	account, err := shop.account.Get(r.Context(), session.FromContext(r.Context()))
	if err != nil {
		session.HandleError(w, r, err)
		return
	}
	fmt.Fprintf(w, "Hello %s", account.Name)
}

func ExampleScoped() {
	manager, err := session.NewManager(config.Default(), store.New(memstore.New()))
	if err != nil {
		fmt.Println(err)
		return
	}
	shop := NewShop()
	h := manager.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).SignIn(r.Context(), "u1"); err != nil {
			session.HandleError(w, r, err)
			return
		}
		shop.Greet(w, r)
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(w.Body)
	// Output: Hello Ada
}
