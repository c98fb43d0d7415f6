package testkit

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// AwaitLocks waits until so many goroutines of a test wait for a lock: those that
// begin in a function literal of it.
func AwaitLocks(tb testing.TB, want int) {
	tb.Helper()
	test, _, _ := strings.Cut(tb.Name(), "/")
	Eventually(tb, func() error {
		all := make([]byte, 16<<20)
		all = all[:runtime.Stack(all, true)]
		got := 0
		for stack := range strings.SplitSeq(string(all), "\n\n") {
			if strings.Contains(stack, "[sync.Mutex.Lock") && strings.Contains(stack, "."+test+".func") {
				got++
			}
		}
		if got != want {
			return fmt.Errorf("%d goroutines wait for a lock, want %d", got, want)
		}
		return nil
	})
}
