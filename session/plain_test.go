package session_test

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/fxsession/sessions/session"
)

// sameAsJSON compares what is written and read with what encoding/json does.
func sameAsJSON[T any](t *testing.T, v T) {
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

func readAsJSON[T any](t *testing.T, text []byte) {
	t.Helper()
	var got, want T
	ok := session.ReadPlain(text, &got)
	err := json.Unmarshal(text, &want)
	if ok && (err != nil || !reflect.DeepEqual(got, want)) {
		t.Errorf("%q is read as %v; encoding/json says %v, %v", text, got, want, err)
	}
}

var notSoPlain = []string{
	"", `"`, `""`, `"a"b"`, `"\u0041"`, `"\"`, `"a\\"`, "\"\x00\"", "\"\xff\"", "\"ä\"", "\"\x7f\"", " \"a\" ", "null", "nul", "0", "-0", "-", "00", "01", "-01",
	"1.0", "1e3", "+1", "1 ", "999999999999999999", "1000000000000000000", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
	"true", "false", "True", "tru", "truefalse", "[]", "{}", `"true"`,
	"[", `["a"]`, `["a","b"]`, `["a", "b"]`, `["a" ]`, `["a"`, `["a",`, `["a",]`, `["a""b"]`, `[,]`, `["a",1]`, `["a",null]`, `[["a"]]`, `["\u0041"]`, `["a"]]`, ` ["a"]`, `["a","b]`,
	`"2026-01-02T03:04:05Z"`, `"2026-01-02T03:04:05.999999999+01:00"`, `"2026-01-02T03:04:05"`, `"2026-13-02T03:04:05Z"`, `"2026-01-02T03:04:05\u005a"`, ` "2026-01-02T03:04:05Z"`,
}

func TestPlainValuesAreWrittenAndReadAsJSONDoes(t *testing.T) {
	t.Parallel()
	for _, text := range notSoPlain {
		sameAsJSON(t, text)
		readAsJSON[string](t, []byte(text))
		readAsJSON[int](t, []byte(text))
		readAsJSON[int64](t, []byte(text))
		readAsJSON[bool](t, []byte(text))
		readAsJSON[[]string](t, []byte(text))
		readAsJSON[time.Time](t, []byte(text))
		sameAsJSON(t, []string{text})
		sameAsJSON(t, []string{"a", text})
	}
	sameAsJSON(t, []string(nil))
	sameAsJSON(t, []string{})
	for _, when := range []time.Time{{}, time.Unix(1, 1).UTC(), time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))} {
		sameAsJSON(t, when)
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
	if !session.ReadPlain([]byte(`["a","b"]`), new([]string)) || !session.ReadPlain([]byte("[]"), new([]string)) || !session.ReadPlain([]byte(`"2026-01-02T03:04:05Z"`), new(time.Time)) {
		t.Error("a list or a time is left to encoding/json")
	}
	// And these point nowhere.
	if session.ReadPlain([]byte(`"a"`), (*string)(nil)) || session.ReadPlain([]byte("1"), (*int)(nil)) || session.ReadPlain([]byte("1"), (*int64)(nil)) ||
		session.ReadPlain([]byte("true"), (*bool)(nil)) || session.ReadPlain([]byte("[]"), (*[]string)(nil)) || session.ReadPlain([]byte(`"2026-01-02T03:04:05Z"`), (*time.Time)(nil)) || session.ReadPlain([]byte("1"), new(int8)) || session.ReadPlain([]byte("1"), nil) {
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
		readAsJSON[[]string](t, text)
		readAsJSON[time.Time](t, text)
		sameAsJSON(t, string(text))
		sameAsJSON(t, []string{"a", string(text)})
		sameAsJSON(t, time.Unix(n%1e10, n).UTC())
		sameAsJSON(t, n)
	})
}
