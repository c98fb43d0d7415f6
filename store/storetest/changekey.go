package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/fxsession/sessions/store"
)

// changeKeyChecks: C1, C3 and C6, what ChangeKey promises.
func changeKeyChecks() []check {
	return []check{
		{"C1 change key moves the record, changed, and ends the old key", func(e *env) {
			base := record("a", `1`, "b", `{"x":1,"y":[1,2]}`, "c", `"c"`)
			base.Subject = "user-1"
			for i, ch := range changes() {
				from, to := newKey(2*i), newKey(2*i+1)
				e.create(from, base)
				e.ok(e.store.ChangeKey(e.Context(), from, to, ch), "change key")
				e.holds(to, store.Merge(first(base), ch))
				e.gone(from, store.ErrRenewed)
			}
		}},
		{"C1 change key keeps what is left of the TTL, unless told otherwise", func(e *env) {
			since := time.Now()
			e.create(newKey(1), record())
			e.advance(20 * time.Minute)
			e.ok(e.store.ChangeKey(e.Context(), newKey(1), newKey(2), store.Change{}), "change key")
			e.lives(newKey(2), 40*time.Minute, since)
			since = time.Now()
			e.ok(e.store.ChangeKey(e.Context(), newKey(2), newKey(3), store.Change{TTL: 5 * time.Minute}), "change key")
			e.lives(newKey(3), 5*time.Minute, since)
			e.advance(6 * time.Minute)
			e.gone(newKey(3), store.ErrNotFound)
		}},
		{"C1 change key onto a live key is a duplicate and changes neither", func(e *env) {
			from, to := record("from", `1`), record("to", `1`)
			since := time.Now()
			e.create(newKey(1), from)
			e.create(newKey(2), to)
			ch := store.Change{Set: state("late", `1`), TTL: 5 * hour}
			e.is(e.store.ChangeKey(e.Context(), newKey(1), newKey(2), ch), store.ErrDuplicateKey, "change key")
			e.holds(newKey(1), first(from))
			e.holds(newKey(2), first(to))
			e.lives(newKey(1), hour, since)
			e.lives(newKey(2), hour, since)
		}},
		{"C1 change key onto itself is a duplicate and changes nothing", func(e *env) {
			rec := record("a", `1`)
			e.create(newKey(1), rec)
			e.is(e.store.ChangeKey(e.Context(), newKey(1), newKey(1), store.Change{Clear: true}), store.ErrDuplicateKey, "change key")
			e.holds(newKey(1), first(rec))
			e.is(e.store.ChangeKey(e.Context(), newKey(2), newKey(2), store.Change{}), store.ErrNotFound, "change key of nothing")
		}},
		{"C1 change key onto an expired key works, and nothing of the expired record is left", func(e *env) {
			old := record("old", `1`)
			old.TTL, old.Subject = time.Second, "user-9"
			e.create(newKey(2), old)
			e.advance(2 * time.Second)
			e.create(newKey(1), record("a", `1`))
			e.ok(e.store.ChangeKey(e.Context(), newKey(1), newKey(2), store.Change{}), "change key")
			e.holds(newKey(2), store.Merge(first(record("a", `1`)), store.Change{}))
			e.gone(newKey(1), store.ErrRenewed)
		}},
		{"C3 change key of a missing or expired record does not insert", func(e *env) {
			e.create(newKey(2), record("there", `1`))
			e.is(e.store.ChangeKey(e.Context(), newKey(1), newKey(2), store.Change{}), store.ErrNotFound, "change key onto a live key")
			e.holds(newKey(2), first(record("there", `1`)))
			short := record()
			short.TTL = time.Second
			e.create(newKey(3), short)
			e.advance(2 * time.Second)
			e.gone(newKey(3), store.ErrNotFound)
		}},
		{"C3 change key with another version is a conflict and changes nothing", func(e *env) {
			rec := record("a", `1`)
			e.create(newKey(1), rec)
			ch := store.Change{Set: state("a", `2`), IfVersion: 2}
			e.is(e.store.ChangeKey(e.Context(), newKey(1), newKey(2), ch), store.ErrConflict, "change key")
			e.holds(newKey(1), first(rec))
			e.gone(newKey(2), store.ErrNotFound)
			ch.IfVersion = 1
			e.ok(e.store.ChangeKey(e.Context(), newKey(1), newKey(3), ch), "change key with the version that is there")
			e.holds(newKey(3), store.Merge(first(rec), ch))
		}},
		{"C6 of fifty that change one key, one does", func(e *env) {
			e.create(newKey(0), record("a", `1`))
			errs := e.concurrently(50, func(s *store.SessionStore, i int) error {
				return s.ChangeKey(e.Context(), newKey(0), newKey(1+i), store.Change{Set: state("winner", fmt.Sprint(i))})
			})
			winner := e.oneWinner(errs, store.ErrRenewed)
			for i := range errs {
				if i != winner {
					_, err := e.store.Load(e.Context(), newKey(1+i))
					e.is(err, store.ErrNotFound, "load of a loser's key")
				}
			}
			e.holds(newKey(1+winner), store.Merge(first(record("a", `1`)), store.Change{Set: state("winner", fmt.Sprint(winner))}))
		}},
		{"C6 a reader sees the old key or the new one, never both, never neither", func(e *env) {
			const rounds = 30
			for i := range rounds {
				from, to := newKey(2*i), newKey(2*i+1)
				e.create(from, record("a", `1`))
				changed := make(chan struct{})
				errs := e.concurrently(5, func(s *store.SessionStore, i int) error {
					if i == 0 {
						defer close(changed)
						return s.ChangeKey(e.Context(), from, to, store.Change{Set: state("b", `2`)})
					}
					return e.watchChangeOfKey(s, from, to, changed)
				})
				for _, err := range errs {
					e.ok(err, "during a change of key")
				}
			}
		}},
		{"C6 an update during a change of key is in the new record or refused", func(e *env) {
			const rounds, updates = 20, 6
			for i := range rounds {
				from, to := newKey(2*i), newKey(2*i+1)
				e.create(from, record("a", `1`))
				change := func(i int) store.Change { return store.Change{Set: state(fmt.Sprint("key", i), `1`)} }
				errs := e.concurrently(1+updates, func(s *store.SessionStore, i int) error {
					if i == updates/2 {
						return s.ChangeKey(e.Context(), from, to, change(i))
					}
					return s.Update(e.Context(), from, change(i))
				})
				want := first(record("a", `1`))
				for i, err := range errs {
					switch {
					case err == nil:
						want = store.Merge(want, change(i))
					case i == updates/2 || !errors.Is(err, store.ErrRenewed):
						e.Fatalf("writer %d: %v", i, err)
					}
				}
				e.holds(to, want)
			}
		}},
		{"C6 changes of key in opposite directions do not block one another", func(e *env) {
			for i := range 3 {
				e.create(newKey(i), record("i", fmt.Sprint(i)))
			}
			var moves atomic.Int64
			errs := e.concurrently(8, func(s *store.SessionStore, i int) error {
				for round := range 30 {
					// Two records that are in each other's way, and one that goes to and fro.
					a, b, c, d := newKey(i%2), newKey(1-i%2), newKey(2+(i+round)%2), newKey(3-(i+round)%2)
					if err := s.ChangeKey(e.Context(), a, b, store.Change{}); !is(err, store.ErrDuplicateKey) {
						return fmt.Errorf("change key onto a live key: %w", err)
					}
					switch err := s.ChangeKey(e.Context(), c, d, store.Change{}); {
					case err == nil:
						moves.Add(1)
					case !is(err, store.ErrRenewed) && !is(err, store.ErrNotFound):
						return fmt.Errorf("change key to and fro: %w", err)
					}
				}
				return nil
			})
			for _, err := range errs {
				e.ok(err, "in opposite directions")
			}
			e.holds(newKey(0), first(record("i", "0")))
			e.holds(newKey(1), first(record("i", "1")))
			want := record("i", "2")
			want.Version = 1 + uint64(moves.Load())
			e.holds(newKey(2+int(moves.Load()%2)), want)
			_, err := e.store.Load(e.Context(), newKey(3-int(moves.Load()%2)))
			e.is(err, store.ErrRenewed, "load of the key that it had before")
		}},
		{"C6 a delete and a change of key: one of them happens", func(e *env) {
			const rounds = 30
			for i := range rounds {
				from, to := newKey(2*i), newKey(2*i+1)
				e.create(from, record("a", `1`))
				errs := e.concurrently(2, func(s *store.SessionStore, i int) error {
					if i == 0 {
						return s.Delete(e.Context(), from)
					}
					return s.ChangeKey(e.Context(), from, to, store.Change{})
				})
				if errs[0] == nil {
					e.is(errs[1], store.ErrEnded, "change key after a delete")
					e.gone(from, store.ErrEnded)
					e.gone(to, store.ErrNotFound)
					continue
				}
				e.is(errs[0], store.ErrRenewed, "delete after a change of key")
				e.ok(errs[1], "change key")
				e.gone(from, store.ErrRenewed)
				e.holds(to, store.Merge(first(record("a", `1`)), store.Change{}))
			}
		}},
	}
}

// watchChangeOfKey reads both keys until changed is closed, and once more, and
// returns what no reader may see.
func (e *env) watchChangeOfKey(s *store.SessionStore, from, to store.Key, changed <-chan struct{}) error {
	for over := false; ; {
		select {
		case <-changed:
			over = true
		default:
		}
		_, errTo := s.Load(e.Context(), to)
		_, errFrom := s.Load(e.Context(), from)
		switch {
		case errTo == nil && errFrom == nil:
			return errors.New("the record is under both keys")
		case errTo != nil && !is(errTo, store.ErrNotFound):
			return fmt.Errorf("load of the new key: %w", errTo)
		case errFrom != nil && !is(errFrom, store.ErrRenewed):
			return fmt.Errorf("load of the old key: %w", errFrom)
		case errTo != nil && errFrom != nil: // it may have moved between the two
			if _, err := s.Load(e.Context(), to); err != nil {
				return fmt.Errorf("the record is under neither key: %w", err)
			}
		}
		if over {
			return nil
		}
	}
}
