package memstore_test

import (
	"encoding/binary"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

// A store that was full once gives its memory back.
func TestMemoryIsGivenBack(t *testing.T) {
	const sessions = 100_000
	s, clock := newStore()
	empty := heap()
	for i := range sessions {
		ttl := time.Minute
		if i%100 == 0 {
			ttl = time.Hour
		}
		rec := fiveKeys()
		rec.TTL = ttl
		must(t, s.Create(t.Context(), scattered(i), rec))
	}
	full := heap()
	clock.Advance(2 * time.Minute)
	n, err := s.DeleteExpired(t.Context(), 0)
	must(t, err)
	if n != sessions*99/100 {
		t.Fatalf("a sweep removed %d", n)
	}
	left := heap()
	if used, after := full.bytes-empty.bytes, left.bytes-empty.bytes; after > used/10 {
		t.Errorf("a hundredth of the sessions is left, in %d of %d bytes", after, used)
	}
	for i := 0; i < sessions; i += 100 {
		_, err := s.Load(t.Context(), scattered(i))
		must(t, err)
	}
}

// BenchmarkMemory reports what one session of five keys costs among a million.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		before := heap()
		s := million(b, memstore.New())
		after := heap()
		b.ReportMetric(float64(after.bytes-before.bytes)/sessions, "heap-B/session")
		b.ReportMetric(float64(after.objects-before.objects)/sessions, "objects/session")
		runtime.KeepAlive(s)
	}
}

// BenchmarkSweepStall reports how long a reader waits for one Load at worst
// while a tenth of a million sessions is swept, and, to tell the machine's own
// stalls from the sweep's, while nothing is; each the median of all rounds. One
// operation is one sweep.
func BenchmarkSweepStall(b *testing.B) {
	var sweeping, idle []time.Duration
	for b.Loop() {
		b.StopTimer()
		clock := newClock()
		s := million(b, memstore.New(memstore.WithClock(clock.Now)))
		clock.Advance(time.Minute)
		runtime.GC()
		idle = append(idle, longestLoad(b, s, func() { <-time.After(20 * time.Millisecond) }))
		b.StartTimer()
		sweeping = append(sweeping, longestLoad(b, s, func() {
			n, err := s.DeleteExpired(b.Context(), 0)
			if err != nil || n != sessions/10 {
				b.Errorf("a sweep removed %d: %v", n, err)
			}
		}))
	}
	b.ReportMetric(median(sweeping), "longest-load-µs")
	b.ReportMetric(median(idle), "longest-load-without-sweep-µs")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*memstore.Shards), "µs/lock")
}

func median(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2].Microseconds())
}

const sessions = 1_000_000

// million creates a million sessions, a tenth of which live for a minute.
func million(b *testing.B, s *memstore.Store) *memstore.Store {
	rec := fiveKeys()
	for i := range sessions {
		rec.TTL = time.Hour
		if i%10 == 0 {
			rec.TTL = time.Minute
		}
		if err := s.Create(b.Context(), scattered(i), rec); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// longestLoad reads one session after the other until while returns.
func longestLoad(b *testing.B, s *memstore.Store, while func()) time.Duration {
	done := make(chan struct{})
	go func() {
		defer close(done)
		while()
	}()
	var longest time.Duration
	for i := 1; ; i++ {
		select {
		case <-done:
			return longest
		default:
		}
		if i%10 == 0 {
			continue
		}
		start := time.Now()
		_, err := s.Load(b.Context(), scattered(i%sessions))
		longest = max(longest, time.Since(start))
		if err != nil {
			b.Fatal(err)
		}
	}
}

// scattered gives the nth key as a hash would be: spread over all shards, in no
// order.
func scattered(n int) store.Key {
	var k store.Key
	x := uint64(n) * 0x9E3779B97F4A7C15
	x ^= x >> 29
	binary.LittleEndian.PutUint64(k[:8], x*0xBF58476D1CE4E5B9)
	binary.LittleEndian.PutUint64(k[8:], uint64(n))
	return k
}

type usage struct{ bytes, objects int64 }

// heap gives what is in use after two collections.
func heap() usage {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{int64(m.HeapAlloc), int64(m.HeapObjects)}
}
