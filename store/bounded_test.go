package store_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxsession/sessions/store"
)

// atHand is a backend that waits for nothing, and so never asks when its
// context ends.
type atHand struct{ fake }

func (*atHand) Load(context.Context, store.Key) (store.Record, error) { return store.Record{}, nil }

func TestACallThatWaitsForNothingSetsNoTimer(t *testing.T) { // not parallel: it counts what the whole process allocates
	s := store.New(new(atHand))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if got := testing.AllocsPerRun(100, func() { _, _ = s.Load(ctx, aKey) }); got > 1 {
		t.Errorf("%v allocations for a call, 1 is allowed: that of its context", got)
	}
}

// during calls check with the context that a backend gets for a call with ctx
// and a timeout of a second.
func during(ctx context.Context, check func(ctx context.Context)) {
	b := &able{fake{answer: func(ctx context.Context) error {
		check(ctx)
		return nil
	}}}
	_, _ = store.New(b, store.WithTimeout(time.Second)).Load(ctx, aKey)
}

func isDone(ctx context.Context) bool {
	synctest.Wait()
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

func TestC8_TheContextOfACallEndsAsAnyOther(t *testing.T) {
	t.Parallel()
	type key struct{}
	for name, waits := range map[string]bool{"waited for": true, "not waited for": false} {
		synctest.Test(t, func(t *testing.T) {
			caller, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "a value"))
			defer cancel()
			var kept context.Context
			during(caller, func(ctx context.Context) {
				kept = ctx
				if waits && isDone(ctx) || ctx.Err() != nil || ctx.Value(key{}) != "a value" {
					t.Errorf("%s: %v, value %v at the beginning", name, ctx.Err(), ctx.Value(key{}))
				}
				time.Sleep(time.Second)
				if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) || !isDone(ctx) {
					t.Errorf("%s: %v when the time is over", name, err)
				}
			})
			during(caller, func(ctx context.Context) { kept = ctx; _ = waits && isDone(ctx) })
			if err := kept.Err(); !errors.Is(err, context.Canceled) || !isDone(kept) {
				t.Errorf("%s: %v when the call is over", name, err)
			}
			during(caller, func(ctx context.Context) {
				child, stop := context.WithCancel(ctx)
				defer stop()
				if waits && isDone(ctx) || isDone(child) {
					t.Errorf("%s: it has ended too early", name)
				}
				cancel()
				if err := ctx.Err(); !errors.Is(err, context.Canceled) || !isDone(ctx) || !isDone(child) {
					t.Errorf("%s: %v when the caller has gone", name, err)
				}
			})
		})
	}
}

func TestC8_TheEarlierDeadlineCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for caller, want := range map[time.Duration]time.Duration{time.Millisecond: time.Millisecond, time.Minute: time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), caller)
			during(ctx, func(ctx context.Context) {
				if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != want {
					t.Errorf("a caller with %s: %s, %v", caller, time.Until(deadline), ok)
				}
			})
			cancel()
		}
	})
}
