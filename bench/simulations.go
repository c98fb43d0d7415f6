package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/fxsession/sessions/bench/scale"
	"github.com/fxsession/sessions/config"
)

// people are what all simulations begin with: they come back twice a day, and
// one request in ten writes. What is configured is as by default, and so there is
// no near cache.
func people() scale.Setting {
	defaults := config.Default()
	return scale.Setting{
		Sessions: 20_000, For: 14 * 24 * time.Hour, Seed: 1,
		Between: 12 * time.Hour, PerVisit: 15, Think: 20 * time.Second, Writes: 0.1,
		TTL: defaults.State.TTL, Threshold: defaults.State.TTLExtensionThreshold, LastSeen: defaults.State.LastSeenInterval,
		SweepEvery: defaults.Store.Sweep.Interval, Instances: 4,
	}
}

// near switches the near cache on, for as many instances.
func near(instances int, sticky bool) scale.Setting {
	s := people()
	s.CacheFor = config.Default().Store.Redis.ClientCache.TTL
	s.Instances, s.Sticky = instances, sticky
	return s
}

// crowdSizes are those for which nodes are counted.
var crowdSizes = []float64{1e6, 1e7, 1e8, 1e9}

// simulations play one change of the setting after the other.
func simulations() (all []simulated) {
	play := func(name string, s scale.Setting) { all = append(all, simulated{name, s, scale.Simulate(s)}) }
	changed := func(name string, change func(*scale.Setting)) {
		s := people()
		change(&s)
		play(name, s)
	}
	play("the defaults", people())
	changed("extended at every touch (threshold 1)", func(s *scale.Setting) { s.Threshold = 1 })
	changed("extended below half of the TTL", func(s *scale.Setting) { s.Threshold = 0.5 })
	changed("never extended (threshold 0)", func(s *scale.Setting) { s.Threshold = 0 })
	changed("nobody signed in, so that nothing is noted of visits", func(s *scale.Setting) { s.LastSeen = 0 })
	changed("TTL of 30 minutes", func(s *scale.Setting) { s.TTL = 30 * time.Minute })
	changed("swept each hour", func(s *scale.Setting) { s.SweepEvery = time.Hour })
	changed("never swept", func(s *scale.Setting) { s.SweepEvery = 0 })
	changed("one request in two writes", func(s *scale.Setting) { s.Writes = 0.5 })
	for _, sessions := range crowdSizes {
		n := scale.Nodes(sessions, scale.Measured{}, assumed()).Instances
		play("near cache switched on, "+instances(n), near(n, false))
	}
	sticky := near(people().Instances, true)
	play("the same, each person on one of "+instances(sticky.Instances), sticky)
	sticky.CacheFor = 10 * time.Minute
	play("the same, near cache for 10 minutes", sticky)
	return all
}

func instances(n int) string {
	if n == 1 {
		return "1 instance"
	}
	return count(float64(n)) + " instances"
}

// nearHits is the share of reads that a near cache answers, and whether that was
// simulated.
func (r *results) nearHits(instances int, sticky bool) (float64, bool) {
	want := near(instances, sticky)
	s, ok := find(r.Simulations, func(s simulated) bool { return s.Setting == want })
	return s.Outcome.CacheHits, ok
}

func simulationTable(all []simulated) string {
	t := newTable("what is played", "requests", "that read, and write for upkeep", "that begin a session", "sessions that expired", "expired records among those kept", "near-cache hits", "entries near, an instance")
	for _, s := range all {
		o := s.Outcome
		hits, entries := none, none
		if s.Setting.CacheFor > 0 {
			hits, entries = fmt.Sprintf("%.1f %%", 100*o.CacheHits), count(o.CacheEntries)
		}
		t.row(s.Name, count(float64(o.Requests)), fmt.Sprintf("%.1f %%", 100*o.Upkeep), fmt.Sprintf("%.1f %%", 100*o.Logins), count(float64(o.Expired)),
			fmt.Sprintf("%.3f %%", 100*o.DeadOnDisk), hits, entries)
	}
	return t.String()
}

// settingList says what all simulations begin with.
func settingList() string {
	s := people()
	cache := config.Default().Store.Redis.ClientCache
	return lines(
		fmt.Sprintf("%s people for %s, all of them signed in. They come back after %s on average (exponential), make %g requests a visit (geometric) about %s apart (exponential), and %s of the requests write.",
			count(float64(s.Sessions)), inWords(s.For), inWords(s.Between), s.PerVisit, inWords(s.Think), percent(s.Writes)),
		fmt.Sprintf("A TTL of %s, extended when less than %g of it remains; when a session was seen is noted when that is %s old (`state.ttl`, `state.ttl_extension_threshold`, `state.last_seen_interval`; the defaults).",
			inWords(s.TTL), s.Threshold, inWords(s.LastSeen)),
		fmt.Sprintf("A sweep every %s by each of %d instances, give or take a half (`store.sweep.interval`; the default).", inWords(s.SweepEvery), s.Instances),
		fmt.Sprintf("No near cache, as by default; where it is switched on, it keeps a record for %s (`store.redis.client_cache.ttl`; the default).", inWords(cache.TTL)),
		"No session reaches `state.max_lifetime`.",
	)
}

// assumed is what docs/scale.md takes for granted of people and machines.
func assumed() scale.Assumed {
	s := people()
	const day = 24 * time.Hour
	return scale.Assumed{
		ActivePerDay: 0.3, RequestsPerDay: s.PerVisit * float64(day) / float64(s.Between), PeakToMean: 3, WriteShare: s.Writes,
		NodeBytes: 20e9, BusyShare: 0.5, RequestsPerInstance: 2000,
	}
}

// assumedList says the same in words.
func assumedList() string {
	a := assumed()
	return lines(
		fmt.Sprintf("%s of all sessions are used in a day, each by %g requests that touch the session; requests that leave it alone cost the store nothing.", percent(a.ActivePerDay), a.RequestsPerDay),
		fmt.Sprintf("%s of these requests write, the others read. What begins a session is a sign-in, with a new ID.", percent(a.WriteShare)),
		fmt.Sprintf("The busiest hour sees %g times the mean.", a.PeakToMean),
		fmt.Sprintf("An instance of the application serves %s such requests a second at the peak.", count(a.RequestsPerInstance)),
		fmt.Sprintf("A node has one processor for commands, as Redis does, and is kept below %s of it at the peak.", percent(a.BusyShare)),
		fmt.Sprintf("A node holds %s of sessions.", large(a.NodeBytes)),
		"Every session is one of five keys, of somebody who is signed in and has no other.",
	)
}

func lines(all ...string) string { return "- " + strings.Join(all, "\n- ") + "\n" }

// inWords gives a duration in the largest unit of which it is several.
func inWords(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "days"}, {time.Hour, "h"}, {time.Minute, "min"}} {
		if d > unit.size && d%unit.size == 0 {
			return fmt.Sprint(int(d/unit.size), " ", unit.name)
		}
	}
	return fmt.Sprint(int(d/time.Second), " s")
}
