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

// duration gives nanoseconds to two digits: the third is another in the next
// round.
func duration(nanos float64) string {
	nanos = rounded(nanos, 2)
	switch {
	case math.IsNaN(nanos) || nanos < 0:
		return none
	case nanos < 1e3:
		return digits(nanos, 2) + " ns"
	case nanos < 1e6:
		return digits(nanos/1e3, 2) + " µs"
	case nanos < 1e9:
		return digits(nanos/1e6, 2) + " ms"
	}
	return digits(nanos/1e9, 2) + " s"
}

// digits gives a number to so many digits.
func digits(x float64, n int) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return none
	}
	x = rounded(x, n)
	decimals := n - 1
	if x != 0 {
		decimals -= int(math.Floor(math.Log10(math.Abs(x))))
	}
	return strconv.FormatFloat(x, 'f', max(decimals, 0), 64)
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
	if math.IsNaN(bytes) {
		return none
	}
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if bytes < 1000 {
			return digits(bytes, 3) + " " + unit
		}
		bytes /= 1000
	}
	return digits(bytes, 3) + " TB"
}

// These give a figure with its unit.
func times(ratio float64) string    { return unit(digits(ratio, 2), "x") }
func bytesOf(x float64) string      { return unit(count(x), " B") }
func allocations(x float64) string  { return unit(count(x), " allocations") }
func objects(x float64) string      { return digits(x, 2) }
func perSecondOf(x float64) string  { return count(rounded(x, 2)) }
func microseconds(x float64) string { return duration(x * 1e3) }
func milliseconds(x float64) string { return duration(x * 1e6) }

// unit puts a unit behind a figure, if there is one.
func unit(figure, unit string) string {
	if figure == none {
		return none
	}
	return figure + unit
}

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

// wholeTable is results/table.md: every median, and the lowest and the highest
// round.
func wholeTable(r *results) string {
	var b strings.Builder
	b.WriteString("# What was measured\n\n" + describe(r))
	b.WriteString("Written by `go run -C bench .`; [results.json](results.json) has every round, and [performance.md](../../docs/performance.md) says how to read this. Figures are medians; in parentheses are the lowest and the highest round.\n")
	section := func(title, text string) { fmt.Fprintf(&b, "\n## %s\n\n%s", title, text) }
	section("Goals", goalTable(r))
	section("One request, without HTTP", "Time, allocations and round trips to Redis. S1 to S7 are:\n\n"+scenarioList()+"\n"+requestTable(r))
	section("Over HTTP", httpTable(r, withSpread))
	section("Many sessions in memory", memoryTable(r, withSpread))
	section("In Redis", redisTable(r, withSpread))
	section("How far the rounds lie apart", spreadTable(r))
	section("Where the time goes", profileTable(r, false))
	section("Where the server's time goes over HTTP, S3", profileTable(r, true))
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
			cells = append(cells, requestCell(r, l, sc))
		}
		t.row(cells...)
	}
	return t.String()
}

// requestCell is one library in one scenario.
func requestCell(r *results, library string, sc scenario) string {
	f, ok := find(r.Requests, func(f requestFigures) bool { return f.Library == library && f.Scenario == sc })
	if !ok {
		return none
	}
	cell := fmt.Sprintf("%s<br>%s allocs", withSpread(duration, f.Nanos), count(f.Allocations))
	if f.Backend == "redis" {
		cell += fmt.Sprintf("<br>%s trips", count(f.RoundTrips))
	}
	return cell
}

func httpTable(r *results, shown shown) string {
	at := fmt.Sprintf(" at %s/s", count(openRate))
	t := newTable("library", "requests/s", "p50"+at, "p99"+at, "generator late, p50", "generator late, p99")
	for _, f := range r.HTTP {
		t.row(f.Library, shown(perSecondOf, f.PerSecond), shown(microseconds, f.P50Micros), shown(microseconds, f.P99Micros),
			shown(microseconds, f.LateP50Micros), shown(microseconds, f.LateP99Micros))
	}
	return t.String()
}

func memoryTable(r *results, shown shown) string {
	t := newTable("library", "sessions", "heap a session", "while they are written, at most", "heap objects a session", "a garbage collection", "longest read during a sweep", "longest read of the control")
	for _, f := range r.Memory {
		t.row(f.Library, count(float64(f.Sessions)), shown(bytesOf, f.Heap), shown(bytesOf, f.HeapUpdated), shown(objects, f.Objects),
			shown(milliseconds, f.CollectionMillis), shown(milliseconds, f.StallMillis), shown(milliseconds, f.ControlMillis))
	}
	return t.String()
}

func redisTable(r *results, shown shown) string {
	heads := []string{"library", "bytes a session"}
	for _, sc := range computedFor {
		heads = append(heads, "processor, "+string(sc))
	}
	t := newTable(heads...)
	row := func(name string, f redisFigures) {
		cells := []string{name, shown(count, f.Bytes)}
		for _, sc := range computedFor {
			cells = append(cells, shown(microseconds, f.Micros[sc]))
		}
		t.row(cells...)
	}
	for _, f := range r.Redis {
		row(f.Library, f)
	}
	row("the masters of a cluster together: "+oursRedisSignedIn, r.Cluster)
	return t.String()
}

func profileTable(r *results, http bool) string {
	heads := []string{"part"}
	var shown []profileFigures
	for _, p := range r.Profiles {
		if p.HTTP == http {
			shown = append(shown, p)
			head := p.Library
			if !http {
				head = fmt.Sprintf("%s %s", strings.TrimPrefix(p.Library, "fxsession, "), p.Scenario)
			}
			heads = append(heads, head)
		}
	}
	if len(shown) == 0 {
		return "Not measured.\n"
	}
	t := newTable(heads...)
	names := []string{}
	for _, a := range areas {
		names = append(names, a.name)
	}
	for _, name := range append(names, otherArea) {
		cells := []string{name}
		for _, p := range shown {
			share := none
			if a, ok := find(p.Areas, func(a area) bool { return a.Name == name }); ok {
				share = percent(a.Share)
			}
			cells = append(cells, share)
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
