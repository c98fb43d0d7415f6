package session_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

// exampleManager keeps sessions in memory, under a key that it makes itself.
func exampleManager() *session.Manager {
	m, err := session.NewManager(config.Default(), store.New(memstore.New()))
	if err != nil {
		panic(err)
	}
	return m
}

// visitor is a client that keeps its cookie.
type visitor struct {
	handler http.Handler
	cookies []*http.Cookie
}

func (v *visitor) get(path string) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, r)
	if cookies := w.Result().Cookies(); len(cookies) > 0 {
		v.cookies = cookies
	}
	body, _ := io.ReadAll(w.Body)
	fmt.Println(strings.TrimSpace(fmt.Sprintln(path, w.Code, string(body))))
}

type Cart struct {
	Items map[string]int `json:"items"`
}

var theCart = session.NewField[Cart]("cart")

// A Field is a value with a type. Update loses no addition, however many
// requests overlap.
func ExampleField() {
	m := exampleManager()
	mux := http.NewServeMux()
	mux.HandleFunc("/add", func(w http.ResponseWriter, r *http.Request) {
		err := theCart.Update(r.Context(), session.FromContext(r.Context()), func(c Cart) (Cart, error) {
			if c.Items == nil {
				c.Items = map[string]int{}
			}
			c.Items["tea"]++
			return c, nil
		})
		if err != nil {
			session.HandleError(w, r, err)
		}
	})
	mux.HandleFunc("/cart", func(w http.ResponseWriter, r *http.Request) {
		c, _, err := theCart.Get(r.Context(), session.FromContext(r.Context()))
		if err != nil {
			session.HandleError(w, r, err)
			return
		}
		fmt.Fprint(w, c.Items)
	})
	v := &visitor{handler: m.Middleware(mux)}
	v.get("/add")
	v.get("/add")
	v.get("/cart")
	// Output:
	// /add 200
	// /add 200
	// /cart 200 map[tea:2]
}

// SignIn goes on under a new ID; SignOut ends the session.
func ExampleSession_SignIn() {
	m := exampleManager()
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).SignIn(r.Context(), "ada"); err != nil {
			session.HandleError(w, r, err)
		}
	})
	mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) {
		who, err := session.FromContext(r.Context()).Subject(r.Context())
		if err != nil {
			session.HandleError(w, r, err)
			return
		}
		fmt.Fprintf(w, "%q", who)
	})
	mux.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).SignOut(r.Context()); err != nil {
			session.HandleError(w, r, err)
		}
	})
	v := &visitor{handler: m.Middleware(mux)}
	v.get("/login")
	v.get("/who")
	v.get("/logout")
	v.get("/who")
	// Output:
	// /login 200
	// /who 200 "ada"
	// /logout 200
	// /who 200 ""
}

// The client state travels in the sealed cookie: reading it asks no store.
func ExampleSession_Client() {
	m := exampleManager()
	theme := session.NewField[string]("theme")
	mux := http.NewServeMux()
	mux.HandleFunc("/dark", func(w http.ResponseWriter, r *http.Request) {
		if err := theme.Set(r.Context(), session.FromContext(r.Context()).Client(), "dark"); err != nil {
			session.HandleError(w, r, err)
		}
	})
	mux.HandleFunc("/page", func(w http.ResponseWriter, r *http.Request) {
		name, _, err := theme.Get(r.Context(), session.FromContext(r.Context()).Client())
		if err != nil {
			session.HandleError(w, r, err)
			return
		}
		fmt.Fprint(w, name)
	})
	v := &visitor{handler: m.Middleware(mux)}
	v.get("/dark")
	v.get("/page")
	// Output:
	// /dark 200
	// /page 200 dark
}

// Sync saves before the response starts, for a handler that wants to see the
// outcome: here a session that another request has ended meanwhile.
func ExampleSession_Sync() {
	m := exampleManager()
	var other *http.Cookie // what another tab of the same browser holds
	mux := http.NewServeMux()
	mux.HandleFunc("/begin", func(w http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).Set(r.Context(), "seen", true); err != nil {
			session.HandleError(w, r, err)
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		ctx, s := r.Context(), session.FromContext(r.Context())
		endElsewhere(m, other)
		if err := s.Set(ctx, "late", true); err != nil {
			session.HandleError(w, r, err)
			return
		}
		if err := s.Sync(ctx); err != nil {
			session.HandleError(w, r, err)
			return
		}
		fmt.Fprint(w, "saved")
	})
	v := &visitor{handler: m.Middleware(mux)}
	v.get("/begin")
	other = v.cookies[0]
	v.get("/slow")
	// Output:
	// /begin 200
	// /slow 409 Conflict
}

// endElsewhere is a sign-out in another tab.
func endElsewhere(m *session.Manager, cookie *http.Cookie) {
	r := httptest.NewRequest(http.MethodPost, "/logout", nil)
	r.AddCookie(cookie)
	m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).Invalidate(); err != nil {
			session.HandleError(w, r, err)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}

// Finalize saves a session of a transport that is not net/http's.
func ExampleManager_Finalize() {
	ctx, m := context.Background(), exampleManager()
	s := m.New(nil)
	if err := s.Set(ctx, "seen", true); err != nil {
		fmt.Println(err)
		return
	}
	cookie, err := m.Finalize(ctx, s)
	fmt.Println(cookie.Name, cookie.HttpOnly, err)
	// Output: __Host-session true <nil>
}
