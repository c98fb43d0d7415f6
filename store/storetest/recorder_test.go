package storetest

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// recorder is a testing.TB that keeps a failure to itself.
type recorder struct {
	testing.TB
	mu      sync.Mutex
	failure string
}

// try runs c against h and returns how it failed; "" if it passed.
func try(t *testing.T, c check, h Harness) string {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { // Fatalf ends the goroutine, as it does in a real test
		defer close(done)
		c.run(newEnv(r, h))
	}()
	<-done
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}

func (r *recorder) Helper()    {}
func (r *recorder) Log(...any) {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.mu.Lock()
	if r.failure == "" {
		r.failure = fmt.Sprintf(format, args...)
	}
	r.mu.Unlock()
	runtime.Goexit()
}
