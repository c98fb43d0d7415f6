// Package svg writes bar charts that people can read: rows with a name, a bar
// and the figure itself, in panels. It knows nothing of what is measured.
package svg

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Chart is one picture.
type Chart struct {
	Title string
	// Note says below the title how to read the chart. Where there are several
	// panels, the chart adds by itself that each has a scale of its own.
	Note   string
	Panels []Panel
}

// Panel is a group of bars with a scale of its own, which begins at zero.
type Panel struct {
	Title string
	Bars  []Bar
}

// Bar is one row.
type Bar struct {
	Name  string
	Value float64 // the length; negative, NaN and infinite values have none
	Text  string  // what stands behind the bar
	Mark  bool    // drawn in the colour of what the chart is about
	Floor bool    // drawn pale: a bound, not a competitor
}

// The measures of a chart, in pixels.
const (
	width       = 760
	margin      = 24
	letterWidth = 8 // of the bold font, and more than its letters take on average
	gap         = 8 // between a bar and what stands beside it
	rowHeight   = 22
	barHeight   = 14
	panelHead   = 34
	panelGap    = 10
)

// style has a background of its own for light and for dark surroundings, so
// that the text can be read on any page.
const style = `
.paper{fill:#ffffff}.text{fill:#1f2328}.quiet{fill:#59636e}.other{fill:#8c96a0}.mark{fill:#0969da}.floor{fill:#d1d9e0}.axis{stroke:#d1d9e0}
@media(prefers-color-scheme:dark){.paper{fill:#0d1117}.text{fill:#f0f6fc}.quiet{fill:#9198a1}.other{fill:#6e7681}.mark{fill:#4493f8}.floor{fill:#3d444d}.axis{stroke:#3d444d}}
text{font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}.title{font-size:18px;font-weight:600}.head{font-weight:600}
`

// Render gives the chart as an SVG document.
func (c Chart) Render() string {
	var body strings.Builder
	y := margin + 14
	text(&body, margin, y, "title text", "start", c.Title)
	note := c.Note
	if len(c.Panels) > 1 {
		note += " Each panel has a scale of its own."
	}
	for _, line := range wrap(note, 105) {
		y += 20
		text(&body, margin, y, "quiet", "start", line)
	}
	y += 8
	left, space := c.columns()
	for _, p := range c.Panels {
		y = p.render(&body, y, left, space)
	}
	height := y + margin/2
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">
<style>%s</style>
<rect class="paper" width="%d" height="%d" rx="8"/>
%s</svg>
`, width, height, width, height, escape(c.Title), style, width, height, body.String())
}

// columns gives where all bars begin and how long the longest may be, so that the
// names before them and the texts behind them stay within the margins.
func (c Chart) columns() (left int, space float64) {
	names, texts := 0, 0
	for _, p := range c.Panels {
		for _, b := range p.Bars {
			names = max(names, utf8.RuneCountInString(b.Name))
			texts = max(texts, utf8.RuneCountInString(b.Text))
		}
	}
	left = margin + int(letterWidth*float64(names)) + gap
	return left, float64(width-margin-gap-left) - letterWidth*float64(texts)
}

// render draws the panel below y and returns where it ends.
func (p Panel) render(w *strings.Builder, y, left int, space float64) int {
	y += panelHead
	text(w, margin, y-12, "head text", "start", p.Title)
	longest := 0.0
	for _, b := range p.Bars {
		longest = max(longest, b.length())
	}
	fmt.Fprintf(w, `<line class="axis" x1="%d" y1="%d" x2="%d" y2="%d"/>`+"\n", left, y-2, left, y+len(p.Bars)*rowHeight-4)
	for _, b := range p.Bars {
		size := 0.0
		if longest > 0 {
			size = b.length() / longest * space
		}
		baseline := y + barHeight - 2
		names, class := "text", "other"
		switch {
		case b.Mark:
			names, class = "head text", "mark"
		case b.Floor:
			names, class = "quiet", "floor"
		}
		text(w, left-gap, baseline, names, "end", b.Name)
		fmt.Fprintf(w, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`+"\n", class, left, y, math.Max(size, 1), barHeight)
		text(w, left+int(size)+gap, baseline, names, "start", b.Text)
		y += rowHeight
	}
	return y + panelGap
}

func (b Bar) length() float64 {
	if !(b.Value > 0) || math.IsInf(b.Value, 0) {
		return 0
	}
	return b.Value
}

func text(w *strings.Builder, x, y int, class, anchor, content string) {
	fmt.Fprintf(w, `<text class="%s" x="%d" y="%d" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, escape(content))
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// wrap cuts a text into lines of about size letters.
func wrap(s string, size int) (lines []string) {
	for _, word := range strings.Fields(s) {
		last := len(lines) - 1
		if last >= 0 && len(lines[last])+1+len(word) <= size {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}
