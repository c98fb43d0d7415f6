package main

import (
	"encoding/json"
	"math"
	"os"
	"time"

	"github.com/fxsession/sessions/bench/scale"
)

// results is everything that one run found. Where a field holds a list, each
// round of the run has added one to it, and what is published is the median.
type results struct {
	Quick    bool              `json:"quick"`
	Began    time.Time         `json:"began"`
	Took     time.Duration     `json:"took_ns"`
	Machine  machine           `json:"machine"`
	Versions map[string]string `json:"versions"` // by module

	Requests []requestFigures `json:"requests"`
	HTTP     []httpFigures    `json:"http"`
	Memory   []memoryFigures  `json:"memory"`
	Redis    []redisFigures   `json:"redis"`
	Cluster  redisFigures     `json:"cluster"` // of all masters together
	Profiles []profileFigures `json:"profiles"`

	Simulations []simulated `json:"simulations"`
}

// requestFigures is one request in the process, without HTTP.
type requestFigures struct {
	Library     string    `json:"library"`
	Backend     string    `json:"backend"`
	Scenario    scenario  `json:"scenario"`
	Nanos       []float64 `json:"ns_runs"`
	Allocations float64   `json:"allocations"`
	Bytes       float64   `json:"bytes"`
	RoundTrips  float64   `json:"round_trips"` // to Redis
}

func nanosOf(f requestFigures) float64       { return median(f.Nanos) }
func allocationsOf(f requestFigures) float64 { return f.Allocations }
func tripsOf(f requestFigures) float64       { return f.RoundTrips }

// httpFigures is S3 over loopback HTTP; S2 for the bare handler.
type httpFigures struct {
	Library   string    `json:"library"`
	PerSecond []float64 `json:"per_second_runs"`
	// P50 and P99 are at openRate requests a second, not at PerSecond.
	P50Micros []float64 `json:"p50_us_runs"`
	P99Micros []float64 `json:"p99_us_runs"`
	// The generator's own part in them: how late requests began.
	LateP50Micros []float64 `json:"late_p50_us_runs"`
	LateP99Micros []float64 `json:"late_p99_us_runs"`
}

// memoryFigures is a store in memory with many sessions.
type memoryFigures struct {
	Library     string    `json:"library"`
	Sessions    int       `json:"sessions"`
	Heap        []float64 `json:"heap_bytes_per_session_runs"`         // when all have come in
	HeapUpdated []float64 `json:"heap_bytes_per_session_updated_runs"` // the most while they are written
	Objects     []float64 `json:"heap_objects_per_session_runs"`       // the more of both
	// CollectionMillis is how long one garbage collection takes.
	CollectionMillis []float64 `json:"collection_ms_runs"`
	// StallMillis is the longest read during a sweep, where there is one, and
	// ControlMillis the longest while another thread computes as much.
	StallMillis   []float64 `json:"stall_ms_runs,omitempty"`
	ControlMillis []float64 `json:"control_ms_runs,omitempty"`
}

// redisFigures is what sessions of five keys cost a Redis.
type redisFigures struct {
	Library  string    `json:"library"`
	Sessions int       `json:"sessions"`
	Bytes    []float64 `json:"bytes_per_session_runs"` // of used memory, tables and indexes included
	// Micros is what one request of a scenario takes of Redis's processor,
	// with 16 clients at once.
	Micros map[scenario][]float64 `json:"processor_us_runs,omitempty"`
}

// profileFigures says where the processor's time of a request goes, in the
// profiles of all rounds together.
type profileFigures struct {
	Library  string   `json:"library"`
	Scenario scenario `json:"scenario"`
	HTTP     bool     `json:"http"` // of the server, under the load of the test over HTTP
	Areas    []area   `json:"areas"`
}

// simulated is one simulation, and what it was to show.
type simulated struct {
	Name    string        `json:"name"`
	Setting scale.Setting `json:"setting"`
	Outcome scale.Outcome `json:"outcome"`
}

// request gives a value of a library's request, NaN where it was not measured.
func (r *results) request(library string, sc scenario, value func(requestFigures) float64) float64 {
	f, ok := find(r.Requests, func(f requestFigures) bool { return f.Library == library && f.Scenario == sc })
	if !ok {
		return math.NaN()
	}
	return value(f)
}

// perSecond is how many requests over HTTP a library answers, NaN where that was
// not measured.
func (r *results) perSecond(library string) float64 {
	f, _ := find(r.HTTP, func(f httpFigures) bool { return f.Library == library })
	return median(f.PerSecond)
}

func (r *results) memory(library string) (memoryFigures, bool) {
	return find(r.Memory, func(f memoryFigures) bool { return f.Library == library })
}

// crowd is how many sessions the stores in memory hold, as people write it.
func (r *results) crowd() string {
	f, _ := r.memory(oursMemory)
	return count(float64(f.Sessions))
}

func (r *results) redis(library string) (redisFigures, bool) {
	return find(r.Redis, func(f redisFigures) bool { return f.Library == library })
}

func (r *results) profile(library string, sc scenario, http bool) []area {
	f, _ := find(r.Profiles, func(f profileFigures) bool { return f.Library == library && f.Scenario == sc && f.HTTP == http })
	return f.Areas
}

func find[T any](all []T, is func(T) bool) (found T, ok bool) {
	for _, f := range all {
		if is(f) {
			return f, true
		}
	}
	return found, false
}

func (r *results) save(file string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func readResults(file string) (*results, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := new(results)
	return r, json.Unmarshal(text, r)
}
