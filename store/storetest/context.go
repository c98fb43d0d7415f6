package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/fxsession/sessions/store"
)

// promptly bounds how long an operation may take to return once its context
// has ended; it is generous to slow machines.
const promptly = 5 * time.Second

// contextChecks: C8, a call whose context ends.
func contextChecks() []check {
	return []check{
		{"C8 a context that is done changes nothing", func(e *env) {
			e.create(newKey(1), before())
			canceled, cancel := context.WithCancel(e.Context())
			cancel()
			late, cancel := context.WithDeadline(e.Context(), time.Now().Add(-time.Second))
			defer cancel()
			for ctx, want := range map[context.Context]error{canceled: context.Canceled, late: context.DeadlineExceeded} {
				for _, op := range operations() {
					e.is(e.promptly(ctx, op, newKey(1), newKey(2)), want, op.name)
					e.holds(newKey(1), first(before()))
					_, err := e.store.Load(e.Context(), newKey(2))
					e.is(err, store.ErrNotFound, "load of a key that nothing was written to")
				}
			}
		}},
		{"C8 a context that ends under way leaves nothing half done", func(e *env) {
			for i, op := range operations() {
				for round := range 40 {
					key, free := newKey(2*(100*i+round)), newKey(2*(100*i+round)+1)
					e.create(key, before())
					ctx, cancel := context.WithCancel(e.Context())
					// From before the call has begun to after it has ended.
					time.AfterFunc(rand.N(time.Duration(1+round)*50*time.Microsecond), cancel)
					err := e.promptly(ctx, op, key, free)
					cancel()
					if err != nil && !errors.Is(err, context.Canceled) {
						e.Fatalf("%s: %v", op.name, err)
					}
					e.whole(op, key, free, err == nil)
				}
			}
		}},
		{"C8 an engine that does not answer is given up on", func(e *env) {
			staller, ok := e.harness.(Staller)
			if !ok {
				e.Log("the harness has no Stall: nothing outside of this process can keep the backend waiting")
				return
			}
			for i, op := range operations() {
				key, free := newKey(2*i), newKey(2*i+1)
				e.create(key, before())
				resume := staller.Stall(e)
				e.Cleanup(resume)
				ctx, cancel := context.WithTimeout(e.Context(), 100*time.Millisecond)
				err := e.promptly(ctx, op, key, free)
				cancel()
				resume()
				if err == nil && op.name == "delete expired" {
					continue // an engine that expires by itself is not asked
				}
				e.is(err, context.DeadlineExceeded, op.name)
				e.whole(op, key, free, false)
			}
		}},
	}
}

// operation is one method of a store, called while a record is under key and
// nothing under free, and what it leaves there.
type operation struct {
	name          string
	do            func(ctx context.Context, s *store.SessionStore, key, free store.Key) error
	atKey, atFree outcome
}

// outcome is what Load answers: a record or an error.
type outcome struct {
	rec store.Record
	err error
}

// before is the record that operations start from.
func before() store.Record { return record("a", `1`, "b", `1`) }

func operations() []operation {
	ch := store.Change{Set: state("b", `2`, "c", `2`, "d", `2`), Remove: []string{"a"}}
	unchanged, changed := outcome{rec: first(before())}, outcome{rec: store.Merge(first(before()), ch)}
	created := record("created", `1`, "whole", `1`)
	nothing, ended, renewed := outcome{err: store.ErrNotFound}, outcome{err: store.ErrEnded}, outcome{err: store.ErrRenewed}
	return []operation{
		{"create", func(ctx context.Context, s *store.SessionStore, _, free store.Key) error {
			return s.Create(ctx, free, created)
		}, unchanged, outcome{rec: first(created)}},
		{"load", func(ctx context.Context, s *store.SessionStore, key, _ store.Key) error {
			_, err := s.Load(ctx, key)
			return err
		}, unchanged, nothing},
		{"update", func(ctx context.Context, s *store.SessionStore, key, _ store.Key) error {
			return s.Update(ctx, key, ch)
		}, changed, nothing},
		{"change key", func(ctx context.Context, s *store.SessionStore, key, free store.Key) error {
			return s.ChangeKey(ctx, key, free, ch)
		}, renewed, changed},
		{"delete", func(ctx context.Context, s *store.SessionStore, key, _ store.Key) error {
			return s.Delete(ctx, key)
		}, ended, nothing},
		{"delete expired", func(ctx context.Context, s *store.SessionStore, _, _ store.Key) error {
			_, err := s.DeleteExpired(ctx, 0)
			return err
		}, unchanged, nothing},
	}
}

// promptly fails the check when op does not return soon after ctx ends.
func (e *env) promptly(ctx context.Context, op operation, key, free store.Key) error {
	e.Helper()
	done := make(chan error, 1)
	go func() { done <- op.do(ctx, e.store, key, free) }()
	deadline := time.NewTimer(promptly)
	defer deadline.Stop()
	select {
	case err := <-done:
		return err
	case <-deadline.C:
		e.Fatalf("%s: still under way after %s, although its context has ended", op.name, promptly)
		return nil
	}
}

// whole fails the check when op was done in part or, where it succeeded, not
// at all. An engine may still be at it: whole reads one key after the other,
// and once it has seen that op was done, wants all of it.
func (e *env) whole(op operation, key, free store.Key, succeeded bool) {
	e.Helper()
	done := succeeded
	for _, at := range []struct {
		what          string
		key           store.Key
		before, after outcome
	}{
		{"the new key", free, outcome{err: store.ErrNotFound}, op.atFree},
		{"the key", key, outcome{rec: first(before())}, op.atKey},
		{"the new key, again,", free, outcome{err: store.ErrNotFound}, op.atFree},
	} {
		rec, err := e.other.Load(e.Context(), at.key)
		got := outcome{rec, err}
		asBefore := got.differs(at.before) == ""
		if asBefore && !done {
			continue
		}
		if diff := got.differs(at.after); diff != "" {
			e.Fatalf("%s was done in part: under %s, %s", op.name, at.what, diff)
		}
		done = done || !asBefore
	}
}

// differs says how got differs from want; "" if it does not.
func (got outcome) differs(want outcome) string {
	switch {
	case want.err != nil && !is(got.err, want.err):
		return fmt.Sprintf("error %v, want %v", show(got.err), want.err)
	case want.err != nil:
		return ""
	case got.err != nil:
		return fmt.Sprintf("error %v, want a record", got.err)
	}
	return compare(got.rec, want.rec)
}
