package fxsession

import (
	"net/http"

	"github.com/fxsession/sessions/session"
)

// HandlerFunc is an http.Handler that receives the request's session. An error
// that it returns goes to [session.HandleError], inside an [*Error], which
// answers instead; it must have written nothing then.
type HandlerFunc func(http.ResponseWriter, *http.Request, *session.Session) error

// ServeHTTP calls f with the session that the middleware has put into the
// request's context.
func (f HandlerFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := f(w, r, session.FromContext(r.Context())); err != nil {
		session.HandleError(w, r, &Error{Stage: StageHandler, Pattern: r.Pattern, Err: err})
	}
}
