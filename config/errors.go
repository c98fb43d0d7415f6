package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Error lists everything that is wrong with a configuration. errors.Is and
// errors.As find the causes in it, such as fs.ErrNotExist of a missing file.
type Error struct {
	// Findings are in the order of their paths. There is at least one.
	Findings []Finding
}

// Finding is one thing that is wrong.
type Finding struct {
	// Path is the field, such as session.state.ttl, with an index where it is
	// one of a list; "" when it is a source as a whole.
	Path string
	// Source is where the value comes from: the name of a file, with the line
	// where it is known (app.yaml:12), or of an environment variable. "" is a
	// default, or a configuration that was built in code.
	Source string
	// Value is what is there, as text. "(the default)" follows it if Load found
	// none in any source. It is "" for secrets, for unknown keys, and if a
	// value is missing.
	Value string
	// Problem says what is wrong with it and what is allowed.
	Problem string
	// Err is the cause, where there is one beyond the value itself.
	Err error
}

// Error returns the findings, one on each line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("session configuration is not valid:")
	for _, f := range e.Findings {
		b.WriteString("\n  ")
		b.WriteString(f.String())
	}
	return b.String()
}

// Unwrap returns the causes of the findings that have one.
func (e *Error) Unwrap() []error {
	var causes []error
	for _, f := range e.Findings {
		if f.Err != nil {
			causes = append(causes, f.Err)
		}
	}
	return causes
}

// String returns the finding as one line; unprintable characters appear as �.
func (f Finding) String() string {
	var parts []string
	switch {
	case f.Path == "":
		parts = append(parts, f.Source)
	case f.Source == "":
		parts = append(parts, f.Path)
	default:
		parts = append(parts, fmt.Sprintf("%s (%s)", f.Path, f.Source))
	}
	if f.Value != "" {
		parts = append(parts, f.Value)
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, strings.Join(append(parts, f.Problem), ": "))
}

// asError gives the findings as an error, nil when there are none.
func asError(findings []Finding) error {
	if len(findings) == 0 {
		return nil
	}
	slices.SortStableFunc(findings, func(a, b Finding) int { return strings.Compare(a.Path, b.Path) })
	return &Error{findings}
}

// findingsOf gives what asError has put together.
func findingsOf(err error) []Finding {
	var e *Error
	if errors.As(err, &e) {
		return e.Findings
	}
	return nil
}

// show gives a value for a finding: in one line, and not too long. One that may
// be a secret in the wrong place, such as a key or a data source name, is not shown.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case time.Duration:
		return formatDuration(v)
	case string:
		const most = 200
		if _, err := ParseKey(v); err == nil || strings.Contains(v, "@") || strings.Contains(strings.ToLower(v), "password") {
			return redacted
		}
		if len(v) > most {
			return strconv.Quote(v[:most]) + "…"
		}
		return strconv.Quote(v)
	case map[string]any:
		return "a mapping"
	case []any:
		return "a list"
	default:
		return fmt.Sprint(v)
	}
}
