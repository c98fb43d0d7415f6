package main

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
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

// requests measures a request of each library in each of its scenarios: once
// what is exact, and then in rounds how long it takes.
func (m *measuring) requests() []step {
	for _, l := range libraries() {
		for _, sc := range l.Scenarios {
			m.results.Requests = append(m.results.Requests, requestFigures{Library: l.Name, Backend: l.Backend, Scenario: sc})
		}
	}
	var onRedis []library
	for _, l := range libraries() {
		if l.Backend == "redis" {
			onRedis = append(onRedis, l)
		}
	}
	return slices.Concat(
		inTurn(1, libraries(), func(l library) step {
			return step{"counting: " + l.Name, 0.5, func() error { return m.eachScenario(l, m.count) }}
		}),
		inTurn(m.RequestRounds, libraries(), func(l library) step {
			return step{"timing: " + l.Name, float64(len(l.Scenarios)) * m.Request.Seconds() * 0.9, func() error { return m.eachScenario(l, m.time) }}
		}),
		inTurn(m.RequestRounds, askRedis, func(sc scenario) step {
			return step{"timing on Redis: " + string(sc), float64(len(onRedis)) * m.Request.Seconds() * 1.1, func() error { return m.timeTogether(onRedis, sc) }}
		}))
}

// eachScenario calls f for each scenario of a library, with the session that it
// is for.
func (m *measuring) eachScenario(l library, f func(l library, c *caller, figures *requestFigures) error) error {
	return m.visit(l, 1, func(s *site, cookies []string) error {
		for _, figures := range pointers(m.results.Requests) {
			if figures.Library != l.Name {
				continue
			}
			c := callerFor(s, figures.Scenario, cookies[0])
			if err := f(l, c, figures); err != nil {
				return fmt.Errorf("%s: %w", figures.Scenario, err)
			}
			if figures.Scenario == s6 {
				cookies[0] = c.cookie() // the old one is dead
			}
		}
		return nil
	})
}

// count fills in what is exact.
func (m *measuring) count(l library, c *caller, figures *requestFigures) (err error) {
	requests := m.Counted
	if l.Backend == "redis" {
		requests /= 10
	}
	if figures.Allocations, figures.Bytes, err = counted(c, requests); err != nil || l.Backend != "redis" {
		return err
	}
	figures.RoundTrips, err = roundTrips(l, figures.Scenario, m.servers.proxy)
	return err
}

// askRedis are the scenarios that timeTogether times for libraries on Redis.
var askRedis = scenarios[2:]

// time adds how long a request takes, where timeTogether does not.
func (m *measuring) time(l library, c *caller, figures *requestFigures) error {
	if l.Backend == "redis" && slices.Contains(askRedis, figures.Scenario) {
		return nil
	}
	if _, err := timed(c, m.Request/10); err != nil { // warms up
		return err
	}
	nanos, err := timed(c, m.Request)
	figures.Nanos = append(figures.Nanos, nanos)
	return err
}

// turns is how many a library has in one round of timeTogether.
const turns = 10

// timeTogether adds how long a request of a scenario takes with each of the
// libraries that have it, all of them open at once: the mean of short turns. For
// some tenths of a second at a time, the system may run Redis where its clients run,
// or elsewhere, which makes a request several times as fast, or as slow: so
// that each library meets both.
func (m *measuring) timeTogether(of []library, sc scenario) error {
	if err := m.redis.flush(); err != nil {
		return err
	}
	var all []*requestFigures
	var callers []*caller
	for _, l := range of {
		i := slices.IndexFunc(m.results.Requests, func(f requestFigures) bool { return f.Library == l.Name && f.Scenario == sc })
		if i < 0 {
			continue
		}
		s, err := l.Open(m.servers.redis)
		if err != nil {
			return err
		}
		defer s.Close()
		cookies, err := newCookies(l, s, 1)
		if err != nil {
			return fmt.Errorf("%s: %w", l.Name, err)
		}
		all, callers = append(all, &m.results.Requests[i]), append(callers, callerFor(s, sc, cookies[0]))
	}
	means := make([]float64, len(all))
	for turn := range 1 + turns {
		for i, c := range callers {
			nanos, err := timed(c, m.Request/turns)
			if err != nil {
				return fmt.Errorf("%s: %w", all[i].Library, err)
			}
			if turn > 0 { // the first warms up
				means[i] += nanos / turns
			}
		}
	}
	for i, f := range all {
		f.Nanos = append(f.Nanos, means[i])
	}
	return nil
}

// visit opens a library for measure, over the Redis without sessions where it
// needs one, and with some sessions of its own.
func (m *measuring) visit(l library, sessions int, measure func(s *site, cookies []string) error) error {
	return m.redis.visit(l, m.servers.redis, sessions, measure)
}

func visit(l library, redis string, sessions int, measure func(s *site, cookies []string) error) error {
	s, err := l.Open(redis)
	if err != nil {
		return err
	}
	defer s.Close()
	cookies, err := newCookies(l, s, sessions)
	if err != nil {
		return err
	}
	return measure(s, cookies)
}

// newCookies are those of so many sessions of l, which s is a site of.
func newCookies(l library, s *site, sessions int) ([]string, error) {
	cookies := make([]string, sessions)
	for i := range cookies {
		cookies[i] = floorCookie
		if l.hasSessions() {
			var err error
			if cookies[i], err = newCookie(s); err != nil {
				return nil, err
			}
		}
	}
	return cookies, nil
}

func (l library) hasSessions() bool { return len(l.Scenarios) == len(scenarios) }

// callerFor makes the caller of a scenario.
func callerFor(s *site, sc scenario, cookie string) *caller {
	if !sc.carriesCookie() {
		cookie = ""
	}
	return newCaller(s, sc.path(), cookie, sc == s6)
}
