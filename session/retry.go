package session

import (
	"context"
	"math/rand/v2"
	"time"
)

// retry paces the attempts of one save.
type retry struct {
	deadline   time.Duration
	attempts   int
	duplicates int
	cancel     context.CancelFunc
}

// wait pauses for a random moment that grows with the attempts: none before
// the second, 32 ms at most. It returns the context for the next attempt, which
// ends at the deadline of the save, or nil when that has passed.
func (r *retry) wait(ctx context.Context) context.Context {
	if r.cancel == nil {
		ctx, r.cancel = context.WithTimeout(ctx, r.deadline)
	}
	if r.attempts > 0 {
		pause := time.NewTimer(rand.N(time.Millisecond / 2 << min(r.attempts, 6)))
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
	r.attempts++
	if ctx.Err() != nil {
		return nil
	}
	return ctx
}

// duplicateAgain says whether to try again with another ID. A duplicate of 128
// random bits is a fault of the store, perhaps a passing one: three tries show.
func (r *retry) duplicateAgain() bool {
	r.duplicates++
	return r.duplicates <= 3
}

func (r *retry) stop() {
	if r.cancel != nil {
		r.cancel()
	}
}
