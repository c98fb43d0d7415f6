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
			"run": describe(r), "goals": goalTable(r), "missed": missed(r), "behind": behind(r), "cost": costTable(r), "http": httpTable(r, medianOf),
			"memory": memoryTable(r, medianOf), "redis": redisTable(r, medianOf), "spread": spreadTable(r), "profile": profileTable(r, false), "http-profile": profileTable(r, true),
		},
		"scale.md": {
			"run": describe(r), "measured": measuredTable(r), "assumed": assumedList(), "nodes": nodesTable(r),
			"setting": settingList(), "simulation": simulationTable(r.Simulations),
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

// behind says where a peer with its sessions in the same place is faster.
func behind(r *results) string {
	var all []string
	for _, mine := range []string{oursMemory, oursRedis} {
		for _, sc := range scenarios {
			own := rounded(r.request(mine, sc, nanosOf), 2)
			var faster []string
			for _, l := range libraries() {
				nanos := rounded(r.request(l.Name, sc, nanosOf), 2)
				if l.Module != oursModule && l.hasSessions() && l.Backend == libraryNamed(mine).Backend && nanos < own {
					faster = append(faster, fmt.Sprintf("%s %s", l.Name, duration(nanos)))
				}
			}
			if len(faster) > 0 {
				all = append(all, fmt.Sprintf("%s: %s takes %s; %s.", sc, mine, duration(own), strings.Join(faster, "; ")))
			}
		}
	}
	if len(all) == 0 {
		return "Nowhere, in this run."
	}
	return lines(all...)
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
func measured(r *results) scale.Measured {
	single, _ := r.redis(oursRedisSignedIn)
	return scale.Measured{Single: costsOf(single), Cluster: costsOf(r.Cluster)}
}

func costsOf(f redisFigures) scale.Costs {
	return scale.Costs{Bytes: median(f.Bytes), Read: median(f.Micros[s3]), Write: median(f.Micros[s5]), Login: median(f.Micros[s6])}
}

func measuredTable(r *results) string {
	m := measured(r)
	nobody, _ := r.redis(oursRedis)
	heap, _ := r.memory(oursMemorySignedIn)
	t := newTable("of a session of five keys", "a single Redis", "the masters of a cluster together")
	row := func(name string, show func(float64) string, of func(scale.Costs) float64) {
		t.row(name, show(of(m.Single)), show(of(m.Cluster)))
	}
	t.row("memory, nobody signed in", bytesOf(median(nobody.Bytes)), none)
	row("memory, signed in", bytesOf, func(c scale.Costs) float64 { return c.Bytes })
	row("processor's time, a read", microseconds, func(c scale.Costs) float64 { return c.Read })
	row("processor's time, a write", microseconds, func(c scale.Costs) float64 { return c.Write })
	row("processor's time, a sign-in with a new ID", microseconds, func(c scale.Costs) float64 { return c.Login })
	return t.String() + fmt.Sprintf("\nIn a memory store, a signed-in session takes %s of the heap at most.\n", bytesOf(median(heap.HeapUpdated)))
}

// nodesTable counts nodes, without and with a near cache.
func nodesTable(r *results) string {
	m := measured(r)
	if len(r.Simulations) == 0 || math.IsNaN(sum(m.Single)+sum(m.Cluster)) {
		return "Not measured."
	}
	a := assumed()
	a.UpkeepShare, a.LoginShare = r.Simulations[0].Outcome.Upkeep, r.Simulations[0].Outcome.Logins
	heap, _ := r.memory(oursMemorySignedIn)
	t := newTable("sessions", "memory of Redis", "requests/s at the peak", "instances", "calls/s", "nodes for memory", "nodes for calls", "nodes", "calls/s with the near cache", "and each person on one instance", "heap of a memory store")
	for _, sessions := range crowdSizes {
		n := scale.Nodes(sessions, m, a)
		calls := func(instances int, sticky bool) string {
			hits, ok := r.nearHits(instances, sticky)
			if !ok {
				return none
			}
			near := a
			near.NearCacheHits = hits
			return count(scale.Nodes(sessions, m, near).PeakCalls)
		}
		t.row(count(sessions), large(n.Bytes), count(n.PeakRequests), fmt.Sprint(n.Instances), count(n.PeakCalls),
			fmt.Sprint(n.NodesForMemory), fmt.Sprint(n.NodesForCalls), fmt.Sprint(n.Nodes),
			calls(n.Instances, false), calls(people().Instances, true), large(sessions*median(heap.HeapUpdated)))
	}
	return t.String()
}

func sum(c scale.Costs) float64 { return c.Bytes + c.Read + c.Write + c.Login }
