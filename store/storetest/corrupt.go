package storetest

import (
	"errors"
	"time"

	"github.com/fxsession/sessions/store"
)

// corruptChecks: C9, a record that cannot be read.
func corruptChecks() []check {
	return []check{
		{"C9 a corrupt record is an error of its own and stays for inspection", func(e *env) {
			e.createCorrupt(newKey(1), hour)
			for _, s := range []*store.SessionStore{e.store, e.other} {
				_, err := s.Load(e.Context(), newKey(1))
				e.is(err, store.ErrCorrupt, "load")
				e.is(s.Update(e.Context(), newKey(1), store.Change{Set: state("b", `2`)}), store.ErrCorrupt, "update")
				e.is(s.Update(e.Context(), newKey(1), store.Change{Clear: true}), store.ErrCorrupt, "update that clears")
				e.is(s.UpdateTTL(e.Context(), newKey(1), hour), store.ErrCorrupt, "update of the TTL")
				e.is(s.ChangeKey(e.Context(), newKey(1), newKey(2), store.Change{}), store.ErrCorrupt, "change key")
				_, err = s.Load(e.Context(), newKey(1))
				e.is(err, store.ErrCorrupt, "load after writes that were refused")
			}
			e.gone(newKey(2), store.ErrNotFound)
		}},
		{"C9 a corrupt record is not written over", func(e *env) {
			e.createCorrupt(newKey(1), hour)
			e.refused(e.store.Create(e.Context(), newKey(1), record("b", `2`)), "create")
			e.create(newKey(2), record("c", `3`))
			e.refused(e.store.ChangeKey(e.Context(), newKey(2), newKey(1), store.Change{}), "change key onto it")
			e.holds(newKey(2), first(record("c", `3`)))
			_, err := e.other.Load(e.Context(), newKey(1))
			e.is(err, store.ErrCorrupt, "load")
		}},
		{"C9 a corrupt record can be deleted", func(e *env) {
			e.createCorrupt(newKey(1), hour)
			e.ok(e.store.Delete(e.Context(), newKey(1)), "delete")
			e.gone(newKey(1), store.ErrEnded)
			e.create(newKey(1), record("b", `2`))
			e.holds(newKey(1), first(record("b", `2`)))
		}},
		{"C9 a corrupt record expires like any other", func(e *env) {
			e.createCorrupt(newKey(1), time.Minute)
			e.advance(2 * time.Minute)
			e.gone(newKey(1), store.ErrNotFound)
			e.create(newKey(1), record("b", `2`))
			e.holds(newKey(1), first(record("b", `2`)))
		}},
		{"C9 a corrupt record harms no other", func(e *env) {
			e.create(newKey(2), record("b", `2`))
			e.createCorrupt(newKey(1), time.Second)
			e.holds(newKey(2), first(record("b", `2`)))
			e.advance(10 * time.Second)
			_, err := e.store.DeleteExpired(e.Context(), 0)
			e.ok(err, "delete expired")
			e.holds(newKey(2), first(record("b", `2`)))
		}},
	}
}

func (e *env) createCorrupt(key store.Key, ttl time.Duration) {
	e.Helper()
	rec := record("a", `"something that can be cut in half"`)
	rec.Subject, rec.TTL = "user-1", ttl
	e.create(key, rec)
	e.harness.Corrupt(e, key)
}

// refused fails the check unless err says that something is in the way: what
// cannot be read is either that or corrupt.
func (e *env) refused(err error, what string) {
	e.Helper()
	if !errors.Is(err, store.ErrDuplicateKey) && !errors.Is(err, store.ErrCorrupt) {
		e.Fatalf("%s over a corrupt record: error %v, want ErrDuplicateKey or ErrCorrupt", what, show(err))
	}
}
