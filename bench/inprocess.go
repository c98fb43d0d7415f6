package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"time"
)

// timed is how long one request of c takes, in nanoseconds, over a time of
// about d.
func timed(c *caller, d time.Duration) (float64, error) {
	batch, done := 1, 0
	begin := time.Now()
	for {
		for range batch {
			if err := c.once(); err != nil {
				return 0, err
			}
		}
		done += batch
		elapsed := time.Since(begin)
		if elapsed >= d {
			return float64(elapsed.Nanoseconds()) / float64(done), nil
		}
		// Look at the clock about a hundred times.
		perRequest := max(elapsed/time.Duration(done), 1)
		batch = max(1, int(d/100/perRequest))
	}
}

// counted is how many allocations, and how many bytes of them, one request of c
// takes: everything that the process allocates meanwhile, the goroutines of
// clients included.
func counted(c *caller, requests int) (allocations, bytes float64, err error) {
	for range 20 { // pools are filled, connections are made
		if err := c.once(); err != nil {
			return 0, 0, err
		}
	}
	// A collection would empty the pools half-way.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range requests {
		if err := c.once(); err != nil {
			return 0, 0, err
		}
	}
	runtime.ReadMemStats(&after)
	// What does not divide is a map that grew, or the program's own.
	allocations = math.Floor(float64(after.Mallocs-before.Mallocs) / float64(requests))
	bytes = math.Round(float64(after.TotalAlloc-before.TotalAlloc) / float64(requests))
	return allocations, bytes, nil
}

// visit opens a library, with a session in it, for measure, and closes it.
func visit(l library, redis string, measure func(s *site, cookie string) error) error {
	s, err := l.Open(redis)
	if err != nil {
		return err
	}
	defer s.Close()
	cookie := "session=none" // a floor has no sessions
	if l.hasSessions() {
		if cookie, err = newCookie(s); err != nil {
			return err
		}
	}
	return measure(s, cookie)
}

func (l library) hasSessions() bool { return len(l.Scenarios) == len(scenarios) }

// callerFor makes the caller of a scenario.
func callerFor(s *site, sc scenario, cookie string) *caller {
	if !sc.carriesCookie() {
		cookie = ""
	}
	return newCaller(s, sc.path(), cookie, sc == s6)
}
