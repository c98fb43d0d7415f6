package svg_test

import (
	"encoding/xml"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/fxsession/sessions/bench/svg"
)

// element is what the tests read of a chart.
type element struct {
	name, class, text string
	width, x, y       float64
}

func parse(t *testing.T, chart svg.Chart) (all []element) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(chart.Render()))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("the chart is not XML: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local}
			for _, a := range token.Attr {
				switch a.Name.Local {
				case "class":
					e.class = a.Value
				case "width":
					e.width, _ = strconv.ParseFloat(a.Value, 64)
				case "x":
					e.x, _ = strconv.ParseFloat(a.Value, 64)
				case "y":
					e.y, _ = strconv.ParseFloat(a.Value, 64)
				}
			}
			all = append(all, e)
		case xml.CharData:
			if len(all) > 0 {
				all[len(all)-1].text += strings.TrimSpace(string(token))
			}
		}
	}
}

// bars gives the widths of the bars of a class.
func bars(all []element, class string) (widths []float64) {
	for _, e := range all {
		if e.name == "rect" && e.class == class {
			widths = append(widths, e.width)
		}
	}
	return widths
}

func TestABarIsAsLongAsItsValue(t *testing.T) {
	t.Parallel()
	all := parse(t, svg.Chart{Title: "t", Panels: []svg.Panel{{Title: "p", Bars: []svg.Bar{
		{Name: "a", Value: 100}, {Name: "b", Value: 25}, {Name: "c", Value: 50, Mark: true}, {Name: "d", Value: 10, Floor: true},
	}}}})
	others, marks, floors := bars(all, "other"), bars(all, "mark"), bars(all, "floor")
	if len(others) != 2 || len(marks) != 1 || len(floors) != 1 {
		t.Fatalf("bars: %v, %v, %v", others, marks, floors)
	}
	for _, ratio := range []struct{ got, want float64 }{{others[0] / others[1], 4}, {others[0] / marks[0], 2}, {others[0] / floors[0], 10}} {
		if math.Abs(ratio.got-ratio.want) > 0.02*ratio.want {
			t.Errorf("a bar is %.2f times another, want %v", ratio.got, ratio.want)
		}
	}
}

func TestEachPanelHasItsOwnScaleAndTheChartSaysSo(t *testing.T) {
	t.Parallel()
	note := func(all []element) string { return all[4].text } // behind the picture, its style, paper and title
	one := svg.Panel{Bars: []svg.Bar{{Value: 1}}}
	if got := note(parse(t, svg.Chart{Note: "A note.", Panels: []svg.Panel{one}})); got != "A note." {
		t.Errorf("the note of one panel is %q", got)
	}
	all := parse(t, svg.Chart{Note: "A note.", Panels: []svg.Panel{one, {Bars: []svg.Bar{{Value: 1000}}}}})
	if got := note(all); got != "A note. Each panel has a scale of its own." {
		t.Errorf("the note of two panels is %q", got)
	}
	if widths := bars(all, "other"); len(widths) != 2 || widths[0] != widths[1] {
		t.Errorf("the longest bars of two panels are %v long", widths)
	}
}

func TestValuesWithoutALengthAreDrawnAsNone(t *testing.T) {
	t.Parallel()
	all := parse(t, svg.Chart{Panels: []svg.Panel{{Bars: []svg.Bar{
		{Value: math.NaN()}, {Value: math.Inf(1)}, {Value: -5}, {Value: 0}, {Value: 7},
	}}}})
	widths := bars(all, "other")
	for i, w := range widths[:4] {
		if w != 1 {
			t.Errorf("bar %d is %v wide, want a line of 1", i, w)
		}
	}
	if widths[4] < 100 {
		t.Errorf("the only value is %v wide", widths[4])
	}
}

// A letter takes 7.7 pixels at the most, on average over a name, in bold.
func TestNamesAndTextsStayWithinTheMargins(t *testing.T) {
	t.Parallel()
	const letter, first, last = 7.7, 24, 760 - 24
	name, label := strings.Repeat("n", 34), strings.Repeat("t", 20)
	all := parse(t, svg.Chart{Panels: []svg.Panel{{Bars: []svg.Bar{{Name: name, Text: label, Value: 1, Mark: true}}}}})
	for _, e := range all {
		switch e.text {
		case name: // it ends at x
			if begin := e.x - letter*float64(len(name)); begin < first {
				t.Errorf("the name begins at %v", begin)
			}
		case label:
			if end := e.x + letter*float64(len(label)); end > last {
				t.Errorf("the text ends at %v", end)
			}
		}
	}
	if widths := bars(all, "mark"); len(widths) != 1 || widths[0] < 100 {
		t.Errorf("the bar between them is %v wide", widths)
	}
}

func TestTextsAreEscapedAndInsideThePicture(t *testing.T) {
	t.Parallel()
	const odd = `<script>"a" & 'b'`
	all := parse(t, svg.Chart{Title: odd, Note: strings.Repeat("word ", 100), Panels: []svg.Panel{{Title: odd, Bars: []svg.Bar{{Name: odd, Text: odd, Value: 1}}}}})
	found := 0
	height := 0.0
	for _, e := range all {
		if e.text == odd {
			found++
		}
		if e.name == "rect" && e.class == "paper" {
			height = 1 // the next texts are to be checked
		}
		if e.name == "script" {
			t.Error("a text became an element")
		}
	}
	if found != 4 || height == 0 {
		t.Errorf("%d of 4 texts are there, on paper: %v", found, height != 0)
	}
}
