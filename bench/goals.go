package main

import (
	"fmt"
	"math"
	"strings"
)

// goal is one of the figures to reach.
type goal struct {
	name, target string
	reached      float64 // to the digits that are shown; NaN where it was not measured
	show         func(float64) string
	met          bool
	// why says what a goal that is missed is up against, and where the time
	// goes.
	why string
}

// goals are ratios within one run where they can be, so that they hold on any
// machine.
func goals(r *results) []goal {
	memory, _ := r.memory(oursMemory)
	redis, _ := r.redis(oursRedis)
	return []goal{
		atMost("S1 and S2 above the bare handler, any backend", 500, rounded(untouched(r, nanosOf), 2), duration),
		atMost("S1 and S2 above the bare handler, any backend", 3, untouched(r, allocationsOf), allocations),
		faster(r, "S3, memory", oursMemory, s3, 10, scsMemory),
		atMost("S3, memory", 15, r.request(oursMemory, s3, allocationsOf), allocations),
		faster(r, "S4, memory", oursMemory, s4, 5, scsMemory),
		faster(r, "S5, memory", oursMemory, s5, 8, scsMemory),
		faster(r, "S6, memory", oursMemory, s6, 8, scsMemory),
		faster(r, "S7, memory", oursMemory, s7, 2, scsMemory),
		asFastAs(r, "S3, Redis", oursRedis, s3, 1.15, rueidisGet),
		faster(r, "S3, Redis", oursRedis, s3, 1.9, scsRedigo, scsGoRedis),
		atMost("S3, Redis, near cache", 4000, rounded(r.request(oursNear, s3, nanosOf), 2), duration),
		faster(r, "S3, Redis, near cache", oursNear, s3, 30, scsRedigo, scsGoRedis),
		oneRoundTrip(r, "S5, Redis", s5),
		faster(r, "S5, Redis", oursRedis, s5, 1.9, scsRedigo, scsGoRedis),
		oneRoundTrip(r, "S6, Redis", s6),
		faster(r, "S6, Redis", oursRedis, s6, 2.5, scsRedigo, scsGoRedis),
		throughput(r, "requests/s over HTTP, S3, Redis", oursRedis, 0.9, rueidisGet),
		throughput(r, "the same with near cache", oursNear, 0.85, rueidisDoCache),
		atMost("heap of a session among "+r.crowd()+", at most", 400, median(memory.HeapUpdated), bytesOf).
			because("When all have come in it is " + bytesOf(median(memory.Heap)) + "; what is written goes behind what was there, until as much is no longer needed as is."),
		atMost("heap objects of a session", 4, median(memory.Objects), objects),
		atMost("longest read while a tenth of "+r.crowd()+" is swept", 2e6, rounded(median(memory.StallMillis)*1e6, 2), duration),
		{name: "Redis bytes of a session", target: "stated", reached: median(redis.Bytes), show: bytesOf, met: true},
	}
}

func atMost(name string, bound, reached float64, show func(float64) string) goal {
	return goal{name: name, target: "<= " + show(bound), reached: reached, show: show, met: reached <= bound}
}

func (g goal) because(why string) goal {
	g.why = strings.TrimSpace(g.why + " " + why)
	return g
}

// faster is a goal over the fastest of some peers.
func faster(r *results, name, ours string, sc scenario, wanted float64, peers ...string) goal {
	peer := math.Inf(1)
	for _, p := range peers {
		peer = min(peer, r.request(p, sc, nanosOf))
	}
	ratio := rounded(peer/r.request(ours, sc, nanosOf), 2)
	g := goal{name: name, target: fmt.Sprintf(">= %gx faster than scs", wanted), reached: ratio, show: times, met: ratio >= wanted}
	if floor := r.request(rueidisOwn, s3, nanosOf); ours == oursRedis && !math.IsNaN(floor) {
		g = g.because(fmt.Sprintf("scs takes %s; a bare GET over its own connection takes %s, %s faster.",
			duration(peer), duration(floor), times(peer/floor)))
	}
	return g.because(shares("The processor's time", r.profile(ours, sc, false)))
}

// asFastAs is a goal beside a floor.
func asFastAs(r *results, name, ours string, sc scenario, wanted float64, floor string) goal {
	ratio := rounded(r.request(ours, sc, nanosOf)/r.request(floor, sc, nanosOf), 2)
	g := goal{name: name, target: fmt.Sprintf("<= %g x %s", wanted, floor), reached: ratio, show: times, met: ratio <= wanted}
	return g.because(shares("The processor's time", r.profile(ours, sc, false)))
}

func oneRoundTrip(r *results, name string, sc scenario) goal {
	trips := r.request(oursRedis, sc, tripsOf)
	return goal{name: name, target: "one round trip", reached: trips, show: count, met: trips == 1}
}

func throughput(r *results, name, ours string, wanted float64, floor string) goal {
	ratio := rounded(r.perSecond(ours)/r.perSecond(floor), 2)
	g := goal{name: name, target: fmt.Sprintf(">= %g x %s", wanted, floor), reached: ratio, show: times, met: ratio >= wanted}
	return g.because(shares("The server's processor", r.profile(ours, s3, true))).
		because(shares("With "+floor, r.profile(floor, s3, true)))
}

// untouched is the most that any backend adds to the bare handler.
func untouched(r *results, value func(requestFigures) float64) float64 {
	most := 0.0
	for _, sc := range []scenario{s1, s2} {
		for _, l := range ours() {
			most = max(most, r.request(l.Name, sc, value)-r.request(bareHandler, sc, value))
		}
	}
	return most
}

// shares says where the time goes, in one sentence; "" where that was not
// measured.
func shares(of string, areas []area) string {
	if len(areas) == 0 {
		return ""
	}
	var parts []string
	for _, a := range areas[:min(3, len(areas))] {
		parts = append(parts, a.Name+" "+percent(a.Share))
	}
	return of + ": " + strings.Join(parts, ", ") + "."
}

// goalTable prints each goal and whether it is met.
func goalTable(r *results) string {
	t := newTable("goal", "to reach", "reached", "")
	for _, g := range goals(r) {
		verdict := "**missed**"
		switch {
		case math.IsNaN(g.reached):
			verdict = "not measured"
		case g.met:
			verdict = "met"
		}
		t.row(g.name, g.target, g.show(g.reached), verdict)
	}
	return t.String()
}

// missed says which goals are, and why.
func missed(r *results) string {
	var lines []string
	for _, g := range goals(r) {
		if !math.IsNaN(g.reached) && !g.met {
			line := fmt.Sprintf("- %s: %s, where the goal is %s. %s", g.name, g.show(g.reached), g.target, g.why)
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if len(lines) == 0 {
		return "Every goal that was measured is met."
	}
	return "Missed in this run:\n\n" + strings.Join(lines, "\n")
}
