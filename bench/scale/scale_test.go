package scale_test

import (
	"math"
	"testing"
	"time"

	"github.com/fxsession/sessions/bench/scale"
)

func usual() scale.Setting {
	return scale.Setting{
		Sessions: 2000, For: 7 * 24 * time.Hour, Seed: 1,
		Between: 12 * time.Hour, PerVisit: 12, Think: 20 * time.Second, Writes: 0.1,
		TTL: 24 * time.Hour, Threshold: 0.8,
		SweepEvery: time.Minute, Instances: 4, CacheFor: time.Minute,
	}
}

func with(change func(*scale.Setting)) scale.Outcome {
	s := usual()
	change(&s)
	return scale.Simulate(s)
}

func TestTheSameSeedGivesTheSameOutcome(t *testing.T) {
	t.Parallel()
	if a, b := scale.Simulate(usual()), scale.Simulate(usual()); a != b {
		t.Errorf("%+v and %+v", a, b)
	}
	if a, b := scale.Simulate(usual()), with(func(s *scale.Setting) { s.Seed = 2 }); a == b {
		t.Error("another seed plays the same")
	}
}

func TestRequestsAreAsManyAsThePeopleMake(t *testing.T) {
	t.Parallel()
	got := scale.Simulate(usual())
	// A visit lasts (12-1) times 20 s, then comes a pause of 12 h.
	visits := 7 * 24 * time.Hour.Seconds() / (12*time.Hour.Seconds() + 11*20)
	if want := 2000 * visits * 12; math.Abs(float64(got.Requests)-want) > 0.05*want {
		t.Errorf("%d requests, want about %.0f", got.Requests, want)
	}
}

func TestTheThresholdDecidesHowOftenATTLIsExtended(t *testing.T) {
	t.Parallel()
	every := with(func(s *scale.Setting) { s.Threshold = 1 })
	usual := with(func(*scale.Setting) {})
	never := with(func(s *scale.Setting) { s.Threshold = 0 })
	// At every touch: each request that only reads writes a TTL, logins aside.
	if every.Upkeep < 0.85 || every.Upkeep > 0.9 {
		t.Errorf("a threshold of 1 extends in %.3f of the requests, want nine tenths", every.Upkeep)
	}
	if usual.Upkeep > every.Upkeep/5 || usual.Upkeep == 0 {
		t.Errorf("a threshold of 0.8 extends in %.3f of the requests, beside %.3f", usual.Upkeep, every.Upkeep)
	}
	if never.Upkeep != 0 {
		t.Errorf("a threshold of 0 extends in %.3f of the requests", never.Upkeep)
	}
	if never.Expired <= usual.Expired || usual.Expired < every.Expired {
		t.Errorf("expired: %d never extended, %d with 0.8, %d extended at every touch", never.Expired, usual.Expired, every.Expired)
	}
}

func TestASessionIsNotedWhenItWasNotForAWhile(t *testing.T) {
	t.Parallel()
	never := func(s *scale.Setting) { s.Threshold = 0 }
	visits := with(func(s *scale.Setting) { never(s); s.LastSeen = 2 * time.Hour })
	always := with(func(s *scale.Setting) { never(s); s.LastSeen = time.Nanosecond })
	// About once a visit of 12 requests, unless that writes or begins a session.
	if visits.Upkeep < 0.03 || visits.Upkeep > 0.9/12 {
		t.Errorf("once a visit is noted in %.3f of the requests", visits.Upkeep)
	}
	if always.Upkeep < 0.85 || always.Upkeep > 0.9 {
		t.Errorf("each request is noted in %.3f of the requests, want nine tenths", always.Upkeep)
	}
}

func TestSweepingLessOftenKeepsMoreDead(t *testing.T) {
	t.Parallel()
	often := with(func(s *scale.Setting) { s.SweepEvery = time.Minute })
	seldom := with(func(s *scale.Setting) { s.SweepEvery = 6 * time.Hour })
	never := with(func(s *scale.Setting) { s.SweepEvery = 0 })
	if !(often.DeadOnDisk < seldom.DeadOnDisk && seldom.DeadOnDisk < never.DeadOnDisk) || often.DeadOnDisk <= 0 {
		t.Errorf("dead: %.5f swept each minute, %.5f each six hours, %.5f never", often.DeadOnDisk, seldom.DeadOnDisk, never.DeadOnDisk)
	}
}

// Many people for a long time are more seconds than a Duration can hold.
func TestTheWaitForASweep(t *testing.T) {
	t.Parallel()
	got := with(func(s *scale.Setting) {
		s.Sessions, s.For, s.PerVisit = 20_000, 14*24*time.Hour, 1
		s.Instances, s.SweepEvery, s.Threshold = 1, time.Hour, 0
	})
	// An interval between a half and three halves of an hour: a record that
	// expires at any time waits for 13/24 of an hour on average, and each lives
	// for a day before that.
	if want := 13.0 / 24 / (24 + 13.0/24); math.Abs(got.DeadOnDisk-want) > 0.1*want {
		t.Errorf("%.5f of the records wait for a sweep, want about %.5f", got.DeadOnDisk, want)
	}
}

func TestTheNearCache(t *testing.T) {
	t.Parallel()
	off := with(func(s *scale.Setting) { s.CacheFor = 0 })
	any4 := with(func(*scale.Setting) {})
	sticky := with(func(s *scale.Setting) { s.Sticky = true })
	one := with(func(s *scale.Setting) { s.Instances = 1 })
	long := with(func(s *scale.Setting) { s.CacheFor = time.Hour })
	if off.CacheHits != 0 || off.CacheEntries != 0 {
		t.Errorf("without a cache: %+v", off)
	}
	if !(any4.CacheHits < sticky.CacheHits && any4.CacheHits < long.CacheHits) || any4.CacheHits <= 0 {
		t.Errorf("hits: %.3f among four, %.3f sticky, %.3f for an hour", any4.CacheHits, sticky.CacheHits, long.CacheHits)
	}
	if math.Abs(one.CacheHits-sticky.CacheHits) > 0.02 {
		t.Errorf("hits: %.3f with one instance, %.3f with a sticky one of four", one.CacheHits, sticky.CacheHits)
	}
	if long.CacheEntries <= any4.CacheEntries {
		t.Errorf("entries: %.1f for an hour, %.1f for a minute", long.CacheEntries, any4.CacheEntries)
	}
	// Nothing but writes: there is nothing to find.
	if w := with(func(s *scale.Setting) { s.Writes = 1 }); w.CacheHits != 0 {
		t.Errorf("hits where every request writes: %.3f", w.CacheHits)
	}
}

func TestLoginsBeginSessions(t *testing.T) {
	t.Parallel()
	began := func(o scale.Outcome) int { return int(math.Round(o.Logins * float64(o.Requests))) }
	usual := with(func(*scale.Setting) {})
	if n := began(usual); n < usual.Expired || n > usual.Expired+2000 { // the last one of each may live on
		t.Errorf("%d sessions began and %d expired", n, usual.Expired)
	}
	if n := began(with(func(s *scale.Setting) { s.TTL = 365 * 24 * time.Hour })); n != 2000 {
		t.Errorf("%d sessions began of 2000 people whose sessions do not expire", n)
	}
}

func TestNodes(t *testing.T) {
	t.Parallel()
	measured := scale.Measured{
		Single:  scale.Costs{Bytes: 500, Read: 20, Write: 40, Login: 100},
		Cluster: scale.Costs{Bytes: 600, Read: 50, Write: 100, Login: 500},
	}
	assumed := scale.Assumed{
		ActivePerDay: 0.5, RequestsPerDay: 86.4, PeakToMean: 4, WriteShare: 0.1, UpkeepShare: 0.1, LoginShare: 0.05,
		NodeBytes: 1e9, BusyShare: 0.5, RequestsPerInstance: 3000,
	}
	for _, want := range []scale.Need{
		// 2,000 requests: 100 logins, 1,710 reads, 190 writes and 200 of upkeep,
		// 0.06 s a second of one processor.
		{Sessions: 1e6, Bytes: 5e8, PeakRequests: 2000, Instances: 1, PeakCalls: 2200, NodesForMemory: 1, NodesForCalls: 1, Nodes: 1},
		// Its memory takes two, so that it is a cluster.
		{Sessions: 2.5e6, Bytes: 1.5e9, PeakRequests: 5000, Instances: 2, PeakCalls: 5500, NodesForMemory: 2, NodesForCalls: 1, Nodes: 3},
		// (17,100 × 50 + 3,900 × 100 + 1,000 × 500) us / 0.5 = 3.49 s a second
		{Sessions: 10e6, Bytes: 6e9, PeakRequests: 20_000, Instances: 7, PeakCalls: 22_000, NodesForMemory: 6, NodesForCalls: 4, Nodes: 6},
	} {
		got := scale.Nodes(want.Sessions, measured, assumed)
		got.PeakRequests, got.PeakCalls = math.Round(got.PeakRequests), math.Round(got.PeakCalls)
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	assumed.NearCacheHits = 1
	if near := scale.Nodes(10e6, measured, assumed); math.Abs(near.PeakCalls-4900) > 1 {
		t.Errorf("with all reads near, %v calls a second reach the store, want the 3,900 writes and 1,000 logins", near.PeakCalls)
	}
	if one := scale.Nodes(1, measured, assumed); one.Nodes != 1 || one.Instances != 1 {
		t.Errorf("one session: %+v", one)
	}
}
