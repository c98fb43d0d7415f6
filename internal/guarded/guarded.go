package lifecycle

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// panicError is a panic of a backend, caught where nobody else would: in a
// goroutine of this package.
type panicError struct {
	what  string
	stack []byte
}

// Error says what the panic was and where.
func (e *panicError) Error() string {
	return fmt.Sprintf("the backend panicked: %s\n%s", e.what, e.stack)
}

// guarded gives the error of f, or the panic of f as an error. Of the value
// that f panicked with it tells the type alone, as there may be anything in it,
// unless it comes from the runtime.
func guarded(f func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			err = &panicError{p.Error(), debug.Stack()}
		default:
			err = &panicError{fmt.Sprintf("with a %T", p), debug.Stack()}
		}
	}()
	return f()
}
