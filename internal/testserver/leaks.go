package testserver

import (
	"time"

	"go.uber.org/goleak"
)

// Leaks gives the goroutines that are left, as an error: those that do not end
// within some seconds. A rueidis client keeps some for as long as five after its
// Close. It is for TestMain, after the tests.
func Leaks() (err error) {
	for deadline := time.Now().Add(7 * time.Second); time.Now().Before(deadline); {
		if err = goleak.Find(); err == nil {
			return nil
		}
	}
	return err
}
