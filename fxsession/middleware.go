package fxsession

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/session"
)

// Middleware is an element of the value group http.middleware. A constructor
// gives one in a struct:
//
//	type NewRecoveryResult struct {
//		fx.Out
//
//		Middleware fxsession.Middleware `group:"http.middleware"`
//	}
type Middleware struct {
	// Name is for error messages. It is not empty, and no other middleware
	// has it.
	Name string
	// Order is the place in the chain: a middleware with a lower one sees the
	// request earlier and the response later. No other middleware has it.
	Order int
	// Wrap puts the middleware around a handler. It is not nil, and gives a
	// handler.
	Wrap func(http.Handler) http.Handler
}

// SessionOrder is the Order of the session middleware. Use a lower one for
// middlewares that need no session and may refuse a request (recovery, CSRF
// protection, limits), and a higher one for those that use the session.
const SessionOrder = 1000

type newSessionMiddlewareResult struct {
	fx.Out

	Middleware Middleware `group:"http.middleware"`
}

func newSessionMiddleware(m *session.Manager) newSessionMiddlewareResult {
	return newSessionMiddlewareResult{
		Middleware: Middleware{Name: "session", Order: SessionOrder, Wrap: m.Middleware},
	}
}

// Chain is every [Middleware] of the value group http.middleware, sorted by
// Order. [Module] provides it. The zero Chain has none. It is safe for
// concurrent use.
type Chain struct{ middlewares []Middleware }

type newChainParams struct {
	fx.In

	Middlewares []Middleware `group:"http.middleware"`
}

// newChain sorts the middlewares, as fx shuffles value groups, and refuses
// what has no one order.
func newChain(p newChainParams) (Chain, error) {
	sorted := slices.SortedFunc(slices.Values(p.Middlewares), func(a, b Middleware) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Name, b.Name))
	})
	var errs []error
	names := map[string]bool{}
	for i, m := range sorted {
		if m.Name == "" || m.Wrap == nil {
			errs = append(errs, fmt.Errorf("fxsession: the middleware %q of order %d needs a name and a Wrap", m.Name, m.Order))
		}
		if i > 0 && sorted[i-1].Order == m.Order {
			errs = append(errs, fmt.Errorf("fxsession: the middlewares %q and %q have the same order, %d", sorted[i-1].Name, m.Name, m.Order))
		}
		if names[m.Name] {
			errs = append(errs, fmt.Errorf("fxsession: there are two middlewares of the name %q", m.Name))
		}
		names[m.Name] = true
	}
	return Chain{sorted}, errors.Join(errs...)
}

// Then returns h behind the middlewares of the chain. It panics if a Wrap gives
// no handler; [Handler] makes that an error of the start.
func (c Chain) Then(h http.Handler) http.Handler {
	h, err := c.then(h)
	if err != nil {
		panic(err)
	}
	return h
}

func (c Chain) then(h http.Handler) (http.Handler, error) {
	for _, m := range slices.Backward(c.middlewares) {
		if h = m.Wrap(h); h == nil {
			return nil, fmt.Errorf("fxsession: the Wrap of the middleware %q returned nil in place of a handler", m.Name)
		}
	}
	return h, nil
}
