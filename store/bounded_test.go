package store_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
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

// A context that has ended tells those that were made of it, and only those that
// still want to hear.
func TestC8_WhatWasMadeOfTheContextOfACallEndsWithIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var heard, stopped, late atomic.Bool
		var child context.Context
		during(t.Context(), func(ctx context.Context) {
			var cancel context.CancelFunc
			child, cancel = context.WithTimeout(ctx, time.Minute)
			defer cancel()
			context.AfterFunc(ctx, func() { heard.Store(true) })
			if stop := context.AfterFunc(ctx, func() { stopped.Store(true) }); !stop() || stop() {
				t.Error("what waited could not be stopped, or twice")
			}
			<-child.Done()
			if !errors.Is(child.Err(), context.DeadlineExceeded) || !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				t.Errorf("a context made of it ended with %v, and it because of %v", child.Err(), context.Cause(ctx))
			}
			context.AfterFunc(ctx, func() { late.Store(true) })
		})
		if synctest.Wait(); !heard.Load() || stopped.Load() || !late.Load() {
			t.Errorf("one that waited heard: %v, one that was stopped: %v, one that came late: %v", heard.Load(), stopped.Load(), late.Load())
		}
	})
}

// afterFuncer is what package context, and who wants to spare it, asks of a
// context.
type afterFuncer interface {
	AfterFunc(f func()) (stop func() bool)
}

// Whoever waits for the end gets it, in whichever way and order it was asked for.
func TestC8_TheEndIsThereHoweverItIsAskedFor(t *testing.T) {
	t.Parallel()
	for range 1000 {
		caller, cancel := context.WithCancel(t.Context())
		during(caller, func(ctx context.Context) {
			heard := make(chan struct{})
			ctx.(afterFuncer).AfterFunc(func() { close(heard) })
			cancel()
			<-ctx.Done()
			<-heard
			late := make(chan struct{})
			if stop := ctx.(afterFuncer).AfterFunc(func() { close(late) }); stop() {
				t.Error("what was called could be stopped")
			}
			<-late
		})
	}
	synctest.Test(t, func(t *testing.T) {
		during(t.Context(), func(ctx context.Context) {
			var heard [4]atomic.Int32
			var stops [4]func() bool
			for i := range heard {
				stops[i] = ctx.(afterFuncer).AfterFunc(func() { heard[i].Add(1) })
			}
			for _, i := range []int{1, 3} {
				if !stops[i]() || stops[i]() {
					t.Errorf("number %d could not be stopped, or twice", i)
				}
			}
			time.Sleep(2 * time.Second) // nobody has asked for Done
			for i := range heard {
				if got, want := heard[i].Load(), int32(1-i%2); got != want {
					t.Errorf("number %d was called %d times, want %d", i, got, want)
				}
			}
			if stops[0]() {
				t.Error("what was called could be stopped")
			}
			<-ctx.Done()
		})
	})
}

// pending is a backend whose calls wait for their end, each in a time of its own.
type pending struct{ fake }

func (*pending) Load(ctx context.Context, _ store.Key) (store.Record, error) {
	<-ctx.Done()
	return store.Record{}, ctx.Err()
}

func TestC8_EachOfManyCallsEndsInItsOwnTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := store.New(new(pending), store.WithTimeout(time.Second))
		var all sync.WaitGroup
		for n := range 300 {
			begin := time.Duration(n*n%997) * time.Millisecond // neither in order nor all at once
			all.Go(func() {
				time.Sleep(begin)
				caller, cancel := context.WithCancel(t.Context())
				defer cancel()
				want := time.Second
				if n%3 == 0 { // this one's caller gives up
					want = time.Duration(n) * time.Millisecond
					time.AfterFunc(want, cancel)
				}
				began := time.Now()
				_, err := s.Load(caller, aKey)
				if took := time.Since(began); err == nil || took != want {
					t.Errorf("call %d ended after %s, not %s: %v", n, took, want, err)
				}
			})
		}
		all.Wait()
		began := time.Now() // after a while in which there was nothing to end
		if _, err := s.Load(t.Context(), aKey); err == nil || time.Since(began) != time.Second {
			t.Errorf("a later call ended after %s: %v", time.Since(began), err)
		}
	})
}

// patient asks for the end of its context when the time is right, and returns at
// once or at that end.
type patient struct {
	fake
	ask map[store.Key]time.Duration
}

// returnsAtOnce is a key whose calls do.
var returnsAtOnce = store.Key{1}

func (b *patient) Load(ctx context.Context, key store.Key) (store.Record, error) {
	time.Sleep(b.ask[key])
	end := ctx.Done()
	if key != returnsAtOnce {
		<-end
	}
	return store.Record{}, ctx.Err()
}

// A call that asks late may be due before one that asked early, whether that is
// still there or not.
func TestC8_ACallThatWaitsLateStillEndsInTime(t *testing.T) {
	t.Parallel()
	early := store.Key{2}
	for _, between := range []store.Key{early, returnsAtOnce} {
		synctest.Test(t, func(t *testing.T) {
			s := store.New(&patient{ask: map[store.Key]time.Duration{aKey: 950 * time.Millisecond}}, store.WithTimeout(time.Second))
			var all sync.WaitGroup
			for begin, key := range map[time.Duration]store.Key{0: aKey, 900 * time.Millisecond: between} {
				all.Go(func() {
					time.Sleep(begin)
					began := time.Now()
					_, err := s.Load(t.Context(), key)
					if took := time.Since(began); key != returnsAtOnce && (!errors.Is(err, store.ErrUnavailable) || took != time.Second) {
						t.Errorf("with a call %v between: one ended after %s: %v", between, took, err)
					}
				})
			}
			all.Wait()
		})
	}
}

// leaving is a context that counts who wants to hear of its end.
type leaving struct {
	context.Context // one without an end
	done            chan struct{}
	waiting         *atomic.Int32
}

func (c leaving) Done() <-chan struct{} { return c.done }

func (c leaving) AfterFunc(func()) (stop func() bool) {
	c.waiting.Add(1)
	return func() bool { return c.waiting.Add(-1) >= 0 }
}

func TestC8_ACallThatIsOverLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	caller := leaving{context.Background(), make(chan struct{}), new(atomic.Int32)}
	var s *store.SessionStore
	s = store.New(&able{fake{answer: func(ctx context.Context) error {
		ctx.Done()
		if n, waiting := store.Watched(s), caller.waiting.Load(); n != 1 || waiting != 1 {
			t.Errorf("during the call: %d watched, %d wait for its caller; want 1 and 1", n, waiting)
		}
		return nil
	}}})
	_, _ = s.Load(caller, aKey)
	if n, waiting := store.Watched(s), caller.waiting.Load(); n != 0 || waiting != 0 {
		t.Errorf("after the call: %d watched, %d wait for its caller", n, waiting)
	}
}

// waiter is what a backend may ask of the context of a call.
type waiter interface {
	Wait(answered <-chan struct{}) error
}

// A backend can wait for an answer or the end of the context in one step.
func TestC8_WhatWaitsForAnAnswerEndsWithTheContext(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first func(ctx context.Context) // before it waits
		ends  func(answered chan struct{}, leave context.CancelFunc)
		want  error
		after time.Duration
	}{
		"answered":                {nil, func(answered chan struct{}, _ context.CancelFunc) { close(answered) }, nil, 0},
		"the caller goes":         {nil, func(_ chan struct{}, leave context.CancelFunc) { leave() }, context.Canceled, 0},
		"the time is over":        {nil, func(chan struct{}, context.CancelFunc) {}, context.DeadlineExceeded, time.Second},
		"the time, and Done read": {func(ctx context.Context) { ctx.Done() }, func(chan struct{}, context.CancelFunc) {}, context.DeadlineExceeded, time.Second},
		"the caller, and Done read": {
			func(ctx context.Context) { ctx.Done() },
			func(_ chan struct{}, leave context.CancelFunc) { leave() },
			context.Canceled, 0,
		},
		"the time was over": {func(context.Context) { time.Sleep(2 * time.Second) }, func(chan struct{}, context.CancelFunc) {}, context.DeadlineExceeded, 2 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			caller, leave := context.WithCancel(t.Context())
			defer leave()
			begin := time.Now()
			during(caller, func(ctx context.Context) {
				answered := make(chan struct{})
				outcome := make(chan error, 1)
				if c.first != nil {
					c.first(ctx)
				}
				go func() { outcome <- ctx.(waiter).Wait(answered) }()
				synctest.Wait()
				c.ends(answered, leave)
				if err := <-outcome; !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", name, err, c.want)
				}
				if took := time.Since(begin); took != c.after {
					t.Errorf("%s: after %s, want %s", name, took, c.after)
				}
				if done := isDone(ctx); done != (c.want != nil) {
					t.Errorf("%s: done is %v", name, done)
				}
			})
		})
	}
}

// What is asked for Done after it has waited ends with its caller all the same.
func TestC8_ACallThatHasWaitedGoesOnBeingWatched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		caller, leave := context.WithCancel(t.Context())
		defer leave()
		var kept <-chan struct{}
		during(caller, func(ctx context.Context) {
			answered := make(chan struct{})
			close(answered)
			if err := ctx.(waiter).Wait(answered); err != nil {
				t.Errorf("wait: %v", err)
			}
			kept = ctx.Done()
			if isDone(ctx) {
				t.Error("it has ended with the answer")
			}
			leave()
			synctest.Wait()
			select {
			case <-kept:
			default:
				t.Error("it has not ended with its caller")
			}
		})
		during(t.Context(), func(ctx context.Context) {
			answered := make(chan struct{})
			close(answered)
			_ = ctx.(waiter).Wait(answered)
			time.Sleep(time.Second)
			if !isDone(ctx) {
				t.Error("it has not ended in time")
			}
		})
	})
}
