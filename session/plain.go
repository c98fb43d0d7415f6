package session

import "strconv"

// Most values of a session are plain texts, numbers and switches. What follows
// writes and reads these as encoding/json does, to the byte, at a fraction of
// the cost, and leaves everything that is not so plain to it.

// appendPlain gives the JSON text of v.
func appendPlain(v any) (text []byte, ok bool) {
	switch v := v.(type) {
	case string:
		for i := range len(v) {
			if c := v[i]; !isPlain(c) || c == '<' || c == '>' || c == '&' { // which json.Marshal escapes
				return nil, false
			}
		}
		text = make([]byte, 0, len(v)+2)
		text = append(text, '"')
		text = append(text, v...)
		return append(text, '"'), true
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
		if v == nil || len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
			return false
		}
		inner := text[1 : len(text)-1]
		for _, c := range inner {
			if !isPlain(c) {
				return false
			}
		}
		*v = string(inner)
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
