package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fxsession/sessions/store"
)

// updateChecks: C1, C3, C5 and A20, what Update does to a record.
func updateChecks() []check {
	return []check{
		{"C3 a change does what Merge says", func(e *env) {
			base := record("a", `1`, "b", `{"x":1,"y":[1,2]}`, "c", `"c"`)
			base.Subject = "user-1"
			for i, ch := range changes() {
				e.create(newKey(i), base)
				want := store.Merge(first(base), ch)
				e.ok(e.store.Update(e.Context(), newKey(i), ch), "update")
				e.holds(newKey(i), want)
				want = store.Merge(want, ch)
				e.ok(e.other.Update(e.Context(), newKey(i), ch), "the same update again, by another handle")
				e.holds(newKey(i), want)
			}
		}},
		{"C3 a change of nothing but the TTL moves the version alone", func(e *env) {
			rec := record("a", `1`)
			rec.Subject = "user-1"
			since := time.Now()
			e.create(newKey(1), rec)
			e.ok(e.store.UpdateTTL(e.Context(), newKey(1), 3*hour), "update of the TTL")
			want := first(rec)
			want.Version = 2
			e.holds(newKey(1), want)
			e.lives(newKey(1), 3*hour, since)
		}},
		{"C3 fifty concurrent changes of different keys are all there", func(e *env) {
			e.create(newKey(1), record("before", `0`))
			want := first(record("before", `0`))
			errs := e.concurrently(50, func(s *store.SessionStore, i int) error {
				return s.Update(e.Context(), newKey(1), store.Change{Set: state(fmt.Sprint("key", i), fmt.Sprint(i))})
			})
			for i, err := range errs {
				e.ok(err, "update")
				want = store.Merge(want, store.Change{Set: state(fmt.Sprint("key", i), fmt.Sprint(i))})
			}
			e.holds(newKey(1), want)
		}},
		{"C3 IfVersion is asked for of every change", func(e *env) {
			rec := record("a", `1`)
			since := time.Now()
			e.create(newKey(1), rec)
			want := first(rec)
			for _, version := range []uint64{2, 3, 1 << 62} {
				for _, ch := range changes() {
					ch.IfVersion, ch.TTL = version, 5*hour
					e.is(e.store.Update(e.Context(), newKey(1), ch), store.ErrConflict, "update with a version that is not there")
				}
				e.is(e.store.Update(e.Context(), newKey(1), store.Change{TTL: 5 * hour, IfVersion: version}), store.ErrConflict,
					"update of the TTL alone, with a version that is not there")
			}
			e.holds(newKey(1), want)
			e.lives(newKey(1), hour, since)
			for _, ch := range changes() {
				ch.IfVersion = want.Version
				e.ok(e.store.Update(e.Context(), newKey(1), ch), "update with the version that is there")
				want = store.Merge(want, ch)
				e.holds(newKey(1), want)
				e.is(e.store.Update(e.Context(), newKey(1), ch), store.ErrConflict, "the same update again")
			}
			e.holds(newKey(1), want)
		}},
		{"C3 IfVersion does not turn a missing record into a conflict", func(e *env) {
			ch := store.Change{Set: state("a", `1`), IfVersion: 1}
			e.is(e.store.Update(e.Context(), newKey(1), ch), store.ErrNotFound, "update of a record that never was")
			e.create(newKey(1), record())
			e.ok(e.store.Delete(e.Context(), newKey(1)), "delete")
			e.is(e.store.Update(e.Context(), newKey(1), ch), store.ErrEnded, "update of a deleted record")
		}},
		{"C5 of fifty writers with one version, one wins", func(e *env) {
			e.create(newKey(1), record("before", `0`))
			change := func(i int) store.Change {
				return store.Change{Set: state("winner", fmt.Sprint(i), fmt.Sprint("of", i), `true`), IfVersion: 1}
			}
			errs := e.concurrently(50, func(s *store.SessionStore, i int) error {
				return s.Update(e.Context(), newKey(1), change(i))
			})
			winner := e.oneWinner(errs, store.ErrConflict)
			e.holds(newKey(1), store.Merge(first(record("before", `0`)), change(winner)))
		}},
		{"A20 fifty read-modify-writes that each add one end at fifty", func(e *env) {
			e.create(newKey(1), record("n", `0`))
			errs := e.concurrently(50, func(s *store.SessionStore, _ int) error {
				for range 1000 { // a conflict means that another one of the fifty succeeded
					rec, err := s.Load(e.Context(), newKey(1))
					if err != nil {
						return err
					}
					var n int
					if _, err := fmt.Sscan(string(rec.State["n"]), &n); err != nil {
						return err
					}
					ch := store.Change{Set: state("n", fmt.Sprint(n+1)), IfVersion: rec.Version}
					if err := s.Update(e.Context(), newKey(1), ch); !errors.Is(err, store.ErrConflict) {
						return err
					}
				}
				return errors.New("a thousand conflicts")
			})
			for _, err := range errs {
				e.ok(err, "read-modify-write")
			}
			want := first(record("n", `50`))
			want.Version = 51
			e.holds(newKey(1), want)
		}},
	}
}

// changes gives one Change of each shape.
func changes() []store.Change {
	subject, nobody := "user-2", ""
	return []store.Change{
		{},
		{Set: state("new", `true`)},
		{Set: state("a", `2`, "b", `{"z":null}`, "new", `null`)},
		{Remove: []string{"a"}},
		{Remove: []string{"a", "missing", "a"}},
		{Set: state("a", `3`), Remove: []string{"a", "b"}},
		{Clear: true},
		{Clear: true, Set: state("a", `4`, "new", `[]`)},
		{Clear: true, Set: state("a", `5`), Remove: []string{"a", "b"}},
		{Subject: &subject},
		{Subject: &nobody},
		{Subject: &subject, Clear: true, Set: state("", `""`), TTL: 2 * hour},
	}
}

// concurrently runs n calls of do at once, half of them with each handle, and
// returns their errors.
func (e *env) concurrently(n int, do func(s *store.SessionStore, i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		s := e.store
		if i%2 == 1 {
			s = e.other
		}
		all.Go(func() {
			<-start
			errs[i] = do(s, i)
		})
	}
	close(start)
	all.Wait()
	return errs
}
