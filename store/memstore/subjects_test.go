package memstore_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

func of(subject string, ttl time.Duration) store.Record {
	rec := lasting(ttl)
	rec.Subject = subject
	return rec
}

// The index holds what the store holds: nothing is left of what went, whichever
// way it went.
func TestTheIndexOfSubjectsGrowsNoLargerThanTheStore(t *testing.T) {
	t.Parallel()
	s, clock := newStore()
	const each = 50 // of one subject more than a slice holds
	n := 0
	for _, end := range []func(key store.Key){
		func(key store.Key) { must(t, s.Delete(t.Context(), key)) },
		func(key store.Key) {
			nobody := ""
			must(t, s.Update(t.Context(), key, store.Change{Subject: &nobody}))
		},
		func(key store.Key) {
			must(t, s.ChangeKey(t.Context(), key, testkit.Scattered(1_000_000+n), store.Change{TTL: time.Millisecond}))
		},
		func(key store.Key) {
			must(t, s.Update(t.Context(), key, store.Change{TTL: time.Millisecond}))
			clock.Advance(time.Millisecond)
			must(t, s.Create(t.Context(), key, lasting(time.Hour)))
		},
	} {
		var keys []store.Key
		for i := range each {
			n++
			keys = append(keys, testkit.Scattered(n))
			must(t, s.Create(t.Context(), testkit.Scattered(n), of([]string{"ada", fmt.Sprint("user-", i)}[i%2], time.Hour)))
		}
		if subjects, held := s.Indexed(); subjects != 1+each/2 || held != each {
			t.Fatalf("%d keys of %d subjects are indexed, want %d of %d", held, subjects, each, 1+each/2)
		}
		for _, key := range keys {
			n++
			end(key)
		}
		clock.Advance(time.Second)
		_, err := s.DeleteExpired(t.Context(), 0)
		must(t, err)
		if subjects, held := s.Indexed(); subjects != 0 || held != 0 {
			t.Errorf("%d keys of %d subjects are left in the index", held, subjects)
		}
	}
}

// BenchmarkMemoryOfSubjects reports what a signed-in session costs among a
// million, each of a subject that has no other; one operation is one garbage
// collection.
func BenchmarkMemoryOfSubjects(b *testing.B) {
	const sessions = 1_000_000
	before := testkit.Heap()
	s, rec := memstore.New(), fiveKeys()
	for i := range sessions {
		rec.Subject = fmt.Sprint("user-", i)
		must(b, s.Create(b.Context(), testkit.Scattered(i), rec))
	}
	after := testkit.Heap()
	for b.Loop() {
		runtime.GC()
	}
	b.ReportMetric(float64(after.Bytes-before.Bytes)/sessions, "heap-B/session")
	b.ReportMetric(float64(after.Objects-before.Objects)/sessions, "objects/session")
	runtime.KeepAlive(s)
}
