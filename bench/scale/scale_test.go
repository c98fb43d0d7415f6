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
	if every.Extensions < 0.85 || every.Extensions > 0.9 {
		t.Errorf("a threshold of 1 extends in %.3f of the requests, want nine tenths", every.Extensions)
	}
	if usual.Extensions > every.Extensions/5 || usual.Extensions == 0 {
		t.Errorf("a threshold of 0.8 extends in %.3f of the requests, beside %.3f", usual.Extensions, every.Extensions)
	}
	if never.Extensions != 0 {
		t.Errorf("a threshold of 0 extends in %.3f of the requests", never.Extensions)
	}
	if never.Expired <= usual.Expired || usual.Expired < every.Expired {
		t.Errorf("expired: %d never extended, %d with 0.8, %d extended at every touch", never.Expired, usual.Expired, every.Expired)
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

func TestNodes(t *testing.T) {
	t.Parallel()
	measured := scale.Measured{BytesPerSession: 500, ReadMicros: 20, WriteMicros: 40}
	assumed := scale.Assumed{
		ActivePerDay: 0.5, RequestsPerVisit: 86.4, PeakToMean: 4, WriteShare: 0.1, ExtensionShare: 0.1,
		NodeBytes: 1e9, BusyShare: 0.5,
	}
	got := scale.Nodes(10e6, measured, assumed)
	want := scale.Need{
		Sessions: 10e6, Bytes: 5e9,
		PeakRequests: 20_000, PeakCommands: 22_000,
		NodesForMemory:   5,
		NodesForCommands: 2, // (18,000 × 20 us + 4,000 × 40 us) / 0.5 = 1.04 s a second
		Nodes:            5,
	}
	if math.Abs(got.PeakRequests-want.PeakRequests) > 1 || math.Abs(got.PeakCommands-want.PeakCommands) > 1 {
		t.Errorf("%+v, want %+v", got, want)
	}
	got.PeakRequests, got.PeakCommands = want.PeakRequests, want.PeakCommands
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	assumed.NearCacheHits = 1
	if near := scale.Nodes(10e6, measured, assumed); math.Abs(near.PeakCommands-4000) > 1 {
		t.Errorf("with all reads near, %v commands a second reach the store, want the 4,000 writes", near.PeakCommands)
	}
	if one := scale.Nodes(1, measured, assumed); one.Nodes != 1 {
		t.Errorf("one session needs %d nodes", one.Nodes)
	}
}
