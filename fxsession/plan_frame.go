package fxsession

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"

	"github.com/fxsession/sessions/internal/commit"
	"github.com/fxsession/sessions/session"
)

// frame is what one request holds while its plan runs. It is never used again,
// so that a handler that keeps its parameters keeps what is its own.
//
// The values are built before the handler runs and, for the post-processors,
// when the response is committed, which happens once: never by two goroutines
// at a time.
type frame struct {
	plan    *plan
	writer  http.ResponseWriter
	request *http.Request
	context context.Context
	session *session.Session
	values  []reflect.Value
	failed  []*call // constructors that have returned an error
	leaving *leaving
	few     [16]reflect.Value
}

// leaving is the response as the post-processors see it.
type leaving struct {
	response Response
	writer   http.ResponseWriter
}

func (f *frame) begin(p *plan, w http.ResponseWriter, r *http.Request) {
	f.plan, f.writer, f.request, f.context = p, w, r, r.Context()
	f.values = append(f.few[:0], p.values...)
}

// errReported is that of a constructor whose own error has been returned before.
var errReported = errors.New("fxsession: a constructor has failed before")

// call calls c and returns the results.
func (f *frame) call(c *call) ([]reflect.Value, error) {
	args := f.values[c.first : c.first+len(c.function.params)]
	for _, a := range c.args {
		switch a.source {
		case theWriter:
			w := &f.writer
			if c.function.role == postProcessor {
				w = &f.leaving.writer
			}
			args[a.index] = reflect.ValueOf(w).Elem()
		case theRequest:
			args[a.index] = reflect.ValueOf(f.request)
		case theContext:
			args[a.index] = reflect.ValueOf(&f.context).Elem()
		case theSession:
			if f.session == nil {
				f.session = session.FromContext(f.context)
			}
			args[a.index] = reflect.ValueOf(f.session)
		case theResponse:
			args[a.index] = reflect.ValueOf(&f.leaving.response).Elem()
		case fromConstructor:
			value, err := f.value(a.by)
			if err != nil {
				return nil, err
			}
			args[a.index] = value
		}
	}
	results := c.function.value.Call(args)
	if c.function.fallible {
		if last := results[len(results)-1]; !last.IsNil() {
			return nil, f.plan.failure(c, last.Interface().(error))
		}
	}
	return results, nil
}

// value gives what the constructor c makes for the request.
func (f *frame) value(c *call) (reflect.Value, error) {
	if c.slot >= 0 {
		if made := f.values[c.slot]; made.IsValid() {
			return made, nil
		}
		if slices.Contains(f.failed, c) {
			return reflect.Value{}, errReported
		}
	}
	results, err := f.call(c)
	if err != nil {
		f.failed = append(f.failed, c)
		return reflect.Value{}, err
	}
	if c.slot >= 0 {
		f.values[c.slot] = results[0]
	}
	return results[0], nil
}

// handle calls the handler.
func (f *frame) handle() error {
	if direct := f.plan.direct; direct != nil {
		if err := direct(f.writer, f.request); err != nil {
			return f.plan.failure(f.plan.handler, err)
		}
		return nil
	}
	_, err := f.call(f.plan.handler)
	return err
}

// ServeHTTP runs the plan.
func (p *plan) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case len(p.post) > 0:
		p.serveProcessed(w, r)
	case p.direct != nil:
		if err := p.direct(w, r); err != nil {
			session.HandleError(w, r, p.failure(p.handler, err))
		}
	default:
		f := &frame{}
		f.begin(p, w, r)
		if err := f.handle(); err != nil {
			session.HandleError(w, r, err)
		}
	}
}

// processed is the frame of a route with post-processors, and the hooks of its
// response.
type processed struct {
	frame
	commit commit.Writer
}

func (p *plan) serveProcessed(w http.ResponseWriter, r *http.Request) {
	x := &processed{}
	x.begin(p, x.commit.Wrap(w, x), r)
	defer x.commit.Close()
	if err := x.handle(); err != nil && !x.commit.Refused() {
		session.HandleError(x.writer, r, err)
	}
	if x.commit.Commit() != nil && !x.commit.Answered() { // a post-processor panicked, and the handler has recovered
		panic(http.ErrAbortHandler)
	}
}

// BeforeHeaders runs the post-processors.
func (x *processed) BeforeHeaders(h http.Header) error {
	x.leaving = &leaving{Response{x.commit.Status(), h}, &headerWriter{h}}
	for _, c := range x.plan.post {
		if _, err := x.call(c); err != nil && err != errReported {
			return err
		}
	}
	return nil
}

// Refuse answers in the place of the handler.
func (x *processed) Refuse(w http.ResponseWriter, err error) {
	session.HandleError(w, x.request, err)
}
