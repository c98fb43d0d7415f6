package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progress is a bar that says how much is done and about how long the rest
// takes. Steps are weighed by the seconds that they are expected to take.
type progress struct {
	out         io.Writer
	terminal    bool // rewrite one line, instead of one now and then
	now         func() time.Time
	began       time.Time
	total, done float64
	shown       int // percent
}

func newProgress(out io.Writer, terminal bool, total float64) *progress {
	return &progress{out: out, terminal: terminal, now: time.Now, began: time.Now(), total: total, shown: -1}
}

// step says that something of a weight has been done, and what.
func (p *progress) step(weight float64, what string) {
	p.done += weight
	share := min(p.done/p.total, 1)
	percent := int(share * 100)
	if !p.terminal && percent/5 == p.shown/5 && p.shown >= 0 {
		return
	}
	p.shown = percent
	elapsed := p.now().Sub(p.began)
	left := time.Duration(float64(elapsed) * (1 - share) / max(share, 0.01)).Round(time.Second)
	const width = 30
	full := int(share * width)
	line := fmt.Sprintf("[%s%s] %3d %%  %s left  %s", strings.Repeat("#", full), strings.Repeat(".", width-full), percent, left, what)
	if p.terminal {
		fmt.Fprintf(p.out, "\r\x1b[K%.110s", line)
	} else {
		fmt.Fprintln(p.out, line)
	}
}

// end leaves the bar.
func (p *progress) end() {
	if p.terminal {
		fmt.Fprintln(p.out)
	}
}
