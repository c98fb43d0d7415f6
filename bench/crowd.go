package main

import (
	"cmp"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/fxsession/sessions/internal/testkit"
)

// crowd is a store in memory that can hold very many sessions of five keys,
// each as large as a request makes it.
type crowd interface {
	put(n int, ttl time.Duration) error
	// update writes one key of a session that does not expire.
	update(n int) error
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
	// HeapAlone is for a store whose sweep is not measured.
	HeapAlone bool
	// Fewer says of how many times fewer sessions the heap is measured, where
	// each takes so long to come in that all would take minutes.
	Fewer int
}

func crowds() []crowded {
	return []crowded{
		{Name: oursMemory, Open: crowdOurs},
		{Name: oursMemorySignedIn, Open: crowdOursSignedIn, HeapAlone: true},
		{Name: scsMemory, Open: crowdSCS},
		{Name: fiberMemory, Open: crowdFiber, Every: fiberSweepsEvery},
		{Name: ginMemory, Open: crowdGin, HeapAlone: true, Fewer: 50},
	}
}

// crowds measures stores in memory that hold many sessions: their heap, and
// their stalls.
func (m *measuring) crowds() []step {
	for _, c := range crowds() {
		m.results.Memory = append(m.results.Memory, memoryFigures{Library: c.Name, Sessions: m.Sessions / max(c.Fewer, 1)})
	}
	return inTurn(m.Rounds, pointers(m.results.Memory), func(f *memoryFigures) step {
		c, _ := find(crowds(), func(c crowded) bool { return c.Name == f.Library })
		seconds := 5e-6 * float64(m.Sessions)
		if !c.HeapAlone {
			seconds += cmp.Or(c.Every.Seconds(), 2+3e-6*float64(m.Sessions))
		}
		return step{"a crowd: " + c.Name, seconds, func() error {
			w, err := weigh(c, f.Sessions)
			if err != nil {
				return err
			}
			f.Heap = append(f.Heap, w.fresh.bytes)
			f.HeapUpdated = append(f.HeapUpdated, w.updated.bytes)
			f.Objects = append(f.Objects, max(w.fresh.objects, w.updated.objects))
			f.CollectionMillis = append(f.CollectionMillis, millis(w.collection))
			if c.HeapAlone {
				return nil
			}
			s, err := stalls(c, f.Sessions, w.took)
			for attempt := 1; attempt < 4 && errors.Is(err, errTooSlow); attempt++ {
				s, err = stalls(c, f.Sessions, 2*s.took)
			}
			f.StallMillis = append(f.StallMillis, millis(s.sweeping))
			f.ControlMillis = append(f.ControlMillis, millis(s.control))
			return err
		}}
	})
}

func millis(d time.Duration) float64 { return d.Seconds() * 1e3 }

// weight is what a crowd takes of the heap, how long the garbage collector is busy
// with it, and how long it took to come in.
type weight struct {
	fresh, updated usage // of a session
	collection     time.Duration
	took           time.Duration
}

// looks is how often the heap is looked at while each session is written once, on
// average.
const looks = 20

// weigh measures the heap that sessions take: when all have come in, and the most
// while they are written, in no order.
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
	w.fresh = heap().since(before, sessions)
	begin = time.Now()
	runtime.GC()
	w.collection = time.Since(begin)
	random := rand.New(rand.NewPCG(1, 1))
	for range looks {
		for range sessions / looks {
			if err := store.update(random.IntN(sessions)); err != nil {
				return w, err
			}
		}
		now := collected().since(before, sessions)
		w.updated.bytes = max(w.updated.bytes, now.bytes)
		w.updated.objects = max(w.updated.objects, now.objects)
	}
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

// stall is the longest that one read took.
type stall struct {
	sweeping time.Duration
	control  time.Duration // while as much was computed that has nothing to do with the store
	took     time.Duration // for the sessions to come in
}

// stalls measures the longest that a reader of living sessions waits while the
// expired tenth of all is swept, and, to tell what the machine does to two threads
// that compute from what the store does, while another thread computes for as
// long as the sweep did. took is about how long the sessions take to come in.
func stalls(c crowded, sessions int, took time.Duration) (s stall, err error) {
	// The sweep is to come when all sessions are in and a tenth of them has
	// expired, and not before.
	every := c.Every
	if every == 0 {
		every = 3*took/2 + 2*time.Second
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
	if time.Until(sweeps) < time.Second {
		return s, errTooSlow
	}
	time.Sleep(time.Until(sweeps) - watchBefore)
	begin = time.Now()
	work := othersTime(func() {
		s.sweeping, err = longestRead(store, sessions, func() error {
			err := store.sweep()
			if errors.Is(err, errSweepsByItself) {
				time.Sleep(time.Until(sweeps) + watchAfter)
				return nil
			}
			return err
		})
	})
	if err != nil {
		return s, err
	}
	swept := time.Since(begin)
	s.control, err = longestRead(store, sessions, func() error {
		begin := time.Now()
		for time.Since(begin) < work { // computes
		}
		time.Sleep(swept - work)
		return nil
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

// token gives 32 bytes for n that look random, always the same.
func token(n int) []byte {
	first, second := testkit.Scattered(n), testkit.Scattered(n+1)
	return append(first[:], second[:]...)
}

// longToken is a token of 43 characters, as scs and fiber make them.
func longToken(n int) string { return base64.RawURLEncoding.EncodeToString(token(n)) }

// usage is of the heap, or of a session.
type usage struct{ bytes, objects float64 }

// since is what each of so many sessions has added.
func (u usage) since(before usage, sessions int) usage {
	return usage{(u.bytes - before.bytes) / float64(sessions), (u.objects - before.objects) / float64(sessions)}
}

// heap gives what is in use when collections find nothing more to free.
func heap() usage {
	u := testkit.Heap()
	return usage{float64(u.Bytes), float64(u.Objects)}
}

// collected gives what is in use after a collection.
func collected() usage {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{float64(m.HeapAlloc), float64(m.HeapObjects)}
}
