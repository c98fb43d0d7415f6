package sqlstore_test

import (
	"encoding/json"
	"errors"
	"maps"
	"testing"
	"unicode/utf8"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/sqlstore"
)

// A21: what is kept is JSON, and gives back every byte.
func FuzzStateKeepsItsBytes(f *testing.F) {
	f.Add("a", `1`, "b")
	f.Add("", `"\u0000 \\ \" \ud800"`, `"\`)
	f.Add("\x01\x7f\u2028", "\t{\n}\r", "<>&")
	f.Fuzz(func(t *testing.T, key, text, removed string) {
		if text == "" || !utf8.ValidString(key) || !utf8.ValidString(text) || !utf8.ValidString(removed) {
			return // a SessionStore lets none of these through
		}
		want := state(key, text)
		got, err := sqlstore.DecodeState([]byte(sqlstore.EncodeState(want, nil)))
		if err != nil || !maps.EqualFunc(got, want, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
			t.Errorf("%q became %q, error %v", want, got, err)
		}
		var object map[string]*string
		kept := sqlstore.EncodeState(want, []string{removed, key, removed})
		if err := json.Unmarshal([]byte(kept), &object); err != nil {
			t.Fatalf("%s is no JSON: %v", kept, err)
		}
		if object[key] == nil || *object[key] != text || object[removed] != nil && removed != key {
			t.Errorf("%s does not set what it is to set and remove what it is to remove", kept)
		}
	})
}

// C9: anything else is corrupt, and no panic.
func FuzzDecodeState(f *testing.F) {
	for _, text := range []string{"", "null", "[]", "1", `{"a":1}`, `{"a":null}`, `{"a":""}`, `{"a":"1"`, `{"a":"1"}x`, `{"a":"1"}`, `{}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := sqlstore.DecodeState(text)
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) || got != nil {
				t.Errorf("state %q, error %v", got, err)
			}
			return
		}
		again, err := sqlstore.DecodeState([]byte(sqlstore.EncodeState(got, nil)))
		if err != nil || !maps.EqualFunc(got, again, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
			t.Errorf("%q became %q, error %v", got, again, err)
		}
	})
}

// C9: what is no object of texts is corrupt, an object of none is empty.
func TestWhatIsNoStateIsCorrupt(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "null", "[]", "1", `"{}"`, `{"a":1}`, `{"a":null}`, `{"a":""}`, `{"a":"1"`, `{"a":"1"}x`} {
		if got, err := sqlstore.DecodeState([]byte(text)); !errors.Is(err, store.ErrCorrupt) || got != nil {
			t.Errorf("%s is %q, %v", text, got, err)
		}
	}
	if got, err := sqlstore.DecodeState([]byte("{}")); len(got) != 0 || err != nil {
		t.Errorf("{} is %q, %v", got, err)
	}
}
