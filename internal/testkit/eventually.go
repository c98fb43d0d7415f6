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
