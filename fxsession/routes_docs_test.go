package fxsession_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The Go code of docs/handlers.md is that of the examples, which are compiled
// and run.
func TestTheGuideShowsTheExamples(t *testing.T) {
	t.Parallel()
	guide := unindented(t, "../docs/handlers.md")
	examples := unindented(t, "routes_example_test.go") + unindented(t, "../session/scoped_example_test.go")
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(guide, -1)
	if len(blocks) == 0 {
		t.Fatal("the guide has no Go code")
	}
	for _, block := range blocks {
		if !strings.Contains(examples, block[1]) {
			t.Errorf("no example has\n%s", block[1])
		}
	}
}

// unindented gives a file without the blanks at the beginning of its lines.
func unindented(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^[\t ]+`).ReplaceAllString(string(text), "")
}
