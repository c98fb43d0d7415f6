package memstore_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
	"github.com/fxsession/sessions/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, newHarness)
	storetest.Histories(t, newHarness, storetest.HistoryOptions{})
}

// Subjects whose hashes are one and the same are told apart.
func TestConformanceWhereAllSubjectsCollide(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB) storetest.Harness {
		h := newHarness(t)
		h.(harness).Collide()
		return h
	})
}

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, newHarness) }

// harness is a Store whose clock stands still until Advance moves it.
type harness struct {
	*memstore.Store
	clock *clock
}

func newHarness(testing.TB) storetest.Harness {
	c := newClock()
	return harness{memstore.New(memstore.WithClock(c.Now)), c}
}

func (h harness) Open(testing.TB) store.Backend         { return h.Store }
func (h harness) Advance(_ testing.TB, d time.Duration) { h.clock.Advance(d) }
func (h harness) Corrupt(_ testing.TB, key store.Key)   { h.Store.Corrupt(key) }

// clock is a time that only Advance moves.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.nanos.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }
