package main

import (
	"fmt"
	"math"
	"strings"
)

// goal is one of the figures to reach.
type goal struct {
	name, target string
	// measure gives what was reached, and whether that is enough; ok is false
	// where a figure is missing.
	measure func(r *results) (reached string, met, ok bool)
	// library and scenario are what the goal is about, where it is about one.
	library  string
	scenario scenario
	// bound says, where the goal is missed, what no library could undercut; nil
	// where nothing is known.
	bound func(r *results) string
}

// goals are ratios within one run, so that they hold on any machine.
func goals() []goal {
	return []goal{
		{name: "S1 and S2 above the bare handler, any backend", target: "<= 0.5 µs", measure: untouchedTime},
		{name: "S1 and S2 above the bare handler, any backend", target: "<= 3 allocations", measure: untouchedAllocations},
		faster("S3, memory", s3, oursMemory, 10, scsMemory),
		about(oursMemory, s3, "S3, memory", "<= 15 allocations", func(r *results) (string, bool, bool) {
			f, ok := r.request(oursMemory, s3)
			return count(f.Allocations), f.Allocations <= 15, ok
		}),
		faster("S4, memory", s4, oursMemory, 5, scsMemory),
		faster("S5, memory", s5, oursMemory, 8, scsMemory),
		faster("S6, memory", s6, oursMemory, 8, scsMemory),
		faster("S7, memory", s7, oursMemory, 2, scsMemory),
		about(oursRedis, s3, "S3, Redis", "<= 1.15 x rueidis GET", func(r *results) (string, bool, bool) {
			f, ok := r.request(oursRedis, s3)
			floor, okFloor := r.request(rueidisGet, s3)
			return times(f.Nanos / floor.Nanos), f.Nanos <= 1.15*floor.Nanos, ok && okFloor
		}),
		faster("S3, Redis", s3, oursRedis, 1.9, scsRedigo, scsGoRedis),
		about(oursNear, s3, "S3, Redis, near cache", "<= 4 µs", func(r *results) (string, bool, bool) {
			f, ok := r.request(oursNear, s3)
			return duration(f.Nanos), f.Nanos <= 4000, ok
		}),
		faster("S3, Redis, near cache", s3, oursNear, 30, scsRedigo, scsGoRedis),
		oneRoundTrip("S5, Redis", s5),
		faster("S5, Redis", s5, oursRedis, 1.9, scsRedigo, scsGoRedis),
		oneRoundTrip("S6, Redis", s6),
		faster("S6, Redis", s6, oursRedis, 2.5, scsRedigo, scsGoRedis),
		throughput("requests/s over HTTP, S3, Redis", oursRedis, 0.9, rueidisGet),
		throughput("the same with near cache", oursNear, 0.85, rueidisDoCache),
		{name: "heap of a session among 10^6", target: "<= 400 B", measure: func(r *results) (string, bool, bool) {
			f, ok := r.memory(oursMemory)
			return count(f.Heap) + " B", f.Heap <= 400, ok
		}},
		{name: "heap objects of a session", target: "<= 4", measure: func(r *results) (string, bool, bool) {
			f, ok := r.memory(oursMemory)
			return digits(f.Objects), f.Objects <= 4, ok
		}},
		{name: "longest read while a tenth of 10^6 is swept", target: "<= 2 ms", measure: func(r *results) (string, bool, bool) {
			f, ok := r.memory(oursMemory)
			return duration(f.StallMillis * 1e6), f.StallMillis <= 2, ok
		}},
		{name: "Redis bytes of a session", target: "stated", measure: func(r *results) (string, bool, bool) {
			f, ok := r.redis(oursRedis)
			return count(f.Bytes) + " B", true, ok
		}},
	}
}

// about is a goal of one library in one scenario.
func about(library string, sc scenario, name, target string, measure func(r *results) (string, bool, bool)) goal {
	return goal{name: name, target: target, measure: measure, library: library, scenario: sc}
}

// faster is a goal over the fastest of some peers.
func faster(name string, sc scenario, ours string, wanted float64, peers ...string) goal {
	best := func(r *results) (nanos float64, ok bool) {
		nanos, ok = math.Inf(1), true
		for _, peer := range peers {
			p, found := r.request(peer, sc)
			ok = ok && found
			nanos = min(nanos, p.Nanos)
		}
		return nanos, ok
	}
	g := about(ours, sc, name, fmt.Sprintf(">= %gx faster than scs", wanted), func(r *results) (string, bool, bool) {
		f, okOurs := r.request(ours, sc)
		peer, ok := best(r)
		ratio := peer / f.Nanos
		return times(ratio), ratio >= wanted, ok && okOurs
	})
	if ours == oursRedis {
		g.bound = func(r *results) string {
			floor, ok := r.request(rueidisGet, s3)
			peer, okPeer := best(r)
			if !ok || !okPeer {
				return ""
			}
			return fmt.Sprintf("It takes scs %s; a bare GET, which no request that asks Redis undercuts, takes %s: %s faster than scs.",
				duration(peer), duration(floor.Nanos), times(peer/floor.Nanos))
		}
	}
	return g
}

// why says what a goal that was missed is up against: the bound, and where the
// time goes.
func (g goal) why(r *results) string {
	var parts []string
	if g.bound != nil {
		parts = append(parts, g.bound(r))
	}
	if areas := r.profile(g.library, g.scenario); len(areas) > 0 {
		var shares []string
		for _, a := range areas[:min(3, len(areas))] {
			shares = append(shares, fmt.Sprintf("%s %.0f %%", a.Name, 100*a.Share))
		}
		parts = append(parts, "The processor's time: "+strings.Join(shares, ", ")+".")
	}
	return strings.Join(parts, " ")
}

func oneRoundTrip(name string, sc scenario) goal {
	return about(oursRedis, sc, name, "one round trip", func(r *results) (string, bool, bool) {
		f, ok := r.request(oursRedis, sc)
		return fmt.Sprint(f.RoundTrips), f.RoundTrips == 1, ok
	})
}

func throughput(name, ours string, wanted float64, floor string) goal {
	return about(ours, s3, name, fmt.Sprintf(">= %g x %s", wanted, floor), func(r *results) (string, bool, bool) {
		f, ok := r.http(ours)
		bound, found := r.http(floor)
		ratio := f.PerSecond / bound.PerSecond
		return times(ratio), ratio >= wanted, ok && found
	})
}

// untouchedTime is the most that any backend adds to the bare handler.
func untouchedTime(r *results) (string, bool, bool) {
	most, ok := untouched(r, func(f requestFigures) float64 { return f.Nanos })
	return duration(max(most, 0)), most <= 500, ok
}

func untouchedAllocations(r *results) (string, bool, bool) {
	most, ok := untouched(r, func(f requestFigures) float64 { return f.Allocations })
	return count(most), most <= 3, ok
}

func untouched(r *results, value func(requestFigures) float64) (most float64, ok bool) {
	most, ok = math.Inf(-1), true
	for _, sc := range []scenario{s1, s2} {
		bare, found := r.request(bareHandler, sc)
		ok = ok && found
		for _, l := range ours() {
			f, found := r.request(l.Name, sc)
			ok = ok && found
			most = max(most, value(f)-value(bare))
		}
	}
	return most, ok
}

// goalTable prints each goal and whether it is met.
func goalTable(r *results) string {
	t := newTable("goal", "to reach", "reached", "")
	for _, g := range goals() {
		reached, met, ok := g.measure(r)
		switch {
		case !ok:
			t.row(g.name, g.target, none, "not measured")
		case met:
			t.row(g.name, g.target, reached, "met")
		default:
			t.row(g.name, g.target, reached, "**missed**")
		}
	}
	return t.String()
}
