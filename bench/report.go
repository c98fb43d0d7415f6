package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/fxsession/sessions/bench/svg"
)

// writeReport writes the table and the charts.
func writeReport(r *results, folder string) error {
	if err := os.WriteFile(filepath.Join(folder, "table.md"), []byte(wholeTable(r)), 0o644); err != nil {
		return err
	}
	for name, chart := range charts(r) {
		if err := os.WriteFile(filepath.Join(folder, name+".svg"), []byte(chart.Render()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generatorLate is a bar of the generator's own lateness.
const generatorLate = "lateness of the generator"

// ofRounds says what the figures beside the bars are.
const ofRounds = "Medians (lowest–highest round)."

// charts are by the names of their files.
func charts(r *results) map[string]svg.Chart {
	return map[string]svg.Chart{
		"memory": requestChart(r, "One request, sessions in memory",
			"Time of one request without HTTP; shorter is better. "+ofRounds+" A cookie store keeps the session in the cookie.", "memory", "cookie"),
		"redis": requestChart(r, "One request, sessions in Redis",
			"Time of one request without HTTP, Redis on loopback; shorter is better. "+ofRounds, "redis"),
		"allocations": allocationChart(r),
		"trips":       tripChart(r),
		"http":        httpChart(r),
		"latency":     latencyChart(r),
		"heap":        heapChart(r),
		"stall":       stallChart(r),
		"bytes":       bytesChart(r),
	}
}

func requestChart(r *results, title, note string, backends ...string) svg.Chart {
	return svg.Chart{Title: title, Note: note, Panels: panels(r, duration, func(f requestFigures) []float64 { return f.Nanos }, backends...)}
}

func allocationChart(r *results) svg.Chart {
	return svg.Chart{
		Title:  "Allocations of one request, sessions in memory",
		Note:   "Exact counts; shorter is better.",
		Panels: panels(r, count, func(f requestFigures) []float64 { return []float64{f.Allocations} }, "memory", "cookie"),
	}
}

func tripChart(r *results) svg.Chart {
	return svg.Chart{
		Title:  "Round trips to Redis of one request",
		Note:   "Exact counts on the wire; shorter is better.",
		Panels: panels(r, count, func(f requestFigures) []float64 { return []float64{f.RoundTrips} }, "redis"),
	}
}

// panels makes one for each scenario, with a bar for each library on the
// backends, and those without sessions where they have the scenario.
func panels(r *results, show func(float64) string, runs func(requestFigures) []float64, backends ...string) (all []svg.Panel) {
	for _, sc := range scenarios {
		p := svg.Panel{Title: string(sc) + ": " + scenarioTitles[sc]}
		for _, f := range r.Requests {
			if f.Scenario == sc && (slices.Contains(backends, f.Backend) || f.Backend == "none") {
				p.Bars = append(p.Bars, bar(f.Library, show, runs(f)))
			}
		}
		all = append(all, p)
	}
	return all
}

// bar is one of a median, in the colour of its library. Its text has the lowest
// and the highest round, too.
func bar(name string, show func(float64) string, runs []float64) svg.Bar {
	is := func(l library) bool { return l.Name == name }
	return svg.Bar{
		Name: name, Value: median(runs), Text: withSpread(show, runs),
		Mark: slices.ContainsFunc(ours(), is) || name == oursMemorySignedIn || name == oursRedisSignedIn, Floor: slices.ContainsFunc(floors(), is) || name == generatorLate,
	}
}

func httpChart(r *results) svg.Chart {
	p := svg.Panel{Title: "requests a second, S3"}
	for _, f := range r.HTTP {
		p.Bars = append(p.Bars, bar(f.Library, perSecondOf, f.PerSecond))
	}
	return svg.Chart{
		Title:  "Requests a second over HTTP",
		Note:   fmt.Sprintf("Loopback, %d connections that ask again as soon as they are answered; longer is better. "+ofRounds+" The generator and Redis share the cores with the server. What is bare has no sessions.", clients),
		Panels: []svg.Panel{p},
	}
}

func latencyChart(r *results) svg.Chart {
	half, most := svg.Panel{Title: "p50"}, svg.Panel{Title: "p99"}
	for _, f := range r.HTTP {
		half.Bars = append(half.Bars, bar(f.Library, microseconds, f.P50Micros))
		most.Bars = append(most.Bars, bar(f.Library, microseconds, f.P99Micros))
	}
	if bare, ok := find(r.HTTP, func(f httpFigures) bool { return f.Library == bareHandler }); ok {
		half.Bars = append(half.Bars, bar(generatorLate, microseconds, bare.LateP50Micros))
		most.Bars = append(most.Bars, bar(generatorLate, microseconds, bare.LateP99Micros))
	}
	return svg.Chart{
		Title:  fmt.Sprintf("How long a client waits at %s requests a second", count(openRate)),
		Note:   "Over loopback HTTP, S3. Requests begin by the clock, whether earlier ones are answered or not; waiting for a connection counts, and so does what the generator itself is late; beside the bare handler that is the last bar. Shorter is better. " + ofRounds,
		Panels: []svg.Panel{half, most},
	}
}

func heapChart(r *results) svg.Chart {
	fresh, updated := svg.Panel{Title: "bytes on the heap, a session, when all have come in"}, svg.Panel{Title: "the most while they are written"}
	number := svg.Panel{Title: "objects on the heap, a session"}
	for _, f := range r.Memory {
		fresh.Bars = append(fresh.Bars, bar(f.Library, bytesOf, f.Heap))
		updated.Bars = append(updated.Bars, bar(f.Library, bytesOf, f.HeapUpdated))
		number.Bars = append(number.Bars, bar(f.Library, objects, f.Objects))
	}
	return svg.Chart{
		Title:  fmt.Sprintf("Memory of %s sessions with five keys", r.crowd()),
		Note:   "After garbage collections; shorter is better. " + ofRounds + " gin is measured with fewer sessions.",
		Panels: []svg.Panel{fresh, updated, number},
	}
}

func stallChart(r *results) svg.Chart {
	p := svg.Panel{Title: "longest read"}
	for _, f := range r.Memory {
		if len(f.StallMillis) > 0 {
			p.Bars = append(p.Bars, bar(f.Library, milliseconds, f.StallMillis))
		}
	}
	return svg.Chart{
		Title:  fmt.Sprintf("Longest wait of a reader while a tenth of %s sessions is swept", r.crowd()),
		Note:   "One reader reads one living session after the other. Shorter is better. " + ofRounds,
		Panels: []svg.Panel{p},
	}
}

func bytesChart(r *results) svg.Chart {
	p := svg.Panel{Title: "bytes of Redis's memory, a session"}
	for _, f := range r.Redis {
		p.Bars = append(p.Bars, bar(f.Library, bytesOf, f.Bytes))
	}
	return svg.Chart{Title: "What a session of five keys takes in Redis", Note: "Used memory, with the tables of the keys; shorter is better. " + ofRounds, Panels: []svg.Panel{p}}
}

// namesIn gives each name once, in the order in which they come.
func namesIn[T any](all []T, name func(T) string) (names []string) {
	for _, f := range all {
		if n := name(f); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
