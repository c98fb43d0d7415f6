package session

import (
	"bytes"
	"strconv"
	"time"
)

// Most values of a session are plain texts, lists of them, numbers, switches and
// times. What follows writes and reads these as encoding/json does, to the byte,
// at a fraction of the cost, and leaves everything that is not so plain to it.

// appendPlain gives the JSON text of v.
func appendPlain(v any) (text []byte, ok bool) {
	switch v := v.(type) {
	case string:
		return appendText(make([]byte, 0, len(v)+2), v)
	case []string:
		if v == nil {
			return nil, false
		}
		text = append(text, '[')
		for i, item := range v {
			if i > 0 {
				text = append(text, ',')
			}
			if text, ok = appendText(text, item); !ok {
				return nil, false
			}
		}
		return append(text, ']'), true
	case time.Time:
		text, err := v.MarshalJSON()
		return text, err == nil
	case int:
		return strconv.AppendInt(nil, int64(v), 10), true
	case int64:
		return strconv.AppendInt(nil, v, 10), true
	case bool:
		return strconv.AppendBool(nil, v), true
	}
	return nil, false
}

// readPlain puts the JSON text into what v points to, which stays as it is
// when ok is false.
func readPlain(text []byte, v any) (ok bool) {
	switch v := v.(type) {
	case *string:
		inner, rest, ok := cutText(text)
		if !ok || v == nil || len(rest) > 0 {
			return false
		}
		*v = string(inner)
		return true
	case *[]string:
		items, ok := plainList(text)
		if !ok || v == nil {
			return false
		}
		*v = items
		return true
	case *time.Time:
		var when time.Time
		if v == nil || when.UnmarshalJSON(text) != nil {
			return false
		}
		*v = when
		return true
	case *int:
		n, ok := plainInt(text)
		if !ok || v == nil || int64(int(n)) != n {
			return false
		}
		*v = int(n)
		return true
	case *int64:
		n, ok := plainInt(text)
		if !ok || v == nil {
			return false
		}
		*v = n
		return true
	case *bool:
		switch {
		case v == nil:
			return false
		case string(text) == "true":
			*v = true
			return true
		case string(text) == "false":
			*v = false
			return true
		}
	}
	return false
}

// appendText appends a plain text in quotes.
func appendText(dst []byte, text string) (longer []byte, ok bool) {
	for i := range len(text) {
		if c := text[i]; !isPlain(c) || c == '<' || c == '>' || c == '&' { // which json.Marshal escapes
			return nil, false
		}
	}
	dst = append(dst, '"')
	dst = append(dst, text...)
	return append(dst, '"'), true
}

// cutText cuts a plain text in quotes off the front of text.
func cutText(text []byte) (inner, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '"' {
		return nil, nil, false
	}
	for i := 1; i < len(text); i++ {
		if text[i] == '"' {
			return text[1:i], text[i+1:], true
		}
		if !isPlain(text[i]) {
			break
		}
	}
	return nil, nil, false
}

// plainList reads a list of plain texts.
func plainList(text []byte) (items []string, ok bool) {
	rest, ok := bytes.CutPrefix(text, []byte{'['})
	if !ok {
		return nil, false
	}
	items = make([]string, 0, bytes.Count(rest, []byte{'"'})/2)
	if string(rest) == "]" {
		return items, true
	}
	for {
		var inner []byte
		if inner, rest, ok = cutText(rest); !ok || len(rest) == 0 {
			return nil, false
		}
		items = append(items, string(inner))
		next := rest[0]
		rest = rest[1:]
		switch {
		case next == ']' && len(rest) == 0:
			return items, true
		case next != ',':
			return nil, false
		}
	}
}

// isPlain reports whether c stands for itself in a JSON string.
func isPlain(c byte) bool { return c >= ' ' && c < 0x7f && c != '"' && c != '\\' }

// plainInt reads an integer of up to 18 digits.
func plainInt(text []byte) (n int64, ok bool) {
	digits, negative := text, false
	if len(digits) > 0 && digits[0] == '-' {
		digits, negative = digits[1:], true
	}
	if len(digits) == 0 || len(digits) > 18 || digits[0] == '0' && len(digits) > 1 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}
