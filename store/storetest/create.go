package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fxsession/sessions/store"
)

// createChecks: C1 and C2, what Create and Load promise.
func createChecks() []check {
	return []check{
		{"C1 a created record is loaded by every handle", func(e *env) {
			rec := record("cart", `[1,2]`, "theme", `"dark"`)
			rec.Subject = "user-1"
			e.create(newKey(1), rec)
			e.holds(newKey(1), first(rec))
		}},
		{"C1 a record without state is a record", func(e *env) {
			for i, state := range []map[string]json.RawMessage{nil, {}} {
				rec := record()
				rec.State = state
				e.create(newKey(i), rec)
				e.holds(newKey(i), first(rec))
			}
		}},
		{"C1 the creation time is kept to the millisecond", func(e *env) {
			for i, created := range []time.Time{
				time.UnixMilli(1_700_000_000_001),
				time.UnixMilli(1_700_000_000_999).In(time.FixedZone("", -5*3600)),
				time.Date(2000, 2, 29, 23, 59, 59, 1_000_000, time.UTC),
			} {
				rec := record()
				rec.CreatedAt = created
				e.create(newKey(i), rec)
				e.holds(newKey(i), first(rec))
			}
		}},
		{"C1 the first version is 1, whatever is asked for", func(e *env) {
			rec := record("a", `1`)
			rec.Version = 7
			// Not through a SessionStore, which would correct it.
			e.ok(e.harness.Open(e).Create(e.Context(), newKey(1), rec), "create")
			e.holds(newKey(1), first(rec))
		}},
		{"C1 a key without a record is not found, and stays so", func(e *env) {
			e.gone(newKey(1), store.ErrNotFound)
		}},
		{"C1 keys are bytes", func(e *env) {
			keys := []store.Key{{}, {0: 'a'}, {0: 'A'}, {15: ' '}, {15: '\t'}, {0: 0xff, 15: 0xff}, {0: '\'', 1: '"', 2: '\\', 3: '{', 4: '}'}}
			for i, key := range keys {
				e.create(key, record("i", fmt.Sprint(i)))
			}
			for i, key := range keys {
				e.holds(key, first(record("i", fmt.Sprint(i))))
			}
			e.ok(e.store.Delete(e.Context(), keys[1]), "delete")
			for i, key := range keys {
				if i != 1 {
					e.holds(key, first(record("i", fmt.Sprint(i))))
				}
			}
		}},
		{"C1 what is passed in and handed out is not shared", func(e *env) {
			spoil := func(state map[string]json.RawMessage) {
				for _, text := range state {
					text[1] = '!'
				}
				state["more"] = json.RawMessage(`0`)
			}
			want := first(record("a", `"aaaa"`, "b", `"bbbb"`))
			passed := record("a", `"aaaa"`, "b", `"bbbb"`)
			e.create(newKey(1), passed)
			spoil(passed.State)
			e.holds(newKey(1), want)
			spoil(e.load(newKey(1)).State)
			e.holds(newKey(1), want)

			change := store.Change{Set: state("c", `"cccc"`)}
			want = store.Merge(want, store.Change{Set: state("c", `"cccc"`)})
			e.ok(e.store.Update(e.Context(), newKey(1), change), "update")
			spoil(change.Set)
			e.holds(newKey(1), want)
			spoil(e.load(newKey(1)).State)
			e.holds(newKey(1), want)
		}},
		{"C1 no value has room behind it that belongs to another", func(e *env) {
			want := first(record("a", `"aaaa"`, "b", `"bbbb"`, "c", `"cccc"`))
			e.create(newKey(1), want)
			loaded := e.load(newKey(1))
			for _, text := range loaded.State {
				_ = append(text, `"dddd"`...)
			}
			if diff := compare(loaded, want); diff != "" {
				e.Fatalf("after an append to each value: %s", diff)
			}
		}},
		{"C2 create over a live key is a duplicate and changes nothing", func(e *env) {
			rec := record("first", `1`)
			since := time.Now()
			e.create(newKey(1), rec)
			second := record("second", `2`)
			second.TTL = 2 * hour
			for _, s := range []*store.SessionStore{e.store, e.other} {
				e.is(s.Create(e.Context(), newKey(1), second), store.ErrDuplicateKey, "create")
			}
			e.holds(newKey(1), first(rec))
			e.lives(newKey(1), hour, since)
		}},
		{"C2 create over an expired record works", func(e *env) {
			old := record("old", `1`, "both", `1`)
			old.TTL, old.Subject = time.Second, "user-1"
			e.create(newKey(1), old)
			e.ok(e.store.Update(e.Context(), newKey(1), store.Change{}), "update")
			e.advance(2 * time.Second)
			rec := record("both", `2`)
			rec.CreatedAt = rec.CreatedAt.Add(time.Minute)
			since := time.Now()
			e.create(newKey(1), rec)
			e.holds(newKey(1), first(rec))
			e.lives(newKey(1), hour, since)
		}},
		{"C2 of fifty that create one key, one does", func(e *env) {
			errs := e.concurrently(50, func(s *store.SessionStore, i int) error {
				return s.Create(e.Context(), newKey(1), record("winner", fmt.Sprint(i), fmt.Sprint("of", i), `true`))
			})
			winner := e.oneWinner(errs, store.ErrDuplicateKey)
			e.holds(newKey(1), first(record("winner", fmt.Sprint(winner), fmt.Sprint("of", winner), `true`)))
		}},
	}
}

// first gives rec as it is after Create.
func first(rec store.Record) store.Record {
	rec.Version = 1
	return rec
}

// oneWinner fails the check unless one of errs is nil and the others are
// want; it returns the index of the one.
func (e *env) oneWinner(errs []error, want error) int {
	e.Helper()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			e.Fatalf("writers %d and %d both succeeded", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, want):
			e.Fatalf("writer %d: error %v, want %v", i, err, want)
		}
	}
	if winner < 0 {
		e.Fatalf("none of %d writers succeeded", len(errs))
	}
	return winner
}
