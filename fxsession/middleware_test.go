package fxsession_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/session"
)

// mark is a middleware that writes its name around what the handler writes.
func mark(name string, order int) fxsession.Middleware {
	return fxsession.Middleware{Name: name, Order: order, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, name+"(")
			next.ServeHTTP(w, r)
			io.WriteString(w, ")")
		})
	}}
}

// inGroup puts middlewares into the group.
func inGroup(middlewares ...fxsession.Middleware) fx.Option {
	var opts []fx.Option
	for _, m := range middlewares {
		opts = append(opts, fx.Supply(fx.Annotated{Group: "http.middleware", Target: m}))
	}
	return fx.Options(opts...)
}

func TestTheChainIsSortedByOrder(t *testing.T) {
	t.Parallel()
	for range 20 { // fx shuffles value groups
		var chain fxsession.Chain
		app := fx.New(fx.NopLogger, fxsession.Module, environment(), fx.Populate(&chain),
			inGroup(mark("inner", fxsession.SessionOrder+1), mark("outer", -1<<63), mark("middle", 1<<63-1)))
		if err := app.Err(); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		chain.Then(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "handler")
		})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if got, want := w.Body.String(), "outer(inner(middle(handler)))"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

// What is in the chain after the session middleware sees the session, what is
// before does not.
func TestTheSessionMiddlewareHasItsPlaceInTheChain(t *testing.T) {
	t.Parallel()
	var chain fxsession.Chain
	seen := map[string]error{}
	look := func(name string, order int) fxsession.Middleware {
		return fxsession.Middleware{Name: name, Order: order, Wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, seen[name] = session.FromContext(r.Context()).Subject(r.Context())
				next.ServeHTTP(w, r)
			})
		}}
	}
	start(t, fxsession.Module, environment(), fx.Populate(&chain),
		inGroup(look("before", fxsession.SessionOrder-1), look("after", fxsession.SessionOrder+1)))
	chain.Then(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if seen["before"] != session.ErrNotInstalled || seen["after"] != nil {
		t.Errorf("before: %v, after: %v", seen["before"], seen["after"])
	}
}

func TestTheZeroChainIsTheHandlerItself(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	fxsession.Chain{}.Then(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("got %d", w.Code)
	}
}

// A middleware that gives no handler would panic in every request.
func TestAMiddlewareWithoutAHandlerIsFoundAtTheStart(t *testing.T) {
	t.Parallel()
	const want = `the Wrap of the middleware "maintenance" returned nil in place of a handler`
	var chain fxsession.Chain
	app := fx.New(fx.NopLogger, fxsession.Module, environment(), fx.Populate(&chain),
		inGroup(fxsession.Middleware{Name: "maintenance", Order: 1, Wrap: func(http.Handler) http.Handler { return nil }}),
		fx.Invoke(func(fxsession.Handler) {}))
	if err := app.Err(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the start fails with %v, want %s", err, want)
	}
	defer func() {
		if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("Then panics with %v, want %s", err, want)
		}
	}()
	chain.Then(http.NotFoundHandler())
}

func TestAChainWithoutOneOrderFailsAtStart(t *testing.T) {
	t.Parallel()
	noop := func(h http.Handler) http.Handler { return h }
	for name, test := range map[string]struct {
		middlewares []fxsession.Middleware
		want        string
	}{
		"tie": {
			[]fxsession.Middleware{mark("b", 7), mark("a", 7)},
			`the middlewares "a" and "b" have the same order, 7`,
		},
		"tie with the session": {
			[]fxsession.Middleware{mark("csrf", fxsession.SessionOrder)},
			`the middlewares "csrf" and "session" have the same order, 1000`,
		},
		"one name twice": {
			[]fxsession.Middleware{mark("session", 1)},
			`there are two middlewares of the name "session"`,
		},
		"no name": {
			[]fxsession.Middleware{{Order: 3, Wrap: noop}},
			`the middleware "" of order 3 needs a name and a Wrap`,
		},
		"no function": {
			[]fxsession.Middleware{{Name: "gzip", Order: 3}},
			`the middleware "gzip" of order 3 needs a name and a Wrap`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := fx.New(fx.NopLogger, fxsession.Module, environment(), inGroup(test.middlewares...)).Err()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
