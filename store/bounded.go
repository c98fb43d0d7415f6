package store

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// bounded is the context of one call to the backend. It ends at the deadline,
// with the caller's context, and with the call. It does what
// context.WithDeadline does, but sets nothing up, no timer above all, before
// somebody waits for its end: a backend that has at hand what it is asked for
// never does.
type bounded struct {
	caller   context.Context
	deadline time.Time

	mu      sync.Mutex
	over    bool            // the call is
	waited  context.Context // nil as long as nobody waits
	release context.CancelFunc
}

func newBounded(caller context.Context, timeout time.Duration) *bounded {
	return &bounded{caller: caller, deadline: time.Now().Add(timeout)}
}

// end ends the context with the call.
func (b *bounded) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	if b.release != nil {
		b.release()
	}
}

// now gives the context that says what b is: the caller's, or the one that is
// waited for.
func (b *bounded) now() (ctx context.Context, over bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waited != nil {
		return b.waited, b.over
	}
	return b.caller, b.over
}

// Deadline is the earlier one of the call's and the caller's.
func (b *bounded) Deadline() (time.Time, bool) {
	if deadline, ok := b.caller.Deadline(); ok && deadline.Before(b.deadline) {
		return deadline, true
	}
	return b.deadline, true
}

// Done sets up what there is to wait for.
func (b *bounded) Done() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waited == nil {
		b.waited, b.release = context.WithDeadline(b.caller, b.deadline)
		if b.over {
			b.release()
		}
	}
	return b.waited.Done()
}

// Err says why the context has ended, nil if it has not.
func (b *bounded) Err() error {
	ctx, over := b.now()
	if err := ctx.Err(); err != nil {
		return err
	}
	switch {
	case !time.Now().Before(b.deadline):
		return context.DeadlineExceeded
	case over:
		return context.Canceled
	}
	return nil
}

// Value gives those of the caller's context. Package context finds there also
// what it needs to end children together with b.
func (b *bounded) Value(key any) any {
	ctx, _ := b.now()
	return ctx.Value(key)
}

// String names the context as those of package context are named.
func (b *bounded) String() string { return fmt.Sprint(b.caller) + ".Bounded" }
