package testkit

import (
	"testing"
	"time"
)

// patience is longer than anything takes that a test waits for, also on a busy
// machine.
const patience = 30 * time.Second

// Eventually calls f, every millisecond, until it returns nil. Where that never
// comes to be, it ends the test with the last error.
func Eventually(tb testing.TB, f func() error) {
	tb.Helper()
	late, tick := time.After(patience), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			tb.Fatalf("it never came to be: %v", err)
		}
	}
}

// Begin calls f, so that a test can go on, and gives what f returned over the
// channel.
func Begin(f func() error) (outcome <-chan error) {
	ch := make(chan error, 1)
	go func() { ch <- f() }()
	return ch
}

// Receive gives what comes over ch, or its zero value when it is closed. Where
// neither ever happens, it ends the test.
func Receive[T any](tb testing.TB, what string, ch <-chan T) T {
	tb.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		tb.Fatalf("it has not come: %s", what)
		panic("not reached")
	}
}
