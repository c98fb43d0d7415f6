package main

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// table is one in Markdown: the first column is text, the others are figures.
type table struct{ b strings.Builder }

func newTable(heads ...string) *table {
	t := new(table)
	t.row(heads...)
	t.b.WriteString("| ---" + strings.Repeat(" | ---:", len(heads)-1) + " |\n")
	return t
}

func (t *table) row(cells ...string) { t.b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }

func (t *table) String() string { return t.b.String() }

// none stands where there is no figure.
const none = "–"

// duration gives nanoseconds to three digits.
func duration(nanos float64) string {
	switch {
	case math.IsNaN(nanos) || nanos < 0:
		return none
	case nanos < 999.5:
		return digits(nanos) + " ns"
	case nanos < 999.5e3:
		return digits(nanos/1e3) + " µs"
	case nanos < 999.5e6:
		return digits(nanos/1e6) + " ms"
	}
	return digits(nanos/1e9) + " s"
}

// digits gives three of them.
func digits(x float64) string {
	switch {
	case x >= 99.95:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case x >= 9.995:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}

// count gives a whole number with commas.
func count(x float64) string {
	if math.IsNaN(x) {
		return none
	}
	text := strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// large gives bytes in the unit that fits.
func large(bytes float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if bytes < 1000 {
			return digits(bytes) + " " + unit
		}
		bytes /= 1000
	}
	return digits(bytes) + " TB"
}

func times(ratio float64) string { return digits(ratio) + "x" }

// describe says what was measured, where and when.
func describe(r *results) string {
	kind := "A full run"
	if r.Quick {
		kind = "**A quick run, for a first look only**,"
	}
	m := r.Machine
	return fmt.Sprintf("%s of %s on %s, %d cores (%s, %s, Redis %s), begun %s.\n",
		kind, r.Took.Round(time.Second), m.Processor, m.Cores, cmp.Or(m.Platform, none), m.Go, m.Redis, r.Began.Format("2006-01-02 15:04 MST"))
}

// wholeTable is results/table.md: every median.
func wholeTable(r *results) string {
	var b strings.Builder
	b.WriteString("# What was measured\n\n" + describe(r))
	b.WriteString("Written by `go run -C bench .`; [results.json](results.json) has every single run, and [performance.md](../../docs/performance.md) says how to read this.\n")
	section := func(title, text string) { fmt.Fprintf(&b, "\n## %s\n\n%s", title, text) }
	section("Goals", goalTable(r))
	section("One request, without HTTP", "Time, allocations and round trips to Redis. S1 to S7 are:\n\n"+scenarioList()+"\n"+requestTable(r))
	section("Over HTTP", httpTable(r))
	section("Many sessions in memory", memoryTable(r))
	section("In Redis", redisTable(r))
	section("Where the time goes", profileTable(r))
	section("Versions", versionTable(r))
	return b.String()
}

func scenarioList() string {
	var b strings.Builder
	for _, sc := range scenarios {
		fmt.Fprintf(&b, "- %s: %s\n", sc, scenarioTitles[sc])
	}
	return b.String()
}

func requestTable(r *results) string {
	heads := []string{"library"}
	for _, sc := range scenarios {
		heads = append(heads, string(sc))
	}
	t := newTable(heads...)
	for _, l := range namesIn(r.Requests, func(f requestFigures) string { return f.Library }) {
		cells := []string{l}
		for _, sc := range scenarios {
			f, ok := r.request(l, sc)
			if !ok {
				cells = append(cells, none)
				continue
			}
			cell := fmt.Sprintf("%s<br>%s allocs", duration(f.Nanos), count(f.Allocations))
			if f.Backend == "redis" {
				cell += fmt.Sprintf("<br>%s trips", strconv.FormatFloat(f.RoundTrips, 'f', -1, 64))
			}
			cells = append(cells, cell)
		}
		t.row(cells...)
	}
	return t.String()
}

func httpTable(r *results) string {
	t := newTable("library", "requests/s", fmt.Sprintf("p50 at %s/s", count(openRate)), fmt.Sprintf("p99 at %s/s", count(openRate)))
	for _, f := range r.HTTP {
		t.row(f.Library, count(f.PerSecond), duration(f.P50Micros*1e3), duration(f.P99Micros*1e3))
	}
	return t.String()
}

func memoryTable(r *results) string {
	t := newTable("library", "sessions", "heap a session", "heap objects a session", "a garbage collection", "longest read during a sweep", "longest read without one")
	for _, f := range r.Memory {
		stall, idle := none, none
		if len(f.StallMillisRuns) > 0 {
			stall, idle = duration(f.StallMillis*1e6), duration(f.IdleMillis*1e6)
		}
		t.row(f.Library, count(float64(f.Sessions)), count(f.Heap)+" B", digits(f.Objects), duration(f.CollectionMillis*1e6), stall, idle)
	}
	return t.String()
}

func redisTable(r *results) string {
	heads := []string{"library", "bytes a session", "MEMORY USAGE of one"}
	for _, sc := range computedFor {
		heads = append(heads, "processor, "+string(sc))
	}
	t := newTable(heads...)
	for _, f := range r.Redis {
		cells := []string{f.Library, count(f.Bytes), count(f.OneKey)}
		for _, sc := range computedFor {
			cells = append(cells, duration(f.Micros[sc]*1e3))
		}
		t.row(cells...)
	}
	return t.String()
}

func profileTable(r *results) string {
	heads := []string{"part"}
	for _, p := range r.Profiles {
		heads = append(heads, fmt.Sprintf("%s %s", strings.TrimPrefix(p.Library, "fxsession, "), p.Scenario))
	}
	t := newTable(heads...)
	names := []string{}
	for _, a := range areas {
		names = append(names, a.name)
	}
	for _, name := range append(names, otherArea) {
		cells := []string{name}
		for _, p := range r.Profiles {
			a, ok := find(p.Areas, func(a area) bool { return a.Name == name })
			if !ok {
				cells = append(cells, none)
				continue
			}
			cells = append(cells, fmt.Sprintf("%.0f %%", 100*a.Share))
		}
		t.row(cells...)
	}
	return t.String()
}

func versionTable(r *results) string {
	t := newTable("module", "version")
	for _, module := range sortedKeys(r.Versions) {
		t.row(module, r.Versions[module])
	}
	return t.String()
}
