package memstore_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

// C7: a sweep lets go of a shard time and again. What is put meanwhile lives,
// also under the key of a record that has expired, and is swept when its time
// comes.
func TestC7_WhatIsPutDuringASweepLivesAndIsFoundByALaterOne(t *testing.T) {
	t.Parallel()
	s, clock := newStore()
	must(t, s.Create(t.Context(), key(0), lasting(24*time.Hour)))
	const expired = 300
	next := 0
	inOneShard := func() store.Key { next++; return key(next * memstore.Shards) }
	for round := range 600 {
		var late store.Key
		for range expired {
			late = inOneShard()
			must(t, s.Create(t.Context(), late, of("ada", time.Second)))
		}
		if round%2 == 0 {
			late = inOneShard()
		}
		clock.Advance(time.Second)
		before := s.Count()
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := s.DeleteExpired(t.Context(), 0); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			if err := s.Create(t.Context(), late, lasting(time.Second)); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		if _, err := s.Load(t.Context(), late); err != nil || s.Count() != before-expired+1 {
			t.Fatalf("round %d: %v, and %d records are counted where %d were", round, err, s.Count(), before)
		}
		clock.Advance(time.Second)
		if n, err := s.DeleteExpired(t.Context(), 0); err != nil || n != 1 {
			t.Fatalf("round %d: the sweep after it removed %d (%v), want 1", round, n, err)
		}
	}
}

// Sweeps at once, and writers, leave the counts and the index as they should be.
func TestSweepsAndWritersAtOnce(t *testing.T) {
	t.Parallel()
	s, clock := newStore()
	const writers, each = 4, 2000
	var all, sweepers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		sweepers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					clock.Advance(time.Millisecond)
					if _, err := s.DeleteExpired(t.Context(), 0); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for w := range writers {
		all.Go(func() {
			for i := range each {
				k, k2 := testkit.Scattered(2*(w*each+i)), testkit.Scattered(2*(w*each+i)+1)
				rec := of(fmt.Sprint("user-", i%10), time.Duration(1+i%5)*time.Millisecond)
				if err := s.Create(t.Context(), k, rec); err != nil {
					t.Error(err)
				}
				// What has expired by now is not changed.
				_ = s.Update(t.Context(), k, store.Change{TTL: 2 * time.Millisecond})
				_ = s.ChangeKey(t.Context(), k, k2, store.Change{})
				if i%3 == 0 {
					_ = s.Delete(t.Context(), k2)
				}
			}
		})
	}
	all.Wait()
	close(stop)
	sweepers.Wait()
	clock.Advance(time.Hour)
	if _, err := s.DeleteExpired(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if records, marks := s.Held(); records+marks != 0 || s.Count() != 0 {
		t.Errorf("%d records and %d marks are left, and %d records counted", records, marks, s.Count())
	}
	if subjects, keys := s.Indexed(); subjects+keys != 0 {
		t.Errorf("%d keys of %d subjects are left in the index", keys, subjects)
	}
}

// What a sweep has to do it does with rests, however small the steps are in
// which it is done.
func TestSweepsRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		sweep := func() (n int, slept time.Duration) {
			begin := time.Now()
			n, err := s.DeleteExpired(t.Context(), 1)
			must(t, err)
			return n, time.Since(begin)
		}
		for i := range 3 {
			must(t, s.Create(t.Context(), key(i), lasting(time.Millisecond)))
		}
		<-time.After(time.Millisecond)
		if n, slept := sweep(); n != 1 || slept != 0 {
			t.Errorf("a sweep that has just begun removed %d and slept for %s", n, slept)
		}
		s.Tire()
		if n, slept := sweep(); n != 1 || slept == 0 || slept > time.Millisecond {
			t.Errorf("a sweep that goes on for long removed %d and slept for %s", n, slept)
		}
		if n, slept := sweep(); n != 1 || slept != 0 {
			t.Errorf("a sweep that has rested removed %d and slept for %s", n, slept)
		}
		s.Tire()
		if n, slept := sweep(); n != 0 || slept != 0 {
			t.Errorf("a sweep with nothing to do removed %d and slept for %s", n, slept)
		}
	})
}

// A store that was full once gives its memory back.
func TestMemoryIsGivenBack(t *testing.T) {
	const sessions = 100_000
	s, clock := newStore()
	empty := testkit.Heap()
	for i := range sessions {
		ttl := time.Minute
		if i%100 == 0 {
			ttl = time.Hour
		}
		rec := fiveKeys()
		rec.TTL = ttl
		must(t, s.Create(t.Context(), testkit.Scattered(i), rec))
	}
	full := testkit.Heap()
	clock.Advance(2 * time.Minute)
	n, err := s.DeleteExpired(t.Context(), 0)
	must(t, err)
	if n != sessions*99/100 {
		t.Fatalf("a sweep removed %d", n)
	}
	left := testkit.Heap()
	if used, after := full.Bytes-empty.Bytes, left.Bytes-empty.Bytes; after > used/10 {
		t.Errorf("a hundredth of the sessions is left, in %d of %d bytes", after, used)
	}
	for i := 0; i < sessions; i += 100 {
		_, err := s.Load(t.Context(), testkit.Scattered(i))
		must(t, err)
	}
}
