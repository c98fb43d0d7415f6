package fxsession

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/fx"
)

// Route is an element of the value group routes. [Routes] makes them; a
// constructor can add others, a file server for example:
//
//	type NewAssetsResult struct {
//		fx.Out
//
//		Route fxsession.Route `group:"routes"`
//	}
type Route struct {
	// Pattern is one of http.ServeMux.
	Pattern string
	// Handler is not nil.
	Handler http.Handler

	about string // the function and where it is listed, "" where that is not known
}

// Handler serves every [Route] of the value group routes, by its pattern,
// behind the [Chain]. It is what an application gives its server.
type Handler interface{ http.Handler }

type newHandlerParams struct {
	fx.In

	Chain  Chain
	Routes []Route `group:"routes"`
}

func newHandler(p newHandlerParams) (Handler, error) {
	mux, err := newMux(slices.SortedFunc(slices.Values(p.Routes), func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.Pattern, b.Pattern), cmp.Compare(a.about, b.about))
	}))
	if err != nil {
		return nil, err
	}
	return p.Chain.then(mux)
}

// newMux registers routes. Its error is all that is wrong with their patterns.
func newMux(routes []Route) (*http.ServeMux, error) {
	mux := http.NewServeMux()
	var problems []error
	for i, r := range routes {
		if err := register(mux, r); err != nil {
			problems = append(problems, explain(r, routes[:i], err))
		}
	}
	return mux, errors.Join(problems...)
}

// register turns the panic of a ServeMux into an error.
func register(mux *http.ServeMux, r Route) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	mux.Handle(r.Pattern, r.Handler)
	return nil
}

// explain says why r cannot be registered beside others.
func explain(r Route, others []Route, err error) error {
	if register(http.NewServeMux(), r) != nil {
		return fmt.Errorf("fxsession: %q of %s: %s", r.Pattern, r.from(), strings.TrimPrefix(err.Error(), "http: "))
	}
	for _, other := range others {
		mux := http.NewServeMux()
		if register(mux, other) != nil {
			continue
		}
		if err := register(mux, r); err != nil {
			why := err.Error()
			if _, reason, ok := strings.Cut(why, "):\n"); ok { // without what is said here already
				why = reason
			}
			return fmt.Errorf("fxsession: %q of %s collides with %q of %s: change one of them: %s",
				r.Pattern, r.from(), other.Pattern, other.from(), strings.ReplaceAll(why, "\n", " "))
		}
	}
	return fmt.Errorf("fxsession: %q of %s: %w", r.Pattern, r.from(), err)
}

func (r Route) from() string {
	return cmp.Or(r.about, "a Route of the group routes")
}
