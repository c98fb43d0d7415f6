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
	{"net/http", []string{"net/http"}},
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

// profiles says where the time of this library goes.
func (m *measuring) profiles() []step {
	for _, l := range ours() {
		for _, sc := range profiledFor(l) {
			m.results.Profiles = append(m.results.Profiles, profileFigures{Library: l.Name, Scenario: sc})
		}
	}
	return inTurn(1, pointers(m.results.Profiles), func(f *profileFigures) step {
		return step{"profile: " + f.Library, m.Profile.Seconds(), func() error { return m.profile(f) }}
	})
}

// profile fills in where the time of one scenario goes.
func (m *measuring) profile(f *profileFigures) error {
	return m.visit(libraryNamed(f.Library), 1, func(s *site, cookies []string) error {
		c := callerFor(s, f.Scenario, cookies[0])
		var file bytes.Buffer
		if err := pprof.StartCPUProfile(&file); err != nil {
			return err
		}
		_, err := timed(c, m.Profile)
		pprof.StopCPUProfile()
		if err != nil {
			return err
		}
		p, err := pproffile.Parse(&file)
		if err != nil {
			return err
		}
		f.Areas = byArea(p)
		return nil
	})
}

// byArea gives the share of each area, the largest first.
func byArea(p *pproffile.Profile) (all []area) {
	total, of := 0.0, map[string]float64{}
	for _, sample := range p.Sample {
		value := float64(sample.Value[len(sample.Value)-1])
		total += value
		of[areaOf(sample)] += value
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
