package sqlstore

import (
	"encoding/json"

	"github.com/fxsession/sessions/store"
)

// encodeState gives state as the JSON object that is kept: the JSON texts as
// strings. Each key of remove that is not in state has a null there, which
// deletes it where the object is merged into another.
func encodeState(state map[string]json.RawMessage, remove []string) string {
	size := 2
	for key, text := range state {
		size += len(key) + len(text) + len(text)/8 + 6
	}
	for _, key := range remove {
		size += len(key) + 8
	}
	b := append(make([]byte, 0, size), '{')
	field := func(key string) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(appendString(b, key), ':')
	}
	for key, text := range state {
		field(key)
		b = appendString(b, text)
	}
	removed := make(map[string]bool, len(remove))
	for _, key := range remove {
		// An object that has a key twice means different things to different
		// engines.
		if _, set := state[key]; set || removed[key] {
			continue
		}
		removed[key] = true
		field(key)
		b = append(b, "null"...)
	}
	return string(append(b, '}'))
}

// appendString appends s as a JSON string. Nothing is escaped that need not
// be, so that the database's own client shows what was written. s is UTF-8.
func appendString[T string | json.RawMessage](b []byte, s T) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// decodeState reads what encodeState wrote. ErrCorrupt for anything else.
func decodeState(text []byte) (map[string]json.RawMessage, error) {
	var texts map[string]string
	if err := json.Unmarshal(text, &texts); err != nil || texts == nil {
		return nil, store.ErrCorrupt // and not err, which may quote what is there
	}
	state := make(map[string]json.RawMessage, len(texts))
	for key, text := range texts {
		if text == "" { // or null
			return nil, store.ErrCorrupt
		}
		state[key] = json.RawMessage(text)
	}
	return state, nil
}
