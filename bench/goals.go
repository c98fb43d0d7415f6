package main

import (
	"fmt"
	"math"
)

// goal is one of the figures to reach.
type goal struct {
	name, target string
	// measure gives what was reached, and whether that is enough; ok is false
	// where a figure is missing.
	measure func(r *results) (reached string, met, ok bool)
}

// goals are ratios within one run, so that they hold on any machine.
func goals() []goal {
	return []goal{
		{"S1 and S2 above the bare handler, any backend", "<= 0.5 µs", untouchedTime},
		{"S1 and S2 above the bare handler, any backend", "<= 3 allocations", untouchedAllocations},
		faster("S3, memory", s3, oursMemory, 10, scsMemory),
		{"S3, memory", "<= 15 allocations", func(r *results) (string, bool, bool) {
			f, ok := r.request(oursMemory, s3)
			return count(f.Allocations), f.Allocations <= 15, ok
		}},
		faster("S4, memory", s4, oursMemory, 5, scsMemory),
		faster("S5, memory", s5, oursMemory, 8, scsMemory),
		faster("S6, memory", s6, oursMemory, 8, scsMemory),
		faster("S7, memory", s7, oursMemory, 2, scsMemory),
		{"S3, Redis", "<= 1.15 x rueidis GET", func(r *results) (string, bool, bool) {
			f, ok := r.request(oursRedis, s3)
			floor, okFloor := r.request(rueidisGet, s3)
			return times(f.Nanos / floor.Nanos), f.Nanos <= 1.15*floor.Nanos, ok && okFloor
		}},
		faster("S3, Redis", s3, oursRedis, 1.9, scsRedigo, scsGoRedis),
		{"S3, Redis, near cache", "<= 4 µs", func(r *results) (string, bool, bool) {
			f, ok := r.request(oursNear, s3)
			return duration(f.Nanos), f.Nanos <= 4000, ok
		}},
		faster("S3, Redis, near cache", s3, oursNear, 30, scsRedigo, scsGoRedis),
		oneRoundTrip("S5, Redis", s5),
		faster("S5, Redis", s5, oursRedis, 1.9, scsRedigo, scsGoRedis),
		oneRoundTrip("S6, Redis", s6),
		faster("S6, Redis", s6, oursRedis, 2.5, scsRedigo, scsGoRedis),
		throughput("requests/s over HTTP, S3, Redis", oursRedis, 0.9, rueidisGet),
		throughput("the same with near cache", oursNear, 0.85, rueidisDoCache),
		{"heap of a session among 10^6", "<= 400 B", func(r *results) (string, bool, bool) {
			f, ok := r.memory(oursMemory)
			return count(f.Heap) + " B", f.Heap <= 400, ok
		}},
		{"heap objects of a session", "<= 4", func(r *results) (string, bool, bool) {
			f, ok := r.memory(oursMemory)
			return digits(f.Objects), f.Objects <= 4, ok
		}},
		{"longest read while a tenth of 10^6 is swept", "<= 2 ms", func(r *results) (string, bool, bool) {
			f, ok := r.memory(oursMemory)
			return duration(f.StallMillis * 1e6), f.StallMillis <= 2, ok
		}},
		{"Redis bytes of a session", "stated", func(r *results) (string, bool, bool) {
			f, ok := r.redis(oursRedis)
			return count(f.Bytes) + " B", true, ok
		}},
	}
}

// faster is a goal over the fastest of some peers.
func faster(name string, sc scenario, ours string, wanted float64, peers ...string) goal {
	return goal{name, fmt.Sprintf(">= %gx faster than scs", wanted), func(r *results) (string, bool, bool) {
		f, ok := r.request(ours, sc)
		best := math.Inf(1)
		for _, peer := range peers {
			p, found := r.request(peer, sc)
			ok = ok && found
			best = min(best, p.Nanos)
		}
		ratio := best / f.Nanos
		return times(ratio), ratio >= wanted, ok
	}}
}

func oneRoundTrip(name string, sc scenario) goal {
	return goal{name, "one round trip", func(r *results) (string, bool, bool) {
		f, ok := r.request(oursRedis, sc)
		return fmt.Sprint(f.RoundTrips), f.RoundTrips == 1, ok
	}}
}

func throughput(name, ours string, wanted float64, floor string) goal {
	return goal{name, fmt.Sprintf(">= %g x %s", wanted, floor), func(r *results) (string, bool, bool) {
		f, ok := r.http(ours)
		bound, found := r.http(floor)
		ratio := f.PerSecond / bound.PerSecond
		return times(ratio), ratio >= wanted, ok && found
	}}
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
