package store_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/fxsession/sessions/store"
)

var (
	_ encoding.TextMarshaler   = store.Key{}
	_ encoding.TextUnmarshaler = (*store.Key)(nil)
)

var aKey = store.Key{0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, 0x61, 0x41, 8, 9, 10, 11, 12, 13, 14, 15}

const aKeyText = "00017f80feff614108090a0b0c0d0e0f"

func TestKeyIsWrittenAndReadAsHexadecimal(t *testing.T) {
	t.Parallel()
	if got := aKey.String(); got != aKeyText {
		t.Errorf("String() = %q, want %q", got, aKeyText)
	}
	if got := fmt.Sprint(aKey); got != aKeyText {
		t.Errorf("fmt prints %q, want %q", got, aKeyText)
	}
	encoded, err := json.Marshal(map[store.Key]store.Key{aKey: aKey})
	if want := `{"` + aKeyText + `":"` + aKeyText + `"}`; err != nil || string(encoded) != want {
		t.Fatalf("JSON is %s, %v, want %s", encoded, err, want)
	}
	var decoded map[store.Key]store.Key
	if err := json.Unmarshal(encoded, &decoded); err != nil || decoded[aKey] != aKey {
		t.Errorf("the JSON is read as %v, %v", decoded, err)
	}
	if got, err := store.ParseKey(strings.ToUpper(aKeyText)); err != nil || got != aKey {
		t.Errorf("upper case is read as %v, %v", got, err)
	}
}

func TestKeyRefusesOtherText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "00", aKeyText[1:], aKeyText + "0", aKeyText[:31] + "g", aKeyText[:31] + " ", "0x" + aKeyText[2:]} {
		if got, err := store.ParseKey(text); err == nil || got != (store.Key{}) {
			t.Errorf("ParseKey(%q) = %v, %v, want an error and no key", text, got, err)
		} else if len(text) > 8 && strings.Contains(err.Error(), text[:8]) {
			t.Errorf("the error gives the key away: %v", err)
		}
		key := aKey
		if err := key.UnmarshalText([]byte(text)); err == nil || key != aKey {
			t.Errorf("UnmarshalText(%q) gave %v, %v, want an error and the key as it was", text, key, err)
		}
	}
}

// FuzzParseKey: what is read is written as it was, but for its case.
func FuzzParseKey(f *testing.F) {
	f.Add(aKeyText)
	f.Add(strings.ToUpper(aKeyText))
	f.Add(aKeyText[:31] + "g")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := store.ParseKey(text)
		if err == nil && key.String() != strings.ToLower(text) {
			t.Errorf("%q was read as %s", text, key)
		}
		if err != nil && key != (store.Key{}) {
			t.Errorf("%q gave a key beside its error", text)
		}
	})
}
