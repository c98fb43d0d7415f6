// Package guarded turns a panic of somebody else's code into an error, in the
// goroutines of this library, where nobody else would catch it.
package guarded

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// PanicError is a panic of a backend, as an error.
type PanicError struct {
	what  string
	stack []byte
}

// Error says what the panic was and where.
func (e *PanicError) Error() string {
	return fmt.Sprintf("the backend panicked: %s\n%s", e.what, e.stack)
}

// Call gives the error of f, or the panic of f as an error. Of the value
// that f panicked with it tells the type alone, as there may be anything in it,
// unless it comes from the runtime.
func Call(f func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			err = &PanicError{p.Error(), debug.Stack()}
		default:
			err = &PanicError{fmt.Sprintf("with a %T", p), debug.Stack()}
		}
	}()
	return f()
}
