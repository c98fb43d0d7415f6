package main

import (
	"fmt"
	"time"

	"github.com/fxsession/sessions/bench/scale"
)

// people are what all simulations begin with: they come back twice a day, and
// one request in ten writes.
func people() scale.Setting {
	return scale.Setting{
		Sessions: 20_000, For: 14 * 24 * time.Hour, Seed: 1,
		Between: 12 * time.Hour, PerVisit: 15, Think: 20 * time.Second, Writes: 0.1,
		TTL: 24 * time.Hour, Threshold: 0.8,
		SweepEvery: time.Minute, Instances: 4, CacheFor: time.Minute,
	}
}

// simulations play one change of the setting after the other.
func simulations() (all []simulated) {
	for _, variant := range []struct {
		name   string
		change func(*scale.Setting)
	}{
		{"the defaults: extended below 0.8 of a TTL of 24 h, swept each minute, four instances", func(*scale.Setting) {}},
		{"extended at every touch (threshold 1)", func(s *scale.Setting) { s.Threshold = 1 }},
		{"extended below half of the TTL", func(s *scale.Setting) { s.Threshold = 0.5 }},
		{"never extended (threshold 0)", func(s *scale.Setting) { s.Threshold = 0 }},
		{"TTL of 30 minutes", func(s *scale.Setting) { s.TTL = 30 * time.Minute }},
		{"swept each hour", func(s *scale.Setting) { s.SweepEvery = time.Hour }},
		{"never swept", func(s *scale.Setting) { s.SweepEvery = 0 }},
		{"one instance", func(s *scale.Setting) { s.Instances = 1 }},
		{"each person on one of four instances", func(s *scale.Setting) { s.Sticky = true }},
		{"16 instances", func(s *scale.Setting) { s.Instances = 16 }},
		{"near cache for 10 minutes", func(s *scale.Setting) { s.CacheFor = 10 * time.Minute }},
		{"near cache for 10 minutes, each person on one instance", func(s *scale.Setting) { s.CacheFor, s.Sticky = 10*time.Minute, true }},
		{"one request in two writes", func(s *scale.Setting) { s.Writes = 0.5 }},
	} {
		s := people()
		variant.change(&s)
		all = append(all, simulated{variant.name, s, scale.Simulate(s)})
	}
	return all
}

func simulationTable(all []simulated) string {
	t := newTable("what is played", "requests", "extensions a request", "sessions that expired", "expired records among those kept", "near-cache hits", "entries near, an instance")
	for _, s := range all {
		o := s.Outcome
		t.row(s.Name, count(float64(o.Requests)), fmt.Sprintf("%.4f", o.Extensions), count(float64(o.Expired)),
			fmt.Sprintf("%.3f %%", 100*o.DeadOnDisk), percent(o.CacheHits), count(o.CacheEntries))
	}
	return t.String()
}

// assumed is what docs/scale.md takes for granted, with the share of extensions
// that the simulation of the defaults gives.
func assumed(extensions, nearHits float64) scale.Assumed {
	return scale.Assumed{
		ActivePerDay: 0.3, RequestsPerVisit: 30, PeakToMean: 3, WriteShare: 0.1,
		ExtensionShare: extensions, NearCacheHits: nearHits,
		NodeBytes: 20e9, BusyShare: 0.5,
	}
}
