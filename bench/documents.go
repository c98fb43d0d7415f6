package main

import (
	"fmt"
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
			"run": describe(r), "goals": goalTable(r), "missed": missed(r), "cost": costTable(r), "http": httpTable(r),
			"memory": memoryTable(r), "redis": redisTable(r), "profile": profileTable(r),
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

// missed says which goals are, and what they are up against.
func missed(r *results) string {
	var names []string
	for _, g := range goals() {
		if reached, met, ok := g.measure(r); ok && !met {
			line := fmt.Sprintf("- %s: %s is the goal, %s was reached. %s", g.name, g.target, reached, g.why(r))
			names = append(names, strings.TrimSpace(line))
		}
	}
	if len(names) == 0 {
		return "Every goal that was measured is met."
	}
	return "Missed in this run:\n\n" + strings.Join(names, "\n")
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
			f, ok := r.request(l.Name, sc)
			costs := []string{none, none, none}
			if ok {
				costs = []string{duration(f.Nanos), count(f.Allocations), fmt.Sprint(f.RoundTrips)}
			}
			if l.Backend != "redis" {
				costs = costs[:2]
			}
			cells = append(cells, costs...)
		}
		t.row(cells...)
	}
	return t.String()
}

// measured is what scale.Nodes counts with.
func measured(r *results) (scale.Measured, bool) {
	f, ok := r.redis(oursRedis)
	return scale.Measured{BytesPerSession: f.Bytes, ReadMicros: f.Micros[s3], WriteMicros: f.Micros[s5]}, ok && len(r.Simulations) > 0
}

func measuredTable(r *results) string {
	m, ok := measured(r)
	if !ok {
		return "Not measured."
	}
	t := newTable("measured", "figure")
	t.row("bytes of a session of five keys in Redis", count(m.BytesPerSession))
	t.row("Redis's processor, a request that reads", duration(m.ReadMicros*1e3))
	t.row("Redis's processor, a request that writes", duration(m.WriteMicros*1e3))
	if f, ok := r.memory(oursMemory); ok {
		t.row("bytes of a session in memory", count(f.Heap))
	}
	t.row("simulated: extensions of a TTL, a request", fmt.Sprintf("%.4f", r.Simulations[0].Outcome.Extensions))
	t.row("simulated: reads that a near cache answers", fmt.Sprintf("%.0f %%", 100*r.Simulations[0].Outcome.CacheHits))
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
			fmt.Sprint(n.NodesForMemory), fmt.Sprint(n.NodesForCommands), fmt.Sprint(n.Nodes), count(near.PeakCommands), large(sessions*heap.Heap))
	}
	return t.String()
}
