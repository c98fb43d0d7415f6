package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// section puts what a source has below path into the configuration. The
// function says where in the source a path is.
func (l *loader) section(path string, v any, source func(path string) string) {
	if v == nil { // everything in it is commented out
		return
	}
	m, ok := v.(map[string]any)
	if !ok {
		l.find(path, source, "must be a mapping of keys to values")
		return
	}
	for _, key := range sortedKeys(m) {
		below := path + "." + key
		if f, ok := l.schema.fields[below]; ok {
			l.field(f, m[key], source)
		} else if _, ok := l.schema.sections[below]; ok {
			l.section(below, m[key], source)
		} else {
			l.findings = append(l.findings, Finding{Path: shownPath(below), Source: source(below), Problem: l.schema.advice(path, key)})
		}
	}
}

func (l *loader) find(path string, source func(path string) string, problem string) {
	l.findings = append(l.findings, Finding{Path: path, Source: source(path), Problem: problem})
}

// field puts v into a field. A value of the wrong type is a finding; whether
// it is allowed is for SessionConfig.Validate to say.
func (l *loader) field(f field, v any, source func(path string) string) {
	l.sources[f.path] = source(f.path)
	if keys, ok := f.value.Addr().Interface().(*[]Key); ok {
		l.keys(f.path, keys, v, source)
		return
	}
	if wanted := assign(f, v); wanted != "" {
		finding := Finding{Path: f.path, Source: source(f.path), Value: show(v), Problem: wanted}
		if v == nil {
			finding.Problem = "has no value; give it one or take the key away"
		}
		if f.secret() {
			finding.Value = ""
		}
		l.findings = append(l.findings, finding)
	}
}

// assign sets f to v, or says what v must be.
func assign(f field, v any) (wanted string) {
	switch target := f.value.Addr().Interface().(type) {
	case *bool:
		b, ok := v.(bool)
		if !ok {
			return "must be true or false"
		}
		*target = b
	case *int:
		n, ok := asFloat(v)
		if !ok || n != math.Trunc(n) || math.Abs(n) > 1<<53 {
			return "must be a whole number"
		}
		*target = int(n)
	case *float64:
		n, ok := asFloat(v)
		if !ok {
			return "must be a number"
		}
		*target = n
	case *time.Duration:
		d, ok := asDuration(v)
		if !ok {
			return "must be a duration with its unit, such as 90s, 15m, 24h or 30d"
		}
		*target = d
	case *Secret:
		text, ok := v.(string)
		if !ok {
			return "must be a text; put it in quotes"
		}
		*target = NewSecret(text)
	default: // string and the types that are made of it
		text, ok := v.(string)
		if !ok {
			return "must be a text; put it in quotes"
		}
		f.value.SetString(text)
	}
	return ""
}

// keys puts a list of keys into target.
func (l *loader) keys(path string, target *[]Key, v any, source func(path string) string) {
	list, ok := v.([]any)
	if !ok {
		l.find(path, source, "must be a list of keys, each of 32 bytes in base64")
		return
	}
	*target = nil
	for i, v := range list {
		element := fmt.Sprintf("%s[%d]", path, i)
		l.sources[element] = source(element)
		text, _ := v.(string)
		key, err := ParseKey(text)
		if err != nil {
			l.find(element, source, err.Error())
		}
		*target = append(*target, key)
	}
}

// fromText gives the text of an environment variable the type that it would
// have in a file. A text that is not of the field's type stays one, so that it
// is found to be of the wrong type.
func fromText(f field, text string) any {
	switch f.value.Interface().(type) {
	case bool:
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	case int:
		if n, err := strconv.Atoi(text); err == nil {
			return n
		}
	case float64:
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return n
		}
	case []Key:
		list := []any{}
		for element := range strings.SplitSeq(text, ",") {
			if element = strings.TrimSpace(element); element != "" {
				list = append(list, element)
			}
		}
		return list
	}
	return text
}

// asFloat takes the numbers that parsers make.
func asFloat(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// asDuration takes what time.ParseDuration takes, whole days (30d), and the
// number 0, which needs no unit.
func asDuration(v any) (time.Duration, bool) {
	if n, ok := asFloat(v); ok {
		return 0, n == 0
	}
	text, ok := v.(string)
	if !ok {
		return 0, false
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		const day = 24 * time.Hour
		n, err := strconv.ParseUint(days, 10, 32)
		return time.Duration(n) * day, err == nil && n <= uint64(math.MaxInt64/day)
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
