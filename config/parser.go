package config

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/knadh/koanf/v2"
)

// strictParser is a koanf.Parser that looks at the content before the one that
// it wraps: it finds what that one lets pass, puts errors in words that quote
// no value, and remembers where each key is.
type strictParser struct {
	koanf.Parser
	read    func(content []byte) (outline, error)
	outline outline
}

// outline is what a parser leaves out.
type outline struct {
	content  []byte         // what to parse
	lines    map[string]int // of the keys, by path
	repeated []repetition
}

// repetition is a key that is in a mapping again.
type repetition struct {
	path        string
	line, first int
}

// note remembers the line of a key, and says whether it is there for the first
// time.
func (o *outline) note(path string, line int) bool {
	first, again := o.lines[path]
	if again {
		o.repeated = append(o.repeated, repetition{path, line, first})
	} else {
		o.lines[path] = line
	}
	return !again
}

// Unmarshal implements koanf.Parser.
func (p *strictParser) Unmarshal(content []byte) (map[string]any, error) {
	var err error
	if p.outline, err = p.read(content); err != nil {
		return nil, err
	}
	m, err := p.Parser.Unmarshal(p.outline.content)
	if err != nil { // its text may quote a value
		return nil, &syntaxError{problem: "has a tag, an anchor, an alias or a merge key that is of no use where it is"}
	}
	return m, nil
}

// findings gives the repetitions.
func (o *outline) findings(name string) []Finding {
	var findings []Finding
	for _, r := range o.repeated {
		findings = append(findings, Finding{
			Path:    shownPath(r.path),
			Source:  at(name, r.line),
			Problem: fmt.Sprintf("the key is there twice, first in line %d", r.first),
		})
	}
	return findings
}

// at names a line of a file; line 0 is the file as a whole.
func at(name string, line int) string {
	if line == 0 {
		return name
	}
	return fmt.Sprintf("%s:%d", name, line)
}

// syntaxError is a file that cannot be parsed.
type syntaxError struct {
	line    int
	problem string
}

func (e *syntaxError) Error() string { return e.problem }

// unreadable is the finding of a file that could not be read or parsed.
func unreadable(name string, err error) Finding {
	var syntax *syntaxError
	if errors.As(err, &syntax) {
		return Finding{Source: at(name, syntax.line), Problem: syntax.problem}
	}
	return Finding{Source: name, Problem: "cannot be read: " + reason(err), Err: err}
}

// reason gives the text of err without the name of the file.
func reason(err error) string { return unnamed(err).Error() }

// unnamed gives err without the name of a file.
func unnamed(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
