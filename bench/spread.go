package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// shown writes a figure that rounds have found.
type shown func(show func(float64) string, runs []float64) string

// medianOf writes the median alone.
func medianOf(show func(float64) string, runs []float64) string { return show(median(runs)) }

// withSpread writes the median, and the lowest and the highest of the rounds.
func withSpread(show func(float64) string, runs []float64) string {
	if len(runs) < 2 {
		return medianOf(show, runs)
	}
	lowest, highest := show(slices.Min(runs)), show(slices.Max(runs))
	number, unit, _ := strings.Cut(lowest, " ")
	if strings.HasSuffix(highest, " "+unit) {
		lowest = number
	}
	return fmt.Sprintf("%s (%s–%s)", medianOf(show, runs), lowest, highest)
}

// spread is how far the rounds of a figure lie apart.
type spread struct {
	of     string
	rounds int
	share  float64 // the highest less the lowest, over the median
}

func spreadOf(of string, runs []float64) spread {
	if len(runs) < 2 {
		return spread{}
	}
	return spread{of, len(runs), (slices.Max(runs) - slices.Min(runs)) / median(runs)}
}

// spreadTable says of each kind of figure how far the rounds of this run lie
// apart.
func spreadTable(r *results) string {
	t := newTable("figures", "rounds", "median spread", "widest spread", "which is that of")
	row := func(kind string, all []spread) {
		all = slices.DeleteFunc(all, func(s spread) bool { return !(s.share > 0) })
		if len(all) == 0 {
			return
		}
		slices.SortFunc(all, func(a, b spread) int { return cmp.Compare(a.share, b.share) })
		middle, widest := all[len(all)/2], all[len(all)-1]
		t.row(kind, fmt.Sprint(widest.rounds), percent(middle.share), percent(widest.share), widest.of)
	}
	requests := func(backends ...string) (all []spread) {
		for _, f := range r.Requests {
			if slices.Contains(backends, f.Backend) {
				all = append(all, spreadOf(fmt.Sprintf("%s, %s", f.Library, f.Scenario), f.Nanos))
			}
		}
		return all
	}
	row("a request, sessions in memory or a cookie", requests("memory", "cookie"))
	row("a request, sessions in Redis", requests("redis"))
	row("requests/s over HTTP", each(r.HTTP, func(f httpFigures) spread { return spreadOf(f.Library, f.PerSecond) }))
	row("p50 over HTTP", each(r.HTTP, func(f httpFigures) spread { return spreadOf(f.Library, f.P50Micros) }))
	row("p99 over HTTP", each(r.HTTP, func(f httpFigures) spread { return spreadOf(f.Library, f.P99Micros) }))
	row("a garbage collection", each(r.Memory, func(f memoryFigures) spread { return spreadOf(f.Library, f.CollectionMillis) }))
	row("longest read during a sweep", each(r.Memory, func(f memoryFigures) spread { return spreadOf(f.Library, f.StallMillis) }))
	for _, sc := range computedFor {
		row("Redis's processor, "+string(sc), each(r.Redis, func(f redisFigures) spread { return spreadOf(f.Library, f.Micros[sc]) }))
	}
	return t.String()
}

func each[T, U any](all []T, f func(T) U) []U {
	made := make([]U, len(all))
	for i, one := range all {
		made[i] = f(one)
	}
	return made
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }
