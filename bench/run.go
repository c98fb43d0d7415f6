package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// plan is how much a run measures.
type plan struct {
	Rounds      int           // of everything that takes time; the medians are of these
	Request     time.Duration // of one scenario in one round
	Counted     int           // requests whose allocations are counted
	HTTP        time.Duration // of one library under load in one round
	Sessions    int           // in a crowd in memory
	CrowdRounds int
	InRedis     int           // sessions
	Processor   time.Duration // of one scenario
	Profile     time.Duration
}

var (
	fullPlan  = plan{7, 220 * time.Millisecond, 2000, 2 * time.Second, 1_000_000, 6, 20_000, time.Second, 3 * time.Second}
	quickPlan = plan{6, 20 * time.Millisecond, 500, 300 * time.Millisecond, 100_000, 1, 4_000, 200 * time.Millisecond, time.Second}
)

// overLoopback are the libraries of the load test; the bare handler has no S3.
var overLoopback = []string{
	bareHandler, rueidisDoCache, rueidisGet, oursMemory, oursNear, oursRedis,
	scsMemory, scsRedigo, scsGoRedis, gorillaRedis, ginRedis, fiberRedis,
}

// measuring is one run under way.
type measuring struct {
	plan
	servers *servers
	redis   *inspector
	bar     *progress
	results *results
}

// measure measures everything.
func measure(quick bool) (r *results, err error) {
	m := &measuring{plan: fullPlan}
	if quick {
		m.plan = quickPlan
	}
	if m.servers, err = startServers(); err != nil {
		return nil, err
	}
	defer m.servers.stop()
	if m.redis, err = newInspector(m.servers.redis); err != nil {
		return nil, err
	}
	defer m.redis.close()
	info, err := os.Stderr.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	m.bar = newProgress(os.Stderr, terminal, m.seconds())
	m.results = &results{Quick: quick, Began: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(), Versions: versions()}
	// The crowds come first: nothing else has used the heap yet.
	for _, part := range []func() error{m.crowds, m.count, m.time, m.load, m.sizes, m.compute, m.profile} {
		if err := part(); err != nil {
			m.bar.end()
			return nil, err
		}
	}
	m.bar.end()
	m.results.Took = time.Since(m.results.Began).Round(time.Second)
	return m.results, nil
}

// failure says in what something went wrong.
func failure(err error, library string, sc scenario) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", library, sc, err)
}

// count fills in what is exact.
func (m *measuring) count() error {
	for _, l := range libraries() {
		err := visit(l, m.servers.redis, func(s *site, cookie string) error {
			for _, sc := range l.Scenarios {
				requests := m.Counted
				if l.Backend == "redis" {
					requests /= 10
				}
				f := requestFigures{Library: l.Name, Backend: l.Backend, Scenario: sc}
				var err error
				c := callerFor(s, sc, cookie)
				if f.Allocations, f.Bytes, err = counted(c, requests); err != nil {
					return failure(err, l.Name, sc)
				}
				if sc == s6 {
					cookie = c.cookie // the old one is dead
				}
				if l.Backend == "redis" {
					if f.RoundTrips, err = roundTrips(l, sc, m.servers.proxy); err != nil {
						return failure(err, l.Name, sc)
					}
				}
				m.results.Requests = append(m.results.Requests, f)
			}
			return nil
		})
		if err != nil {
			return failure(err, l.Name, "")
		}
		m.bar.step(weightCount, "counting: "+l.Name)
	}
	return nil
}

// time fills in how long requests take. Each round goes through all libraries,
// so that what the machine does meanwhile meets all of them.
func (m *measuring) time() error {
	for range m.Rounds {
		if err := m.redis.flush(); err != nil {
			return err
		}
		for _, l := range libraries() {
			err := visit(l, m.servers.redis, func(s *site, cookie string) error {
				for _, sc := range l.Scenarios {
					c := callerFor(s, sc, cookie)
					if _, err := timed(c, m.Request/10); err != nil { // warms up
						return failure(err, l.Name, sc)
					}
					nanos, err := timed(c, m.Request)
					if err != nil {
						return failure(err, l.Name, sc)
					}
					if sc == s6 {
						cookie = c.cookie
					}
					for i := range m.results.Requests {
						if f := &m.results.Requests[i]; f.Library == l.Name && f.Scenario == sc {
							f.Nanos = append(f.Nanos, nanos)
						}
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			m.bar.step(float64(len(l.Scenarios))*m.Request.Seconds()*1.1, "timing: "+l.Name)
		}
	}
	return nil
}

// load fills in requests over HTTP.
func (m *measuring) load() error {
	var figures []*httpFigures
	var mounted []library
	for _, name := range overLoopback {
		if l, ok := find(libraries(), func(l library) bool { return l.Name == name }); ok {
			mounted = append(mounted, l)
			figures = append(figures, &httpFigures{Library: name})
		}
	}
	for range m.Rounds - 1 {
		if err := m.redis.flush(); err != nil {
			return err
		}
		for i, l := range mounted {
			sc := s3
			if l.Backend == "none" {
				sc = s2
			}
			f := figures[i]
			err := visit(l, m.servers.redis, func(s *site, cookie string) error {
				closed, err := serve(s, sc.path(), cookie, m.HTTP, 0)
				if err != nil {
					return err
				}
				f.PerSecond = append(f.PerSecond, closed.PerSecond)
				return nil
			})
			if err != nil {
				return failure(err, l.Name, sc)
			}
			err = visit(l, m.servers.redis, func(s *site, cookie string) error {
				open, err := serve(s, sc.path(), cookie, m.HTTP, openRate)
				if err != nil {
					return err
				}
				f.P50Micros = append(f.P50Micros, float64(open.P50.Nanoseconds())/1e3)
				f.P99Micros = append(f.P99Micros, float64(open.P99.Nanoseconds())/1e3)
				return nil
			})
			if err != nil {
				return failure(err, l.Name, sc)
			}
			m.bar.step(2*m.HTTP.Seconds()+weightServe, "over HTTP: "+l.Name)
		}
	}
	for _, f := range figures {
		m.results.HTTP = append(m.results.HTTP, *f)
	}
	return nil
}

// sizes fills in what sessions take in Redis.
func (m *measuring) sizes() error {
	for _, l := range libraries() {
		if l.Backend != "redis" || !l.hasSessions() {
			continue
		}
		f, err := m.redis.sizes(l, m.servers.redis, m.InRedis)
		if err != nil {
			return failure(err, l.Name, "")
		}
		m.results.Redis = append(m.results.Redis, f)
		m.bar.step(float64(m.InRedis)*weightFill, "in Redis: "+l.Name)
	}
	return nil
}

// computedFor are the scenarios whose cost for Redis docs/scale.md builds on.
var computedFor = []scenario{s3, s5, s6, s7}

// compute fills in what requests take of Redis's processor.
func (m *measuring) compute() error {
	for i := range m.results.Redis {
		f := &m.results.Redis[i]
		l, _ := find(libraries(), func(l library) bool { return l.Name == f.Library })
		f.Micros = map[scenario][]float64{}
		for _, sc := range computedFor {
			micros, err := m.redis.computed(l, m.servers.redis, sc, m.Processor)
			if err != nil {
				return failure(err, l.Name, sc)
			}
			f.Micros[sc] = append(f.Micros[sc], micros)
			m.bar.step(m.Processor.Seconds(), "Redis's processor: "+l.Name)
		}
	}
	return nil
}

// profiledFor are the scenarios whose profiles tell something: a near cache
// changes what a read costs.
func profiledFor(l library) []scenario {
	if l.Name == oursNear {
		return []scenario{s3}
	}
	return []scenario{s3, s5, s6, s7}
}

// profile fills in where the time of this library goes.
func (m *measuring) profile() error {
	for _, l := range ours() {
		for _, sc := range profiledFor(l) {
			p, err := profiled(l, m.servers.redis, sc, m.Profile)
			if err != nil {
				return failure(err, l.Name, sc)
			}
			m.results.Profiles = append(m.results.Profiles, p)
			m.bar.step(m.Profile.Seconds(), "profile: "+l.Name)
		}
	}
	return nil
}

// crowds fills in memory, which is the same each time, and stalls.
func (m *measuring) crowds() error {
	took := map[string]time.Duration{}
	for _, c := range crowds() {
		sessions := m.sessionsOf(c)
		w, err := weigh(c, sessions)
		if err != nil {
			return failure(err, c.Name, "")
		}
		took[c.Name] = w.took
		m.results.Memory = append(m.results.Memory, memoryFigures{
			Library: c.Name, Sessions: sessions,
			Heap: []float64{w.bytes}, Objects: []float64{w.objects}, CollectionMillis: w.collections,
		})
		m.bar.step(m.weighSeconds(c), fmt.Sprintf("%d sessions: %s", sessions, c.Name))
	}
	for range m.CrowdRounds {
		for i, c := range crowds() {
			if c.NeverSweeps {
				continue
			}
			s, err := stalls(c, m.Sessions, took[c.Name])
			for attempt := 1; attempt < 4 && errors.Is(err, errTooSlow); attempt++ {
				s, err = stalls(c, m.Sessions, 2*s.took)
			}
			if err != nil {
				return failure(err, c.Name, "")
			}
			took[c.Name] = s.took
			f := &m.results.Memory[i]
			f.StallMillis = append(f.StallMillis, s.sweeping.Seconds()*1e3)
			f.IdleMillis = append(f.IdleMillis, s.idle.Seconds()*1e3)
			m.bar.step(m.stallSeconds(c), fmt.Sprintf("sweeping %d sessions: %s", m.Sessions, c.Name))
		}
	}
	return nil
}

// What the parts of a run take beside what the plan says, in seconds on two
// cores; the progress bar alone depends on them.
const (
	weightCount = 0.4
	weightServe = 0.1
	weightFill  = 0.0002
)

// sessionsOf is how many sessions the heap of a crowd is measured with: a tenth
// where they come in through requests and would take minutes.
func (m *measuring) sessionsOf(c crowded) int {
	if c.NeverSweeps {
		return m.Sessions / 10
	}
	return m.Sessions
}

// weighSeconds is about how long the heap of a crowd takes to be measured.
func (m *measuring) weighSeconds(c crowded) float64 {
	each := 3e-6
	if c.NeverSweeps {
		each = 60e-6
	}
	return each * float64(m.sessionsOf(c))
}

// stallSeconds is about how long one round of a crowd's sweep takes.
func (m *measuring) stallSeconds(c crowded) float64 {
	if c.NeverSweeps {
		return 0
	}
	return cmp.Or(c.Every.Seconds(), 3+6e-6*float64(m.Sessions))
}

// seconds is the weight of all steps.
func (m *measuring) seconds() (total float64) {
	for _, l := range libraries() {
		total += weightCount
		total += float64(m.Rounds*len(l.Scenarios)) * m.Request.Seconds() * 1.1
		if slices.Contains(overLoopback, l.Name) {
			total += float64(m.Rounds-1) * (2*m.HTTP.Seconds() + weightServe)
		}
		if l.Backend == "redis" && l.hasSessions() {
			total += float64(m.InRedis)*weightFill + float64(len(computedFor))*m.Processor.Seconds()
		}
	}
	for _, l := range ours() {
		total += float64(len(profiledFor(l))) * m.Profile.Seconds()
	}
	for _, c := range crowds() {
		total += m.weighSeconds(c) + float64(m.CrowdRounds)*m.stallSeconds(c)
	}
	return total
}
