package scale

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Setting is what one simulation plays.
type Setting struct {
	Sessions int           // people, each with one browser
	For      time.Duration // how long is played
	Seed     uint64        // the same seed gives the same requests

	// A person comes back after Between (exponential, about that mean), makes
	// about PerVisit requests (geometric) and thinks for Think (exponential)
	// before each.
	Between  time.Duration
	PerVisit float64
	Think    time.Duration
	Writes   float64 // share of the requests that change the session

	TTL       time.Duration
	Threshold float64       // a TTL is extended when less than this share of it remains
	LastSeen  time.Duration // how old what is noted of the last visit may get; 0 where nothing is

	SweepEvery time.Duration // of one instance, jittered by half
	Instances  int
	// Sticky sends each person to one instance; without it every request goes
	// to any of them.
	Sticky bool
	// CacheFor is how long an instance answers from its near cache, 0 where it
	// has none; a change made by any instance ends that at once.
	CacheFor time.Duration
}

// Outcome is what came of it.
type Outcome struct {
	Requests int
	// Upkeep is how many requests that only read had to write: to extend a TTL,
	// or to note that the session was seen; a request.
	Upkeep  float64
	Logins  float64 // sessions that began, a request
	Expired int     // sessions that ended because nobody came back in time
	// DeadOnDisk is how many expired records wait for a sweep, on average, as a
	// share of all that are kept: memory and SQL keep them until then.
	DeadOnDisk float64
	// CacheHits is the share of the requests that only read and found their
	// session near; CacheEntries how many entries an instance holds on average.
	CacheHits    float64
	CacheEntries float64
}

// Simulate plays a Setting. One session knows nothing of another, so that each
// is played from its beginning to its end by itself.
func Simulate(s Setting) Outcome {
	p := play{Setting: s, random: rand.New(rand.NewPCG(s.Seed, 1))}
	p.sweeps = p.sweepTimes()
	for range s.Sessions {
		p.person()
	}
	out := Outcome{Requests: p.requests, Expired: p.expired}
	if p.requests > 0 {
		out.Upkeep = float64(p.upkeep) / float64(p.requests)
		out.Logins = float64(p.logins) / float64(p.requests)
	}
	if kept := p.lived + p.dead; kept > 0 {
		out.DeadOnDisk = p.dead / kept
	}
	if p.reads > 0 {
		out.CacheHits = float64(p.hits) / float64(p.reads)
	}
	out.CacheEntries = p.cached / s.For.Seconds() / float64(max(s.Instances, 1))
	return out
}

// play counts while it runs. Times are since the beginning.
type play struct {
	Setting
	random *rand.Rand
	sweeps []time.Duration

	requests, logins, upkeep, expired, reads, hits int

	// In seconds: so many of them are more than a Duration can hold.
	lived, dead float64 // of all records, while alive and while waiting for a sweep
	cached      float64 // of all entries of all near caches
}

// sweepTimes is when any of the instances sweeps, in order. Each begins at a
// time of its own.
func (p *play) sweepTimes() (all []time.Duration) {
	if p.SweepEvery <= 0 {
		return nil
	}
	for range max(p.Instances, 1) {
		for at := p.jittered(p.SweepEvery); at < p.For; at += p.jittered(p.SweepEvery) {
			all = append(all, at)
		}
	}
	slices.Sort(all)
	return all
}

// jittered is between half and three halves of d.
func (p *play) jittered(d time.Duration) time.Duration {
	return time.Duration((0.5 + p.random.Float64()) * float64(d))
}

func (p *play) exponential(mean time.Duration) time.Duration {
	return time.Duration(p.random.ExpFloat64() * float64(mean))
}

// person plays one person until the time is over.
func (p *play) person() {
	var expires, seen time.Duration                    // of the session; there is none yet
	began := time.Duration(-1)                         // of the record
	near := make([]time.Duration, max(p.Instances, 1)) // until when each instance has it near
	home := p.random.IntN(len(near))                   // the instance of a sticky person
	at := time.Duration(p.random.Float64() * float64(p.Between))
	for at < p.For {
		for {
			if began < 0 || at >= expires {
				p.end(began, expires)
				began, expires, seen = at, at+p.TTL, at
				p.forget(near, at)
				p.requests++ // the login, which makes the record
				p.logins++
			} else {
				p.request(at, &expires, &seen, near, home)
			}
			if p.random.Float64() >= 1-1/p.PerVisit {
				break
			}
			if at += p.exponential(p.Think); at >= p.For {
				break
			}
		}
		at += p.exponential(p.Between)
	}
	p.end(began, expires)
	p.forget(near, p.For)
}

// request is one request of a session that lives.
func (p *play) request(at time.Duration, expires, seen *time.Duration, near []time.Duration, home int) {
	p.requests++
	extends := float64(*expires-at) < p.Threshold*float64(p.TTL)
	if extends {
		*expires = at + p.TTL
	}
	notes := p.LastSeen > 0 && at-*seen >= p.LastSeen
	if notes {
		*seen = at
	}
	if p.random.Float64() < p.Writes {
		p.forget(near, at) // the upkeep travels in the same write
		return
	}
	p.reads++
	instance := home
	if !p.Sticky {
		instance = p.random.IntN(len(near))
	}
	switch {
	case at < near[instance]:
		p.hits++
	case p.CacheFor > 0:
		near[instance] = min(at+p.CacheFor, p.For)
		p.cached += (near[instance] - at).Seconds()
	}
	if extends || notes {
		p.upkeep++
		p.forget(near, at)
	}
}

// forget ends what the near caches hold.
func (p *play) forget(near []time.Duration, at time.Duration) {
	for i, until := range near {
		if until > at {
			p.cached -= (until - at).Seconds()
		}
		near[i] = 0
	}
}

// end accounts for a record that began and expires: alive until then, and kept
// until a sweep.
func (p *play) end(began, expires time.Duration) {
	if began < 0 {
		return
	}
	p.lived += (min(expires, p.For) - began).Seconds()
	if expires >= p.For {
		return
	}
	p.expired++
	next, _ := slices.BinarySearch(p.sweeps, expires)
	until := p.For
	if next < len(p.sweeps) {
		until = p.sweeps[next]
	}
	p.dead += (until - expires).Seconds()
}
