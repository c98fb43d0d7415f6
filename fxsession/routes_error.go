package fxsession

import "errors"

// Stage says what an [Error] comes from.
type Stage string

// The stages of a request. What comes without an Error is of the last one, the
// save of the session, or of a handler that is not one of Routes.
const (
	StageConstructor   Stage = "constructor"
	StageHandler       Stage = "handler"
	StagePostProcessor Stage = "post-processor"
)

// Error is what a function of [Routes] has returned, as the
// session.ErrorHandler of the graph gets it. errors.Is and errors.As look
// through it.
type Error struct {
	Stage    Stage
	Pattern  string // of the route
	Function string // its short name: "cart.(*Handler).Add"
	Err      error
}

// Error gives all that e holds in one line.
func (e *Error) Error() string {
	return e.Pattern + ": " + string(e.Stage) + " " + e.Function + ": " + e.Err.Error()
}

// Unwrap gives e.Err.
func (e *Error) Unwrap() error { return e.Err }

// ErrPostProcessorWrites is what writing in a post-processor returns: the
// response is the handler's. A post-processor that returns an error has the
// session.ErrorHandler answer in its place.
var ErrPostProcessorWrites = errors.New("fxsession: a post-processor cannot write the response: change its headers, or return an error")
