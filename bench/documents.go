package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/fxsession/sessions/bench/scale"
)

// writeDocuments replaces the figures in the documents. They stand between two
// comments, which name them:
//
//	<!-- bench: goals -->
//	<!-- /bench -->
func writeDocuments(r *results, folder string) error {
	for name, parts := range map[string]map[string]string{
		"performance.md": {
			"run": describe(r), "goals": goalTable(r), "missed": missed(r), "cost": costTable(r), "http": httpTable(r, medianOf),
			"memory": memoryTable(r, medianOf), "redis": redisTable(r, medianOf), "spread": spreadTable(r), "profile": profileTable(r, false), "http-profile": profileTable(r, true),
		},
		"scale.md": {
			"run": describe(r), "measured": measuredTable(r), "nodes": nodesTable(r),
			"simulation": simulationTable(r.Simulations),
		},
	} {
		file := filepath.Join(folder, name)
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		filled, err := fill(string(text), parts)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := os.WriteFile(file, []byte(filled), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const (
	openMark  = "<!-- bench: "
	closeMark = "<!-- /bench -->"
)

// fill puts the parts between their comments. Each must be there once.
func fill(text string, parts map[string]string) (string, error) {
	for name, part := range parts {
		mark := openMark + name + " -->\n"
		before, rest, found := strings.Cut(text, mark)
		_, after, closed := strings.Cut(rest, closeMark)
		if !found || !closed || strings.Contains(after, mark) {
			return "", fmt.Errorf("there must be one %s with a %s after it", strings.TrimSpace(mark), closeMark)
		}
		text = before + mark + "\n" + strings.TrimSpace(part) + "\n\n" + closeMark + after
	}
	return text, nil
}

// costTable is what a request costs on each backend of this library.
func costTable(r *results) string {
	heads := []string{"a request that"}
	for _, l := range ours() {
		heads = append(heads, strings.TrimPrefix(l.Name, "fxsession, "), "allocations")
		if l.Backend == "redis" {
			heads = append(heads, "round trips")
		}
	}
	t := newTable(heads...)
	for _, sc := range scenarios {
		cells := []string{fmt.Sprintf("%s: %s", sc, scenarioTitles[sc])}
		for _, l := range ours() {
			cells = append(cells, duration(r.request(l.Name, sc, nanosOf)), count(r.request(l.Name, sc, allocationsOf)))
			if l.Backend == "redis" {
				cells = append(cells, count(r.request(l.Name, sc, tripsOf)))
			}
		}
		t.row(cells...)
	}
	return t.String()
}

// measured is what scale.Nodes counts with.
func measured(r *results) (scale.Measured, bool) {
	f, _ := r.redis(oursRedis)
	m := scale.Measured{BytesPerSession: median(f.Bytes), ReadMicros: median(f.Micros[s3]), WriteMicros: median(f.Micros[s5])}
	return m, !math.IsNaN(m.BytesPerSession+m.ReadMicros+m.WriteMicros) && len(r.Simulations) > 0
}

func measuredTable(r *results) string {
	m, ok := measured(r)
	if !ok {
		return "Not measured."
	}
	heap, _ := r.memory(oursMemory)
	t := newTable("measured", "figure")
	t.row("bytes of a session of five keys in Redis", count(m.BytesPerSession))
	t.row("Redis's processor, a request that reads", microseconds(m.ReadMicros))
	t.row("Redis's processor, a request that writes", microseconds(m.WriteMicros))
	t.row("bytes of a session in memory", count(median(heap.Heap)))
	t.row("simulated: extensions of a TTL, a request", fmt.Sprintf("%.4f", r.Simulations[0].Outcome.Extensions))
	t.row("simulated: reads that a near cache answers", percent(r.Simulations[0].Outcome.CacheHits))
	return t.String()
}

// nodesTable counts nodes, without and with a near cache.
func nodesTable(r *results) string {
	m, ok := measured(r)
	if !ok {
		return "Not measured."
	}
	defaults := r.Simulations[0].Outcome
	t := newTable("sessions", "memory of Redis", "requests/s at the peak", "commands/s", "nodes for memory", "nodes for commands", "nodes", "commands/s with a near cache", "heap of a memory store")
	heap, _ := r.memory(oursMemory)
	for _, sessions := range []float64{1e6, 1e7, 1e8, 1e9} {
		n := scale.Nodes(sessions, m, assumed(defaults.Extensions, 0))
		near := scale.Nodes(sessions, m, assumed(defaults.Extensions, defaults.CacheHits))
		t.row(count(sessions), large(n.Bytes), count(n.PeakRequests), count(n.PeakCommands),
			fmt.Sprint(n.NodesForMemory), fmt.Sprint(n.NodesForCommands), fmt.Sprint(n.Nodes), count(near.PeakCommands), large(sessions*median(heap.Heap)))
	}
	return t.String()
}
