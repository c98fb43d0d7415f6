package fxsession

import (
	"net/http"
	"reflect"

	"github.com/fxsession/sessions/session"
)

// plan is how one route answers a request: which functions are called with
// what. It is made at start, and not changed afterwards.
type plan struct {
	pattern string
	handler *call
	direct  func(http.ResponseWriter, *http.Request) error // the handler without reflection, nil if it needs it
	post    []*call

	// values is what a frame begins with: the arguments of every call, one
	// after the other, with the singletons in them, and the slots.
	values []reflect.Value
}

// call is one function of a plan.
type call struct {
	function *function
	args     []arg
	first    int // where its arguments are in the frame
	slot     int // where a request-scoped value is in the frame, -1 for what is shared with nothing
}

// arg says where an argument that is not a singleton comes from.
type arg struct {
	index  int // among the arguments
	source source
	by     *call // for fromConstructor
}

// newPlan makes the plan of r, with the singletons of its functions.
func newPlan(r *route, have map[*function]singletons) *plan {
	p := &plan{pattern: r.pattern}
	calls := map[*function]*call{}
	var add func(*function) *call
	add = func(f *function) *call {
		if c := calls[f]; c != nil {
			return c
		}
		c := &call{function: f, first: len(p.values), slot: -1}
		calls[f] = c
		p.values = append(p.values, make([]reflect.Value, len(f.params))...)
		if f.role == requestScoped {
			c.slot = len(p.values)
			p.values = append(p.values, reflect.Value{})
		}
		for i, param := range f.params {
			switch param.source {
			case fromGraph:
				p.values[c.first+i] = have[f][param.index]
			case fromConstructor:
				c.args = append(c.args, arg{i, fromConstructor, add(param.by)})
			default:
				c.args = append(c.args, arg{i, param.source, nil})
			}
		}
		return c
	}
	p.handler = add(r.handler)
	p.direct = direct(r.handler.value)
	for _, f := range r.list.postProcessors() {
		p.post = append(p.post, add(f))
	}
	return p
}

// direct gives the function of a handler that has one of the usual types.
func direct(v reflect.Value) func(http.ResponseWriter, *http.Request) error {
	if fn, ok := as[func(http.ResponseWriter, *http.Request, *session.Session) error](v); ok {
		return func(w http.ResponseWriter, r *http.Request) error {
			return fn(w, r, session.FromContext(r.Context()))
		}
	}
	if fn, ok := as[func(http.ResponseWriter, *http.Request, *session.Session)](v); ok {
		return func(w http.ResponseWriter, r *http.Request) error {
			fn(w, r, session.FromContext(r.Context()))
			return nil
		}
	}
	if fn, ok := as[func(http.ResponseWriter, *http.Request) error](v); ok {
		return fn
	}
	if fn, ok := as[func(http.ResponseWriter, *http.Request)](v); ok {
		return func(w http.ResponseWriter, r *http.Request) error {
			fn(w, r)
			return nil
		}
	}
	return nil
}

// as gives v as an F, where it is one but for the name of its type.
func as[F any](v reflect.Value) (fn F, ok bool) {
	if t := reflect.TypeFor[F](); v.Type().ConvertibleTo(t) {
		return v.Convert(t).Interface().(F), true
	}
	return fn, false
}

// failure says what err comes from.
func (p *plan) failure(c *call, err error) error {
	stage := StageConstructor
	switch c.function.role {
	case handler:
		stage = StageHandler
	case postProcessor:
		stage = StagePostProcessor
	}
	return &Error{Stage: stage, Pattern: p.pattern, Function: c.function.name, Err: err}
}
