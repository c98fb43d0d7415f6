package store

import (
	"context"
	"sync"
	"time"
)

// bounded is the context of one call to the backend. It ends at the deadline,
// with the caller's context, and with the call. It is what
// context.WithDeadline makes, for less: nothing is set up before somebody waits
// for its end, which a backend that has at hand what it is asked for never does;
// and then one timer does for all calls, see [deadlines].
type bounded struct {
	caller   context.Context
	deadline time.Time
	all      *deadlines

	mu    sync.Mutex
	err   error         // why it has ended, nil if it has not
	waits bool          // somebody waits for its end, and it is watched for
	timed bool          // its deadline is
	done  chan struct{} // nil before somebody asks for it
	// leave ends the watch on the caller's context; nil where that never ends.
	leave func() bool
	then  *afterFunc // to be called when it ends, and those after it

	// Guarded by the lock of all.
	before, after *bounded
	watched       bool
}

func newBounded(caller context.Context, all *deadlines, timeout time.Duration) *bounded {
	return &bounded{caller: caller, all: all, deadline: time.Now().Add(timeout)}
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
	b.watch()
	return b.channel()
}

// channel gives what is closed when the context ends. It is called with b locked.
func (b *bounded) channel() <-chan struct{} {
	if b.done == nil {
		if b.done = make(chan struct{}); b.err != nil {
			close(b.done)
		}
	}
	return b.done
}

// watch makes the context end when it should, and not only when it is looked at.
// It is called with b locked.
func (b *bounded) watch() {
	if b.look(); b.err != nil || b.waits {
		return
	}
	b.waits = true
	b.time()
	if b.caller.Done() != nil {
		b.leave = context.AfterFunc(b.caller, func() { b.end(b.caller.Err()) })
	}
}

// time makes the context end at its deadline. It is called with b locked.
func (b *bounded) time() {
	if !b.timed {
		b.timed = true
		b.all.add(b)
	}
}

// Wait returns nil when answered is closed, and the error of the context when that
// ends. It is what a select of both does, for less: nothing has to tell this
// context of the end of the caller's.
func (b *bounded) Wait(answered <-chan struct{}) error {
	b.mu.Lock()
	if b.err == nil {
		b.time()
	}
	done := b.channel()
	b.mu.Unlock()
	select {
	case <-answered:
		return nil
	case <-done:
	case <-b.caller.Done():
	}
	return b.Err()
}

// Err says why the context has ended, nil if it has not.
func (b *bounded) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look()
	return b.err
}

// look finds out whether it should have ended. It is called with b locked.
func (b *bounded) look() {
	if b.err != nil {
		return
	}
	if err := b.caller.Err(); err != nil {
		b.finish(err)
	} else if !time.Now().Before(b.deadline) {
		b.finish(context.DeadlineExceeded)
	}
}

// end ends the context, unless it has ended.
func (b *bounded) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finish(err)
}

func (b *bounded) finish(err error) {
	if b.err != nil {
		return
	}
	b.err = err
	if b.done != nil {
		close(b.done)
	}
	if b.timed {
		b.all.remove(b)
	}
	if b.leave != nil {
		b.leave()
	}
	for a := b.then; a != nil; a = a.next {
		go a.f()
	}
	b.then = nil
}

// afterFunc is a function that AfterFunc was given.
type afterFunc struct {
	f    func()
	next *afterFunc
}

// AfterFunc is what package context asks for, so that a context made of this one
// itself, by WithCancel and the like, ends with it without a goroutine that waits.
func (b *bounded) AfterFunc(f func()) (stop func() bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.watch(); b.err != nil {
		go f()
		return func() bool { return false }
	}
	a := &afterFunc{f, b.then}
	b.then = a
	return func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		for at := &b.then; *at != nil; at = &(*at).next {
			if *at == a {
				*at = a.next
				return true
			}
		}
		return false
	}
}

// Value gives those of the caller's context.
func (b *bounded) Value(key any) any { return b.caller.Value(key) }

// String says what it is, and nothing of the caller's context.
func (b *bounded) String() string { return "the context of a call to the session store" }
