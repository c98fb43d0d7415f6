package main

import (
	"bytes"
	"cmp"
	"runtime/pprof"
	"slices"
	"strings"

	pproffile "github.com/google/pprof/profile"
)

// area is a part of the program and its share of the processor's time.
type area struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"`
}

// areas name what functions belong to. A sample counts for the first area that
// matches on the way from the innermost function outwards.
var areas = []struct {
	name  string
	parts []string // of the names of functions
}{
	{"allocation and garbage collection", []string{
		"runtime.mallocgc", "runtime.gcBgMarkWorker", "runtime.gcAssist", "runtime.bgsweep", "runtime.(*mheap)", "runtime.bgscavenge", "runtime.gcStart",
	}},
	{"system calls", []string{"syscall.", "runtime/internal/syscall", "internal/runtime/syscall"}},
	{"scheduling of goroutines", []string{"runtime.schedule", "runtime.park_m", "runtime.mcall", "runtime.goready", "runtime.ready", "runtime.findRunnable", "runtime.mstart"}},
	{"sealing: the cookie's encryption", []string{"sessions/internal/sealing", "golang.org/x/crypto/", "crypto/"}},
	{"JSON", []string{"encoding/json"}},
	{"store", []string{"sessions/store", "sessions/internal/statecodec"}},
	{"Redis client", []string{"github.com/redis/rueidis"}},
	{"session and middleware", []string{"sessions/session.", "sessions/internal/commit"}},
	{"net/http", []string{"net/http", "net/textproto"}},
	{"the benchmark's handler", []string{"main."}},
}

const otherArea = "everything else"

// profiledFor are the scenarios whose profiles tell something: a near cache
// changes what a read costs.
func profiledFor(l library) []scenario {
	if l.Name == oursNear {
		return []scenario{s3}
	}
	return []scenario{s3, s5, s6, s7}
}

// profiledOverHTTP are the libraries whose goals over HTTP are measured, and the
// floors beside them.
var profiledOverHTTP = []string{rueidisGet, oursRedis, rueidisDoCache, oursNear}

// profiles says where the time goes: of this library in the process, and of the
// server under the load of as many clients as it takes.
func (m *measuring) profiles() []step {
	for _, l := range ours() {
		for _, sc := range profiledFor(l) {
			m.results.Profiles = append(m.results.Profiles, profileFigures{Library: l.Name, Scenario: sc})
		}
	}
	for _, name := range profiledOverHTTP {
		m.results.Profiles = append(m.results.Profiles, profileFigures{Library: name, Scenario: s3, HTTP: true})
	}
	all := map[*profileFigures][]*pproffile.Profile{}
	return inTurn(m.Rounds, pointers(m.results.Profiles), func(f *profileFigures) step {
		return step{"profile: " + f.Library, m.Profile.Seconds() + 0.1, func() error {
			p, err := m.profile(f)
			all[f] = append(all[f], p)
			f.Areas = byArea(all[f]...)
			return err
		}}
	})
}

// profile is one of one round.
func (m *measuring) profile(f *profileFigures) (p *pproffile.Profile, err error) {
	var file bytes.Buffer
	err = m.visit(libraryNamed(f.Library), clients, func(s *site, cookies []string) error {
		if err := pprof.StartCPUProfile(&file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
		if f.HTTP {
			_, err := serve(s, f.Scenario.path(), cookies, m.Profile, 0)
			return err
		}
		_, err := timed(callerFor(s, f.Scenario, cookies[0]), m.Profile)
		return err
	})
	if err != nil {
		return nil, err
	}
	return pproffile.Parse(&file)
}

// byArea gives the share of each area in some profiles, the largest first.
func byArea(profiles ...*pproffile.Profile) (all []area) {
	total, of := 0.0, map[string]float64{}
	for _, p := range profiles {
		for _, sample := range p.Sample {
			value := float64(sample.Value[len(sample.Value)-1])
			total += value
			of[areaOf(sample)] += value
		}
	}
	for name, value := range of {
		all = append(all, area{name, value / total})
	}
	slices.SortFunc(all, func(a, b area) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), strings.Compare(a.Name, b.Name))
	})
	return all
}

func areaOf(sample *pproffile.Sample) string {
	for _, location := range sample.Location { // the innermost first
		for _, line := range location.Line {
			for _, a := range areas {
				for _, part := range a.parts {
					if line.Function != nil && strings.Contains(line.Function.Name, part) {
						return a.name
					}
				}
			}
		}
	}
	return otherArea
}
