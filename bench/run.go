package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// plan is how much a run measures.
type plan struct {
	Rounds        int           // of everything but single requests
	RequestRounds int           // of single requests, which differ more from round to round
	Request       time.Duration // of one scenario in one round
	Counted       int           // requests whose allocations are counted
	Closed, Open  time.Duration // of one library under load in one round
	Sessions      int           // in a crowd in memory
	InRedis       int           // sessions, in one round
	Processor     time.Duration // of one scenario in one round
	Profile       time.Duration // of one scenario in one round
}

var (
	fullPlan  = plan{6, 15, 70 * time.Millisecond, 2000, 2 * time.Second, 900 * time.Millisecond, 1_000_000, 10_000, 120 * time.Millisecond, 400 * time.Millisecond}
	quickPlan = plan{1, 6, 20 * time.Millisecond, 500, 300 * time.Millisecond, 300 * time.Millisecond, 100_000, 2_000, 100 * time.Millisecond, time.Second}
)

// measuring is one run under way.
type measuring struct {
	plan
	servers *servers
	redis   *inspector
	results *results
}

// measure measures everything.
func measure(quick bool) (r *results, err error) {
	m := &measuring{plan: fullPlan, redis: new(inspector)}
	if quick {
		m.plan = quickPlan
	}
	if m.servers, err = startServers(); err != nil {
		return nil, err
	}
	defer m.servers.stop()
	defer m.redis.close()
	if err := m.redis.connect(m.servers.redis); err != nil {
		return nil, err
	}
	m.results = &results{Quick: quick, Began: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(), Versions: versions()}
	var all []step
	// The crowds come first, as nothing else has used the heap yet, and the
	// cluster last, whose servers do not rest then.
	for _, part := range []func() []step{m.crowds, m.requests, m.load, m.inRedis, m.profiles, m.onCluster} {
		all = append(all, part()...)
	}
	info, err := os.Stderr.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	if err := do(all, os.Stderr, terminal); err != nil {
		return nil, err
	}
	m.results.Took = time.Since(m.results.Began).Round(time.Second)
	return m.results, nil
}

// step is a part of a run, and about how many seconds it takes on two cores; the
// progress bar alone depends on that.
type step struct {
	name    string
	seconds float64
	do      func() error
}

// do takes all steps, and shows on out how far it is.
func do(all []step, out io.Writer, terminal bool) error {
	total := 0.0
	for _, s := range all {
		total += s.seconds
	}
	bar := newProgress(out, terminal, total)
	defer bar.end()
	for _, s := range all {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		bar.step(s.seconds, s.name)
	}
	return nil
}

// inTurn takes a step for each of all in every round, so that what else the
// machine does meets all of them. Each round begins with another one: who comes
// after whom may matter, too.
func inTurn[T any](rounds int, all []T, one func(T) step) (steps []step) {
	for round := range rounds {
		for i := range all {
			steps = append(steps, one(all[(round+i)%len(all)]))
		}
	}
	return steps
}

// pointers gives those to the elements of all, which must not grow any more.
func pointers[T any](all []T) []*T {
	to := make([]*T, len(all))
	for i := range all {
		to[i] = &all[i]
	}
	return to
}
