package store

import (
	"context"
	"sync"
	"time"
)

// deadlines ends in time the calls of one SessionStore that somebody waits for.
// They have one timeout, so that the one that began first is the first that is
// due, and one timer does for all of them. A timer for each would cost a call to
// a backend nearby more than anything else that is done for it, as each wakes
// the runtime's poller.
type deadlines struct {
	mu    sync.Mutex
	first *bounded // in the order in which they are due
	last  *bounded
	timer *time.Timer // nil before the first call
	// alarm is when the timer goes off, not after the first call is due; the zero
	// time while it is not set.
	alarm time.Time
}

// add begins to watch b. Its deadline is hardly ever before that of the last.
func (d *deadlines) add(b *bounded) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.last
	for before != nil && b.deadline.Before(before.deadline) {
		before = before.before
	}
	b.before = before
	if before == nil {
		b.after, d.first = d.first, b
	} else {
		b.after, before.after = before.after, b
	}
	if b.after == nil {
		d.last = b
	} else {
		b.after.before = b
	}
	if b.watched = true; d.alarm.IsZero() || b.deadline.Before(d.alarm) {
		d.arm()
	}
}

// remove ends the watch on b.
func (d *deadlines) remove(b *bounded) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unlink(b)
}

func (d *deadlines) unlink(b *bounded) {
	if !b.watched {
		return
	}
	if b.before == nil {
		d.first = b.after
	} else {
		b.before.after = b.after
	}
	if b.after == nil {
		d.last = b.before
	} else {
		b.after.before = b.before
	}
	b.before, b.after, b.watched = nil, nil, false
}

// arm sets the timer for the first call.
func (d *deadlines) arm() {
	d.alarm = d.first.deadline
	if in := time.Until(d.alarm); d.timer == nil {
		d.timer = time.AfterFunc(in, d.fire)
	} else {
		d.timer.Reset(in)
	}
}

// fire ends the calls that are due.
func (d *deadlines) fire() {
	var due []*bounded
	d.mu.Lock()
	now := time.Now()
	for d.first != nil && !now.Before(d.first.deadline) {
		due = append(due, d.first)
		d.unlink(d.first)
	}
	if d.alarm = (time.Time{}); d.first != nil {
		d.arm()
	}
	d.mu.Unlock()
	for _, b := range due {
		b.end(context.DeadlineExceeded)
	}
}
