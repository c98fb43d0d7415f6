package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fxsession/sessions/store"
)

// subjectChecks: C1 and C6, what a store.SubjectIndex promises. They pass
// against a backend that is none.
func subjectChecks() []check {
	checks := []check{
		{"C1 the sessions of a subject are listed, whole, and no others", func(e *env) {
			e.create(newKey(1), of("ada", "a", `1`))
			e.create(newKey(2), record("a", `2`))
			e.ok(e.store.Update(e.Context(), newKey(2), signIn("ada")), "sign in")
			e.create(newKey(3), record("a", `3`))
			e.ok(e.other.ChangeKey(e.Context(), newKey(3), newKey(4), signIn("ada")), "sign in under a new key")
			e.create(newKey(5), of("ada", "a", `5`))
			e.ok(e.store.ChangeKey(e.Context(), newKey(5), newKey(6), store.Change{Set: state("b", `5`)}), "change key")
			e.create(newKey(7), of("eve", "a", `7`))
			e.create(newKey(8), record("a", `8`))
			e.lists("ada", newKey(1), newKey(2), newKey(4), newKey(6))
			e.lists("eve", newKey(7))
			e.lists("nobody")
		}},
		{"C1 what has ended, expired or signed out is not listed", func(e *env) {
			for n := range 7 {
				rec := of("ada", "a", `1`)
				if n == 1 {
					rec.TTL = time.Minute
				}
				e.create(newKey(n), rec)
			}
			e.lists("ada", newKey(0), newKey(1), newKey(2), newKey(3), newKey(4), newKey(5), newKey(6))
			e.ok(e.store.Delete(e.Context(), newKey(0)), "delete")
			e.advance(2 * time.Minute)
			e.ok(e.store.Update(e.Context(), newKey(2), signIn("")), "sign out")
			e.ok(e.store.Update(e.Context(), newKey(3), signIn("eve")), "sign in as another")
			e.ok(e.store.ChangeKey(e.Context(), newKey(4), newKey(14), signIn("")), "sign out under a new key")
			e.ok(e.store.ChangeKey(e.Context(), newKey(5), newKey(15), signIn("eve")), "sign in as another under a new key")
			e.lists("ada", newKey(6))
			e.lists("eve", newKey(3), newKey(15))
			_, err := e.store.DeleteExpired(e.Context(), 0)
			e.ok(err, "delete expired")
			e.create(newKey(0), of("eve"))
			e.create(newKey(1), record())
			e.lists("ada", newKey(6))
			e.lists("eve", newKey(0), newKey(3), newKey(15))
		}},
		{"C1 a session stays in the list of its subject as long as it lives", func(e *env) {
			extend := store.Change{TTL: 10 * time.Minute}
			key, kept := newKey(1), newKey(100)
			for _, k := range []store.Key{key, kept} {
				rec := of("ada", "a", `1`)
				rec.TTL = 10 * time.Minute
				e.create(k, rec)
			}
			for n := range 6 {
				e.advance(7 * time.Minute)
				next := newKey(2 + n)
				e.ok(e.store.ChangeKey(e.Context(), key, next, extend), "change key")
				e.ok(e.store.Update(e.Context(), kept, extend), "extend")
				key = next
				e.lists("ada", key, kept)
				_, err := e.other.DeleteExpired(e.Context(), 0)
				e.ok(err, "delete expired")
			}
			e.ok(e.store.Update(e.Context(), kept, store.Change{TTL: 50 * hour}), "extend by far")
			e.advance(49 * hour)
			e.lists("ada", kept)
		}},
		{"C1 a list has what is left of each TTL", func(e *env) {
			since := time.Now()
			e.create(newKey(1), of("ada"))
			e.advance(20 * time.Minute)
			all, err := e.store.ListBySubject(e.Context(), "ada")
			e.ok(err, "list by subject")
			left := 40 * time.Minute
			if len(all) != 1 || all[0].Record.TTL > left || all[0].Record.TTL < left-time.Since(since)-slack {
				e.Fatalf("list by subject: %d records, want one with a TTL of %s", len(all), left)
			}
		}},
		{"C1 subjects are bytes", func(e *env) {
			subjects := []string{"ada", "Ada", "ada ", " ada", "a:d", "*", "a*", "{ada}", "é", "e\u0301", "\x01", strings.Repeat("x", 500), strings.Repeat("x", 501)}
			for n, subject := range subjects {
				e.create(newKey(n), of(subject))
			}
			for n, subject := range subjects {
				e.lists(subject, newKey(n))
			}
			for n, subject := range subjects {
				e.deletes(e.store, subject, 1)
				e.gone(newKey(n), store.ErrEnded)
			}
		}},
		{"C1 three hundred sessions of one subject", func(e *env) {
			const many = 300
			keys := make([]store.Key, many)
			for n := range many {
				keys[n] = newKey(n)
				e.create(keys[n], of("ada", "n", fmt.Sprint(n)))
			}
			e.lists("ada", keys...)
			e.deletes(e.store, "ada", many-2, keys[0], keys[1])
			e.lists("ada", keys[0], keys[1])
		}},
		{"C1 delete by subject deletes all but the exceptions, each with a mark", func(e *env) {
			for n := range 4 {
				e.create(newKey(n), of("ada", "n", fmt.Sprint(n)))
			}
			e.create(newKey(4), of("eve", "n", "4"))
			e.create(newKey(5), record("n", "5"))
			e.deletes(e.store, "ada", 2, newKey(1), newKey(2), newKey(4), newKey(99))
			e.gone(newKey(0), store.ErrEnded)
			e.gone(newKey(3), store.ErrEnded)
			e.holds(newKey(1), first(of("ada", "n", "1")))
			e.holds(newKey(2), first(of("ada", "n", "2")))
			e.holds(newKey(4), first(of("eve", "n", "4")))
			e.holds(newKey(5), first(record("n", "5")))
			e.lists("ada", newKey(1), newKey(2))
			e.deletes(e.other, "ada", 2)
			e.deletes(e.other, "ada", 0)
			e.deletes(e.other, "nobody", 0)
			e.lists("ada")
			e.lists("eve", newKey(4))
			e.gone(newKey(1), store.ErrEnded)
		}},
		{"C1 delete by subject leaves what is no longer the subject's", func(e *env) {
			e.create(newKey(1), of("ada"))
			e.create(newKey(2), of("ada"))
			e.ok(e.store.Update(e.Context(), newKey(1), signIn("")), "sign out")
			e.ok(e.store.Update(e.Context(), newKey(2), signIn("eve")), "sign in as another")
			e.deletes(e.store, "ada", 0)
			e.load(newKey(1))
			e.load(newKey(2))
			e.ok(e.store.Update(e.Context(), newKey(1), signIn("ada")), "sign in again")
			e.deletes(e.store, "ada", 1)
			e.gone(newKey(1), store.ErrEnded)
		}},
		{"C8 a context that is done deletes nothing by subject", func(e *env) {
			e.create(newKey(1), of("ada"))
			canceled, cancel := context.WithCancel(e.Context())
			cancel()
			_, err := e.store.ListBySubject(canceled, "ada")
			e.is(err, context.Canceled, "list by subject")
			_, err = e.store.DeleteBySubject(canceled, "ada")
			e.is(err, context.Canceled, "delete by subject")
			e.lists("ada", newKey(1))
		}},
		{"C9 a corrupt record hides no other of its subject", func(e *env) {
			e.create(newKey(1), of("ada", "text", `"long enough to be cut in half, and then some"`))
			e.create(newKey(2), of("ada", "a", `1`))
			e.harness.Corrupt(e, newKey(1))
			e.lists("ada", newKey(2))
			_, err := e.store.DeleteBySubject(e.Context(), "ada")
			e.ok(err, "delete by subject")
			e.gone(newKey(2), store.ErrEnded)
		}},
		{"C6 a session that changes its key is in every list", func(e *env) {
			const moves = 60
			e.create(newKey(0), of("ada", "a", `1`))
			moved := make(chan struct{})
			errs := e.concurrently(5, func(s *store.SessionStore, i int) error {
				if i == 0 {
					defer close(moved)
					return moveOn(e.Context(), s, 0, moves, store.Change{})
				}
				for over := false; !over; {
					select {
					case <-moved:
						over = true
					default:
					}
					all, err := s.ListBySubject(e.Context(), "ada")
					if err != nil || len(all) == 0 {
						return fmt.Errorf("list by subject: %d records, %w", len(all), err)
					}
				}
				return nil
			})
			for _, err := range errs {
				e.ok(err, "during changes of key")
			}
			e.lists("ada", newKey(moves))
		}},
		{"C6 no session of a subject escapes its deletion by a change of key", func(e *env) {
			const rounds, sessions, moves = 10, 4, 5
			for round := range rounds {
				base := round * 1000
				for n := range sessions {
					e.create(newKey(base+n*100), of("ada", "a", `1`))
				}
				errs := e.concurrently(1+sessions, func(s *store.SessionStore, i int) error {
					if i == sessions {
						_, err := s.DeleteBySubject(e.Context(), "ada")
						return err
					}
					return moveOn(e.Context(), s, base+i*100, moves, store.Change{})
				})
				e.ok(errs[sessions], "delete by subject")
				for n := range sessions {
					if err := errs[n]; err != nil && !is(err, store.ErrEnded) {
						e.Fatalf("change key: %v", err)
					}
					for move := range moves + 1 {
						if _, err := e.store.Load(e.Context(), newKey(base+n*100+move)); err == nil {
							e.Fatalf("session %d was there before the deletion, and lives on after %d changes of key", n, move)
						}
					}
				}
				e.lists("ada")
			}
		}},
		{"C6 sign-ins during a deletion by subject live and are listed, or have ended", func(e *env) {
			const rounds, sessions = 10, 6
			for round := range rounds {
				key := func(n, step int) store.Key { return newKey(round*1000 + n*10 + step) }
				for n := range sessions {
					e.create(key(n, 0), record("n", fmt.Sprint(n)))
				}
				errs := e.concurrently(sessions+2, func(s *store.SessionStore, i int) error {
					switch {
					case i >= sessions:
						_, err := s.DeleteBySubject(e.Context(), "ada")
						return err
					case i%3 == 0:
						return s.Create(e.Context(), key(i, 1), of("ada"))
					case i%3 == 1:
						return s.Update(e.Context(), key(i, 0), signIn("ada"))
					}
					return s.ChangeKey(e.Context(), key(i, 0), key(i, 1), signIn("ada"))
				})
				for _, err := range errs {
					e.ok(err, "in a race of sign-ins and deletions")
				}
				var live []store.Key
				for n := range sessions {
					for step := range 2 {
						if rec, err := e.other.Load(e.Context(), key(n, step)); err == nil && rec.Subject == "ada" {
							live = append(live, key(n, step))
						}
					}
				}
				e.lists("ada", live...)
				e.deletes(e.other, "ada", len(live))
				e.lists("ada")
				for _, k := range live {
					_, err := e.store.Load(e.Context(), k)
					e.is(err, store.ErrEnded, "load")
				}
			}
		}},
	}
	for i, c := range checks {
		checks[i].run = func(e *env) {
			if _, err := e.store.ListBySubject(e.Context(), "anybody"); errors.Is(err, store.ErrUnsupported) {
				e.Log("the backend is no store.SubjectIndex")
				return
			}
			c.run(e)
		}
	}
	return checks
}

// of builds a record of subject.
func of(subject string, pairs ...string) store.Record {
	rec := record(pairs...)
	rec.Subject = subject
	return rec
}

func signIn(subject string) store.Change { return store.Change{Subject: &subject} }

// moveOn changes the key of record n, moves times, each time to the next.
func moveOn(ctx context.Context, s *store.SessionStore, n, moves int, ch store.Change) error {
	for range moves {
		if err := s.ChangeKey(ctx, newKey(n), newKey(n+1), ch); err != nil {
			return err
		}
		n++
	}
	return nil
}

// lists fails the check unless both handles list what is under keys, and
// nothing else, as the records of subject.
func (e *env) lists(subject string, keys ...store.Key) {
	e.Helper()
	for _, s := range []*store.SessionStore{e.store, e.other} {
		all, err := s.ListBySubject(e.Context(), subject)
		e.ok(err, "list by subject")
		got := make(map[store.Key]store.Record, len(all))
		for _, entry := range all {
			got[entry.Key] = entry.Record
		}
		if len(all) != len(keys) || len(got) != len(keys) {
			e.Fatalf("list by subject: %d records under %d keys, want %d", len(all), len(got), len(keys))
		}
		for _, key := range keys {
			rec, ok := got[key]
			if !ok {
				e.Fatalf("list by subject: %s is missing among %v", key, slices.Collect(maps.Keys(got)))
			}
			want, err := e.store.Load(e.Context(), key)
			e.ok(err, "load")
			if diff := compare(rec, want); diff != "" || want.Subject != subject {
				e.Fatalf("list by subject: %s", diff)
			}
		}
	}
}

// deletes fails the check unless a deletion by subject deletes n records.
func (e *env) deletes(s *store.SessionStore, subject string, n int, except ...store.Key) {
	e.Helper()
	got, err := s.DeleteBySubject(e.Context(), subject, except...)
	e.ok(err, "delete by subject")
	if got != n {
		e.Fatalf("delete by subject: %d were deleted, want %d", got, n)
	}
}
