package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/fxsession/sessions/store"
)

// randomChecks: C3, the backend against a model that is built on Merge.
func randomChecks() []check {
	return []check{
		{"C3 random operations do what the model does", func(e *env) {
			e.randomly(rand.Uint64(), 400)
		}},
	}
}

// model is what a backend should hold, in the plainest form: one goroutine, a
// clock that is a number, and Merge.
type model struct {
	now     time.Duration
	records map[int]modelRecord
	marks   map[int]modelMark
}

type modelRecord struct {
	store.Record
	expires time.Duration
}

type modelMark struct {
	err  error
	over time.Duration
}

// find returns the live record n, or the error that says why there is none.
func (m *model) find(n int) (modelRecord, error) {
	if rec, ok := m.records[n]; ok && rec.expires > m.now {
		return rec, nil
	}
	if mark, ok := m.marks[n]; ok && mark.over > m.now {
		return modelRecord{}, mark.err
	}
	return modelRecord{}, store.ErrNotFound
}

func (m *model) put(n int, rec store.Record, expires time.Duration) {
	delete(m.marks, n)
	m.records[n] = modelRecord{rec, expires}
}

func (m *model) end(n int, err error) {
	delete(m.records, n)
	m.marks[n] = modelMark{err, m.now + store.Grace}
}

func (m *model) create(n int, rec store.Record) error {
	if _, err := m.find(n); err == nil {
		return store.ErrDuplicateKey
	}
	m.put(n, first(rec), m.now+rec.TTL)
	return nil
}

// change is Update where from and to are one, and ChangeKey where moves is set.
func (m *model) change(from, to int, ch store.Change, moves bool) error {
	rec, err := m.find(from)
	if err != nil {
		return err
	}
	if ch.IfVersion != 0 && ch.IfVersion != rec.Version {
		return store.ErrConflict
	}
	if _, err := m.find(to); moves && err == nil {
		return store.ErrDuplicateKey
	}
	if ch.TTL != 0 {
		rec.expires = m.now + ch.TTL
	}
	if moves {
		m.end(from, store.ErrRenewed)
	}
	m.put(to, store.Merge(rec.Record, ch), rec.expires)
	return nil
}

func (m *model) delete(n int) error {
	if _, err := m.find(n); err != nil {
		return err
	}
	m.end(n, store.ErrEnded)
	return nil
}

// randomly does steps random operations on a few keys and on the model. Times
// are chosen so that nothing is ever within seconds of its expiry: TTLs are an
// odd number of five minutes, and the clock moves by 40 s or ten minutes.
func (e *env) randomly(seed uint64, steps int) {
	const keys = 4
	random := rand.New(rand.NewPCG(seed, 0))
	m := &model{records: map[int]modelRecord{}, marks: map[int]modelMark{}}
	var log strings.Builder
	for range steps {
		n, s := random.IntN(keys), e.store
		if random.IntN(2) == 0 {
			s = e.other
		}
		var did string
		var got, want error
		switch random.IntN(10) {
		case 0, 1:
			rec := record(randomPairs(random)...)
			rec.TTL, rec.Subject = randomTTL(random), randomSubject(random)
			did = fmt.Sprintf("create %d: %q for %s, state %s", n, rec.Subject, rec.TTL, rec.State)
			got, want = s.Create(e.Context(), newKey(n), rec), m.create(n, rec)
		case 2, 3, 4, 5:
			ch := m.randomChange(random, n)
			did = fmt.Sprintf("update %d: %s", n, describe(ch))
			got, want = s.Update(e.Context(), newKey(n), ch), m.change(n, n, ch, false)
		case 6, 7:
			to, ch := random.IntN(keys), m.randomChange(random, n)
			if _, err := m.find(to); err == nil {
				ch.IfVersion = 0 // which of two reasons to refuse comes first is the backend's affair
			}
			did = fmt.Sprintf("change key %d to %d: %s", n, to, describe(ch))
			got, want = s.ChangeKey(e.Context(), newKey(n), newKey(to), ch), m.change(n, to, ch, true)
		case 8:
			did = fmt.Sprintf("delete %d", n)
			got, want = s.Delete(e.Context(), newKey(n)), m.delete(n)
		case 9:
			d := []time.Duration{40 * time.Second, 40 * time.Second, 10 * time.Minute}[random.IntN(3)]
			did = fmt.Sprintf("advance by %s", d)
			e.advance(d)
			m.now += d
			if random.IntN(2) == 0 {
				did += " and sweep"
				_, got = s.DeleteExpired(e.Context(), random.IntN(3))
			}
		}
		fmt.Fprintf(&log, "%s: %v\n", did, show(want))
		if !is(got, want) {
			e.Fatalf("seed %d, after these steps:\n%serror %v", seed, &log, show(got))
		}
		for n := range keys {
			rec, err := e.store.Load(e.Context(), newKey(n))
			want, wantErr := m.find(n)
			diff := outcome{rec, err}.differs(outcome{want.Record, wantErr})
			if left := want.expires - m.now; diff == "" && wantErr == nil && (rec.TTL > left || rec.TTL < left-time.Minute) {
				diff = fmt.Sprintf("a TTL of %s, want %s", rec.TTL, left)
			}
			if diff != "" {
				e.Fatalf("seed %d, after these steps:\n%sload %d: %s", seed, &log, n, diff)
			}
		}
	}
}

// randomTTL is an odd number of five minutes.
func randomTTL(random *rand.Rand) time.Duration {
	return time.Duration(2*random.IntN(6)+1) * 5 * time.Minute
}

func randomSubject(random *rand.Rand) string { return []string{"", "user-1", "user-2"}[random.IntN(3)] }

func randomPairs(random *rand.Rand) []string {
	keys, values := strangeKeys(), strangeValues()
	var pairs []string
	for range random.IntN(4) {
		pairs = append(pairs, keys[random.IntN(8)], values[random.IntN(len(values))])
	}
	return pairs
}

// randomChange gives a change whose IfVersion, if it has one, is sometimes
// the version of record n.
func (m *model) randomChange(random *rand.Rand, n int) store.Change {
	ch := store.Change{Clear: random.IntN(6) == 0}
	if random.IntN(3) != 0 {
		ch.Set = state(randomPairs(random)...)
	}
	if random.IntN(2) == 0 {
		keys := slices.Clone(strangeKeys()[:8])
		random.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		ch.Remove = keys[:random.IntN(4)]
	}
	if random.IntN(4) == 0 {
		subject := randomSubject(random)
		ch.Subject = &subject
	}
	if random.IntN(4) == 0 {
		ch.TTL = randomTTL(random)
	}
	switch random.IntN(6) {
	case 0:
		ch.IfVersion = 1 + random.Uint64N(5)
	case 1:
		ch.IfVersion = m.records[n].Version
	}
	return ch
}

func describe(ch store.Change) string {
	subject := "as it is"
	if ch.Subject != nil {
		subject = fmt.Sprintf("%q", *ch.Subject)
	}
	return fmt.Sprintf("set %s, remove %q, clear %t, subject %s, TTL %s, if version %d",
		ch.Set, ch.Remove, ch.Clear, subject, ch.TTL, ch.IfVersion)
}
