package storetest

import (
	"sync/atomic"
	"time"

	"github.com/fxsession/sessions/store"
)

// sweepChecks: C7, what DeleteExpired takes.
func sweepChecks() []check {
	return []check{
		{"C7 expired records are removed, at most as many as asked for", func(e *env) {
			e.createPairs(20)
			e.advance(10 * time.Second)
			total := 0
			for range 20 {
				n, err := e.store.DeleteExpired(e.Context(), 7)
				e.ok(err, "delete expired")
				if n < 0 || n > 7 {
					e.Fatalf("a sweep of at most 7 removed %d", n)
				}
				total += n
			}
			e.swept(total, 20)
		}},
		{"C7 no limit removes all that expired", func(e *env) {
			e.createPairs(20)
			n, err := e.store.DeleteExpired(e.Context(), 0)
			e.ok(err, "delete expired")
			if n != 0 {
				e.Fatalf("a sweep removed %d records while all were live", n)
			}
			e.advance(10 * time.Second)
			n, err = e.store.DeleteExpired(e.Context(), 0)
			e.ok(err, "delete expired")
			e.swept(n, 20)
		}},
		{"C7 sweeps by several instances at once neither fail nor take what lives", func(e *env) {
			e.createPairs(60)
			e.advance(10 * time.Second)
			var total atomic.Int64
			errs := e.concurrently(8, func(s *store.SessionStore, i int) error {
				for round := range 10 {
					if i < 4 {
						n, err := s.DeleteExpired(e.Context(), 5)
						if err != nil {
							return err
						}
						total.Add(int64(n))
						continue
					}
					live := newKey(2 * (10*(i-4) + round))
					if err := s.Update(e.Context(), live, store.Change{TTL: 2 * hour}); err != nil {
						return err
					}
					if err := s.Update(e.Context(), live, store.Change{TTL: hour}); err != nil {
						return err
					}
				}
				return nil
			})
			for _, err := range errs {
				e.ok(err, "sweep or update")
			}
			rest, err := e.store.DeleteExpired(e.Context(), 0)
			e.ok(err, "delete expired")
			e.swept(int(total.Load())+rest, 60)
		}},
	}
}

// createPairs creates n records that live for an hour, under the even keys
// from 0, and n that live for a second, under the odd keys.
func (e *env) createPairs(n int) {
	e.Helper()
	for i := range n {
		e.create(newKey(2*i), record("a", `1`))
		short := record("a", `1`)
		short.TTL = time.Second
		e.create(newKey(2*i+1), short)
	}
}

// swept fails the check unless sweeping removed the n short-lived records of
// createPairs, or nothing where the engine expires by itself, and left the others.
func (e *env) swept(total, n int) {
	e.Helper()
	want := n
	if _, ok := e.harness.(Expirer); ok {
		want = 0
	}
	if total != want {
		e.Fatalf("the sweeps removed %d records, want %d", total, want)
	}
	for i := range n {
		_, err := e.store.Load(e.Context(), newKey(2*i))
		e.ok(err, "load of a live record after the sweep")
		_, err = e.store.Load(e.Context(), newKey(2*i+1))
		e.is(err, store.ErrNotFound, "load of an expired record after the sweep")
	}
}
