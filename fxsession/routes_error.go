package fxsession

import (
	"errors"
	"net/http"
	"strings"

	"github.com/fxsession/sessions/session"
)

// Stage says what an [Error] comes from.
type Stage string

// The stages of a request.
const (
	StageConstructor   Stage = "constructor"
	StageHandler       Stage = "handler"
	StagePostProcessor Stage = "post-processor"
	StageSave          Stage = "save" // of the session, by the middleware
)

// Error is what the session.ErrorHandler of the graph receives. errors.Is and
// errors.As see through it.
type Error struct {
	Stage    Stage  // where it failed
	Pattern  string // of the route; "" where none is known
	Function string // of Routes, by its short name: "cart.(*Handler).Add"; "" for others
	Err      error  // what failed, never nil
}

// Error returns everything that e contains in one line.
func (e *Error) Error() string {
	where := strings.Join(strings.Fields(string(e.Stage)+" "+e.Function), " ")
	if e.Pattern != "" {
		where = e.Pattern + ": " + where
	}
	return where + ": " + e.Err.Error()
}

// Unwrap gives e.Err.
func (e *Error) Unwrap() error { return e.Err }

// ErrPostProcessorWrites is what writing in a post-processor returns: the
// response is the handler's. If a post-processor returns an error, the
// session.ErrorHandler answers instead.
var ErrPostProcessorWrites = errors.New("fxsession: a post-processor cannot write the response: change its headers, or return an error")

// staged gives what h, which may be nil, gets of the errors of a save its stage.
func staged(h session.ErrorHandler) session.ErrorHandler {
	if h == nil {
		return nil
	}
	return func(w http.ResponseWriter, r *http.Request, err error) {
		if errors.Is(err, session.ErrNotSaved) {
			err = &Error{Stage: StageSave, Pattern: r.Pattern, Err: err}
		}
		h(w, r, err)
	}
}
