package main

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"runtime/debug"
	"time"
)

// crowd is a store in memory that can hold very many sessions of five keys,
// each as large as a request makes it.
type crowd interface {
	put(n int, ttl time.Duration) error
	// reader gives a function that reads a session from the store.
	reader(n int) (read func() error)
	// sweep removes what has expired; errSweepsByItself where the store does
	// so when it thinks fit.
	sweep() error
	close()
}

var (
	errSweepsByItself = errors.New("this store sweeps by itself")
	errNoSweep        = errors.New("this store never sweeps")
	errTooSlow        = errors.New("the sessions were not in before the sweep began: the machine is too busy")
)

// crowded is a library whose memory and sweeping are measured.
type crowded struct {
	Name string
	// Open makes the store. One that sweeps by itself does so every
	// sweepEvery, where that can be chosen; 0 is never.
	Open func(sweepEvery time.Duration) (crowd, error)
	// Every is the interval of a store where it cannot be chosen.
	Every time.Duration
	// NeverSweeps is for a store whose memory alone can be measured.
	NeverSweeps bool
}

func crowds() []crowded {
	return []crowded{
		{Name: oursMemory, Open: crowdOurs},
		{Name: scsMemory, Open: crowdSCS},
		{Name: fiberMemory, Open: crowdFiber, Every: fiberSweepsEvery},
		{Name: ginMemory, Open: crowdGin, NeverSweeps: true},
	}
}

func crowdOf(library string) crowded {
	c, _ := find(crowds(), func(c crowded) bool { return c.Name == library })
	return c
}

// crowds measures stores in memory that hold many sessions: their heap, and
// their stalls.
func (m *measuring) crowds() []step {
	took := map[string]time.Duration{} // for the sessions to come in, the last time
	for _, c := range crowds() {
		sessions := m.Sessions
		if c.NeverSweeps {
			sessions /= 10 // they come in through requests, and would take minutes
		}
		m.results.Memory = append(m.results.Memory, memoryFigures{Library: c.Name, Sessions: sessions})
	}
	weighing := inTurn(1, pointers(m.results.Memory), func(f *memoryFigures) step {
		return step{"a crowd: " + f.Library, 4e-6 * float64(m.Sessions), func() error {
			w, err := weigh(crowdOf(f.Library), f.Sessions)
			took[f.Library] = w.took
			f.Heap, f.Objects, f.CollectionMillis = []float64{w.bytes}, []float64{w.objects}, w.collections
			return err
		}}
	})
	return append(weighing, inTurn(m.Rounds, pointers(m.results.Memory), func(f *memoryFigures) step {
		c := crowdOf(f.Library)
		if c.NeverSweeps {
			return step{c.Name, 0, func() error { return nil }}
		}
		return step{"sweeping: " + c.Name, cmp.Or(c.Every.Seconds(), 3+6e-6*float64(m.Sessions)), func() error {
			s, err := stalls(c, f.Sessions, took[c.Name])
			for attempt := 1; attempt < 4 && errors.Is(err, errTooSlow); attempt++ {
				s, err = stalls(c, f.Sessions, 2*s.took)
			}
			took[c.Name] = s.took
			f.StallMillis = append(f.StallMillis, s.sweeping.Seconds()*1e3)
			f.IdleMillis = append(f.IdleMillis, s.idle.Seconds()*1e3)
			return err
		}}
	})...)
}

// weight is what a crowd takes of the heap, how long the garbage collector is busy
// with it, and how long it took to come in.
type weight struct {
	bytes, objects float64   // a session
	collections    []float64 // in milliseconds
	took           time.Duration
}

// weigh measures the heap that sessions take.
func weigh(c crowded, sessions int) (w weight, err error) {
	before := heap()
	store, err := c.Open(0)
	if err != nil {
		return w, err
	}
	defer store.close()
	begin := time.Now()
	if err := putAll(store, sessions, func(int) time.Duration { return 2 * time.Hour }); err != nil {
		return w, err
	}
	w.took = time.Since(begin)
	after := heap()
	w.bytes = float64(after.bytes-before.bytes) / float64(sessions)
	w.objects = float64(after.objects-before.objects) / float64(sessions)
	w.collections = collections()
	runtime.KeepAlive(store)
	return w, nil
}

func putAll(store crowd, sessions int, ttl func(n int) time.Duration) error {
	// How fast they come in is not the question.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	for n := range sessions {
		if err := store.put(n, ttl(n)); err != nil {
			return err
		}
	}
	return nil
}

// Around the moment at which a store sweeps by itself, readers watch.
const (
	watchBefore = 300 * time.Millisecond
	watchAfter  = 700 * time.Millisecond
)

// idleTime is about as long as a sweep of a million sessions takes.
const idleTime = 100 * time.Millisecond

// stall is the longest that one read took.
type stall struct {
	sweeping, idle time.Duration
	took           time.Duration // for the sessions to come in
}

// stalls measures the longest that a reader of living sessions waits while the
// expired tenth of all is swept, and, to tell the machine's own stalls from
// those, while nothing is. took is how long the sessions took to come in the
// last time.
func stalls(c crowded, sessions int, took time.Duration) (s stall, err error) {
	// The sweep is to come when all sessions are in and a tenth of them has
	// expired, and not before.
	every := c.Every
	if every == 0 {
		every = 2*took + 3*time.Second
	}
	begin := time.Now()
	store, err := c.Open(every)
	if err != nil {
		return s, err
	}
	defer store.close()
	sweeps := begin.Add(every)
	err = putAll(store, sessions, func(n int) time.Duration {
		if !expires(n) {
			return time.Hour
		}
		// fiber counts in seconds, and knows no time below one.
		return max(time.Until(sweeps)-time.Second, time.Second).Truncate(time.Second)
	})
	s.took = time.Since(begin)
	if err != nil {
		return s, err
	}
	runtime.GC()
	if s.idle, err = longestRead(store, sessions, func() error { time.Sleep(idleTime); return nil }); err != nil {
		return s, err
	}
	if time.Until(sweeps) < time.Second {
		return s, errTooSlow
	}
	time.Sleep(time.Until(sweeps) - watchBefore)
	s.sweeping, err = longestRead(store, sessions, func() error {
		err := store.sweep()
		if errors.Is(err, errSweepsByItself) {
			time.Sleep(time.Until(sweeps) + watchAfter)
			return nil
		}
		return err
	})
	return s, err
}

// expires says which tenth of the sessions does.
func expires(n int) bool { return n%10 == 0 }

// longestRead reads sessions that live, one after the other, until while
// returns, and gives the longest that one read took.
func longestRead(c crowd, sessions int, while func() error) (longest time.Duration, err error) {
	var readers []func() error
	for n := range min(sessions, 1000) {
		if !expires(n) {
			readers = append(readers, c.reader(n))
		}
	}
	done := make(chan error, 1)
	go func() { done <- while() }()
	for n := 0; ; n = (n + 1) % len(readers) {
		select {
		case err := <-done:
			return longest, err
		default:
		}
		begin := time.Now()
		if err := readers[n](); err != nil {
			return 0, err
		}
		longest = max(longest, time.Since(begin))
	}
}

// collections are how long a few garbage collections take, in milliseconds.
func collections() (all []float64) {
	for range 6 {
		begin := time.Now()
		runtime.GC()
		all = append(all, time.Since(begin).Seconds()*1e3)
	}
	return all
}

// scattered gives 16 bytes for n that look random, always the same.
func scattered(n int) []byte {
	x := uint64(n) * 0x9E3779B97F4A7C15
	x ^= x >> 29
	key := make([]byte, 0, 16)
	key = binary.LittleEndian.AppendUint64(key, x*0xBF58476D1CE4E5B9)
	return binary.LittleEndian.AppendUint64(key, uint64(n))
}

// longToken is a token of 43 characters, as scs and fiber make them.
func longToken(n int) string {
	return base64.RawURLEncoding.EncodeToString(append(scattered(n), scattered(n+1)...))
}

type usage struct{ bytes, objects int64 }

// heap gives what is in use when collections find nothing more to free: pools
// and finalizers give some of it back only in the second or third.
func heap() usage {
	least := uint64(math.MaxUint64)
	for {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.HeapObjects >= least {
			return usage{int64(m.HeapAlloc), int64(m.HeapObjects)}
		}
		least = m.HeapObjects
	}
}
