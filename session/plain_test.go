package session_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/fxsession/sessions/session"
)

// sameAsJSON compares what is written and read with what encoding/json does.
func sameAsJSON[T comparable](t *testing.T, v T) {
	t.Helper()
	want, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := session.AppendPlain(v); ok && string(got) != string(want) {
		t.Errorf("%v is written as %s, not as %s", v, got, want)
	}
	readAsJSON[T](t, want)
}

func readAsJSON[T comparable](t *testing.T, text []byte) {
	t.Helper()
	var got, want T
	ok := session.ReadPlain(text, &got)
	err := json.Unmarshal(text, &want)
	if ok && (err != nil || got != want) {
		t.Errorf("%q is read as %v; encoding/json says %v, %v", text, got, want, err)
	}
}

var notSoPlain = []string{
	"", `"`, `""`, `"a"b"`, `"\u0041"`, `"\"`, `"a\\"`, "\"\x00\"", "\"\xff\"", "\"ä\"", "\"\x7f\"", " \"a\" ", "null", "nul", "0", "-0", "-", "00", "01", "-01",
	"1.0", "1e3", "+1", "1 ", "999999999999999999", "1000000000000000000", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
	"true", "false", "True", "tru", "truefalse", "[]", "{}", `"true"`,
}

func TestPlainValuesAreWrittenAndReadAsJSONDoes(t *testing.T) {
	t.Parallel()
	for _, text := range notSoPlain {
		sameAsJSON(t, text)
		readAsJSON[string](t, []byte(text))
		readAsJSON[int](t, []byte(text))
		readAsJSON[int64](t, []byte(text))
		readAsJSON[bool](t, []byte(text))
	}
	for _, n := range []int64{0, 1, -1, 10, math.MaxInt64, math.MinInt64, math.MaxInt32 + 1, 999999999999999999, -999999999999999999} {
		sameAsJSON(t, n)
		sameAsJSON(t, int(n))
	}
	for _, text := range []string{"en-GB", "", "a b", "<b>&amp;", "\u2028", "\t"} {
		sameAsJSON(t, text)
	}
	sameAsJSON(t, true)
	sameAsJSON(t, false)
	// These must be plain, or nothing is gained.
	for _, text := range []string{`"en-GB"`, `""`} {
		if !session.ReadPlain([]byte(text), new(string)) {
			t.Errorf("%s is left to encoding/json", text)
		}
	}
	if !session.ReadPlain([]byte("-42"), new(int)) || !session.ReadPlain([]byte("0"), new(int64)) || !session.ReadPlain([]byte("true"), new(bool)) {
		t.Error("a number or a switch is left to encoding/json")
	}
	// And these point nowhere.
	if session.ReadPlain([]byte(`"a"`), (*string)(nil)) || session.ReadPlain([]byte("1"), (*int)(nil)) || session.ReadPlain([]byte("1"), (*int64)(nil)) ||
		session.ReadPlain([]byte("true"), (*bool)(nil)) || session.ReadPlain([]byte("1"), new(int8)) || session.ReadPlain([]byte("1"), nil) {
		t.Error("a value is read into nothing")
	}
}

func FuzzPlain(f *testing.F) {
	for _, text := range notSoPlain {
		f.Add([]byte(text), int64(len(text)))
	}
	f.Fuzz(func(t *testing.T, text []byte, n int64) {
		readAsJSON[string](t, text)
		readAsJSON[int](t, text)
		readAsJSON[int64](t, text)
		readAsJSON[bool](t, text)
		sameAsJSON(t, string(text))
		sameAsJSON(t, n)
	})
}
