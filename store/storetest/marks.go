package storetest

import (
	"time"

	"github.com/fxsession/sessions/store"
)

// nearly is long enough before the end of something to be reached by an engine
// whose clock the suite cannot stop.
const nearly = 5 * time.Second

// markChecks: C1 and C3, the mark that Delete and ChangeKey leave.
func markChecks() []check {
	return []check{
		{"C3 a deleted record has ended, for every operation", func(e *env) {
			e.create(newKey(1), record("a", `1`))
			e.ok(e.store.Delete(e.Context(), newKey(1)), "delete")
			e.gone(newKey(1), store.ErrEnded)
		}},
		{"C3 a record whose key was changed was renewed, for every operation", func(e *env) {
			e.create(newKey(1), record("a", `1`))
			e.ok(e.store.ChangeKey(e.Context(), newKey(1), newKey(2), store.Change{}), "change key")
			e.gone(newKey(1), store.ErrRenewed)
			_, err := e.store.Load(e.Context(), newKey(1))
			e.is(err, store.ErrRenewed, "load")
		}},
		{"C3 a mark stands for Grace and no longer, whatever the TTL was", func(e *env) {
			for i, ttl := range []time.Duration{time.Second, 2 * hour} {
				rec := record()
				rec.TTL = ttl
				e.create(newKey(10*i), rec)
				e.create(newKey(10*i+1), rec)
				e.ok(e.store.Delete(e.Context(), newKey(10*i)), "delete")
				e.ok(e.store.ChangeKey(e.Context(), newKey(10*i+1), newKey(10*i+2), store.Change{}), "change key")
			}
			e.advance(store.Grace - nearly)
			for i := range 2 {
				e.gone(newKey(10*i), store.ErrEnded)
				e.gone(newKey(10*i+1), store.ErrRenewed)
			}
			e.advance(nearly)
			for i := range 2 {
				e.gone(newKey(10*i), store.ErrNotFound)
				e.gone(newKey(10*i+1), store.ErrNotFound)
			}
			e.gone(newKey(2), store.ErrNotFound)
			want := first(record())
			want.Version = 2
			e.holds(newKey(12), want)
		}},
		{"C3 what is refused does not prolong a mark", func(e *env) {
			e.create(newKey(1), record())
			e.create(newKey(2), record())
			e.ok(e.store.Delete(e.Context(), newKey(1)), "delete")
			e.ok(e.store.ChangeKey(e.Context(), newKey(2), newKey(3), store.Change{}), "change key")
			e.advance(store.Grace - nearly)
			e.gone(newKey(1), store.ErrEnded)
			e.gone(newKey(2), store.ErrRenewed)
			e.advance(nearly)
			e.gone(newKey(1), store.ErrNotFound)
			e.gone(newKey(2), store.ErrNotFound)
		}},
		{"C3 a record that expires leaves no mark", func(e *env) {
			rec := record("a", `1`)
			rec.TTL = 10 * time.Second
			e.create(newKey(1), rec)
			e.advance(11 * time.Second)
			e.gone(newKey(1), store.ErrNotFound)
		}},
		{"C3 sweeping takes no mark away", func(e *env) {
			e.create(newKey(1), record())
			e.create(newKey(2), record())
			e.ok(e.store.Delete(e.Context(), newKey(1)), "delete")
			e.ok(e.store.ChangeKey(e.Context(), newKey(2), newKey(3), store.Change{}), "change key")
			_, err := e.other.DeleteExpired(e.Context(), 0)
			e.ok(err, "delete expired")
			e.gone(newKey(1), store.ErrEnded)
			e.gone(newKey(2), store.ErrRenewed)
		}},
		{"C3 create over a mark works, and the mark does not come back", func(e *env) {
			for i, end := range []func(key store.Key) error{
				func(key store.Key) error { return e.store.Delete(e.Context(), key) },
				func(key store.Key) error { return e.store.ChangeKey(e.Context(), key, newKey(100), store.Change{}) },
			} {
				old := record("old", `1`)
				old.Subject = "user-1"
				e.create(newKey(i), old)
				e.ok(end(newKey(i)), "end")
				e.advance(time.Second)
				rec := record("new", `2`)
				rec.TTL = 10 * time.Minute
				since := time.Now()
				e.create(newKey(i), rec)
				e.holds(newKey(i), first(rec))
				e.lives(newKey(i), 10*time.Minute, since)
				e.advance(store.Grace + nearly)
				e.holds(newKey(i), first(rec))
				e.advance(10 * time.Minute)
				e.gone(newKey(i), store.ErrNotFound)
			}
		}},
		{"C3 a record over a mark that expires before the mark would leaves none", func(e *env) {
			e.create(newKey(1), record())
			e.ok(e.store.Delete(e.Context(), newKey(1)), "delete")
			rec := record()
			rec.TTL = 10 * time.Second
			e.create(newKey(1), rec)
			e.advance(11 * time.Second)
			e.gone(newKey(1), store.ErrNotFound)
			_, err := e.store.DeleteExpired(e.Context(), 0)
			e.ok(err, "delete expired")
			e.gone(newKey(1), store.ErrNotFound)
		}},
		{"C3 a key that ends twice is marked from the second time", func(e *env) {
			e.create(newKey(1), record())
			e.ok(e.store.ChangeKey(e.Context(), newKey(1), newKey(2), store.Change{}), "change key")
			e.advance(store.Grace / 2)
			e.create(newKey(1), record())
			e.ok(e.store.Delete(e.Context(), newKey(1)), "delete")
			e.advance(store.Grace - nearly)
			e.create(newKey(3), record()) // a write that may clean up
			e.gone(newKey(1), store.ErrEnded)
			e.advance(nearly)
			e.gone(newKey(1), store.ErrNotFound)
		}},
		{"C3 change key onto a mark works", func(e *env) {
			e.create(newKey(1), record())
			e.ok(e.store.Delete(e.Context(), newKey(1)), "delete")
			e.create(newKey(2), record("a", `1`))
			e.ok(e.store.ChangeKey(e.Context(), newKey(2), newKey(1), store.Change{}), "change key onto the key of a deleted record")
			e.ok(e.store.ChangeKey(e.Context(), newKey(1), newKey(2), store.Change{}), "change key back onto the key of a renewed record")
			want := first(record("a", `1`))
			want.Version = 3
			e.gone(newKey(1), store.ErrRenewed)
			e.advance(store.Grace + nearly)
			e.holds(newKey(2), want)
		}},
		{"C3 every key that a record had before is marked", func(e *env) {
			e.create(newKey(1), record())
			e.ok(e.store.ChangeKey(e.Context(), newKey(1), newKey(2), store.Change{}), "change key")
			e.advance(store.Grace / 2)
			e.ok(e.store.ChangeKey(e.Context(), newKey(2), newKey(3), store.Change{}), "change key again")
			e.gone(newKey(1), store.ErrRenewed)
			e.gone(newKey(2), store.ErrRenewed)
			e.advance(store.Grace / 2)
			e.gone(newKey(1), store.ErrNotFound)
			e.gone(newKey(2), store.ErrRenewed)
			e.advance(store.Grace / 2)
			e.gone(newKey(2), store.ErrNotFound)
			e.load(newKey(3))
		}},
		{"C3 a mark outlives the record that went on under another key", func(e *env) {
			e.create(newKey(1), record())
			e.create(newKey(2), record())
			e.ok(e.store.ChangeKey(e.Context(), newKey(1), newKey(11), store.Change{}), "change key")
			e.ok(e.store.ChangeKey(e.Context(), newKey(2), newKey(12), store.Change{TTL: time.Second}), "change key")
			e.ok(e.store.Delete(e.Context(), newKey(11)), "delete")
			e.advance(10 * time.Second)
			_, err := e.store.DeleteExpired(e.Context(), 0)
			e.ok(err, "delete expired")
			e.gone(newKey(1), store.ErrRenewed)
			e.gone(newKey(2), store.ErrRenewed)
			e.gone(newKey(11), store.ErrEnded)
			e.gone(newKey(12), store.ErrNotFound)
		}},
	}
}
