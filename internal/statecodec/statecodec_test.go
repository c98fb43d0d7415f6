package statecodec_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"

	"github.com/fxsession/sessions/internal/statecodec"
)

// state is short for a bag of JSON texts.
type state = map[string]json.RawMessage

func text(s string) json.RawMessage { return json.RawMessage(s) }

func equal(a, b state) bool {
	return maps.EqualFunc(a, b, func(x, y json.RawMessage) bool { return bytes.Equal(x, y) })
}

// A21: values and keys keep their bytes.
func TestRoundTripKeepsEveryByte(t *testing.T) {
	t.Parallel()
	many := state{}
	for i := range 300 {
		many[fmt.Sprint("key", i)] = text(fmt.Sprint(i))
	}
	for name, want := range map[string]state{
		"nil":              nil,
		"empty":            {},
		"one":              {"cart": text(`[1,2]`)},
		"the empty key":    {"": text(`null`)},
		"strange keys":     {`a"b`: text(`1`), "a:b": text(`2`), `a\b`: text(`3`), "é😀": text(`4`), "$.a": text(`5`)},
		"whitespace":       {"a": text(" { \"b\" :\t1.0 }\n")},
		"big numbers":      {"a": text(`123456789012345678901234567890`), "b": text(`1e400`)},
		"escaped NUL":      {"a": text(`"\u0000"`)},
		"longest key":      {strings.Repeat("k", 255): text(`0`)},
		"1 MiB":            {"big": text(`"` + strings.Repeat("x", 1<<20) + `"`), "small": text(`0`)},
		"300 keys":         many,
		"a value of 0 B":   {"a": text(``), "b": text(`1`)},
		"key within a key": {"a": text(`1`), "aa": text(`2`), "aaa": text(`3`)},
	} {
		encoded := statecodec.Append(nil, want)
		if got := statecodec.Size(want); got != len(encoded) {
			t.Errorf("%s: Size = %d, but Append made %d bytes", name, got, len(encoded))
		}
		got, err := statecodec.Decode(string(encoded))
		if err != nil {
			t.Errorf("%s: Decode: %v", name, err)
		} else if !equal(got, want) {
			t.Errorf("%s: Decode gave another state", name)
		}
		if len(want) == 0 && got != nil {
			t.Errorf("%s: Decode gave %v, want nil", name, got)
		}
	}
}

func TestAppendKeepsWhatIsThereAndIsDeterministic(t *testing.T) {
	t.Parallel()
	s := state{}
	for i := range 40 {
		s[fmt.Sprint("key", i)] = text(fmt.Sprint(i))
	}
	first := statecodec.Append([]byte("head"), s)
	if !bytes.HasPrefix(first, []byte("head")) {
		t.Fatal("Append overwrote what was in front of it")
	}
	for range 20 {
		if !bytes.Equal(statecodec.Append([]byte("head"), maps.Clone(s)), first) {
			t.Fatal("one state has two encodings")
		}
	}
}

func TestDecodedValuesShareNothing(t *testing.T) {
	t.Parallel()
	encoded := statecodec.Append(nil, state{"a": text(`"one"`), "b": text(`"two"`)})
	got, err := statecodec.Decode(string(encoded))
	if err != nil {
		t.Fatal(err)
	}
	clear(encoded)
	_ = append(got["a"], "!!"...)
	if !equal(got, state{"a": text(`"one"`), "b": text(`"two"`)}) {
		t.Errorf("the result changed with the input, or with an append to a neighbour: %q", got)
	}
}

func TestDecodeRefusesWhatAppendDoesNotWrite(t *testing.T) {
	t.Parallel()
	valid := statecodec.Append(nil, state{"a": text(`1`), "b": text(`22`)})
	if want := "\x02\x01\x01\x01\x02ab122"; string(valid) != want {
		t.Fatalf("the encoding is %q, want %q: the cases below no longer say what they mean", valid, want)
	}
	huge := string(binary.AppendUvarint(nil, 1<<62))
	half := string(binary.AppendUvarint(nil, 1<<63)) // two of them are 0
	cases := map[string]string{
		"nothing":                   "",
		"a trailing byte":           string(valid) + "x",
		"a trailing byte, empty":    "\x00x",
		"unsorted keys":             "\x02\x01\x01\x01\x02ba122",
		"a key twice":               "\x02\x01\x01\x01\x02aa122",
		"the empty key twice":       "\x02\x00\x01\x00\x0112",
		"a count without entries":   "\x02",
		"a count above the input":   huge,
		"a key above the input":     "\x01" + huge + "\x01a1",
		"a value above the input":   "\x01\x01" + huge + "a1",
		"sums above the input":      "\x02\x05\x05\x05\x05ab122",
		"a long form of the count":  "\x82\x00\x01\x01\x01\x02ab122",
		"a long form of a length":   "\x01\x81\x00\x01a1",
		"a varint of eleven bytes":  "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
		"a varint that never ends":  "\x80\x80",
		"a length that is cut":      "\x01\x01\x80",
		"lengths that wrap an int":  "\x02" + half + "\x01" + half + "\x01ab",
		"a sum below what is there": "\x01\x01\x01a12",
	}
	for i := range valid {
		cases[fmt.Sprintf("cut after %d bytes", i)] = string(valid[:i])
	}
	for name, input := range cases {
		if got, err := statecodec.Decode(input); err == nil {
			t.Errorf("%s: Decode(%q) = %q, want an error", name, input, got)
		} else if got != nil {
			t.Errorf("%s: Decode(%q) gave a state beside its error", name, input)
		}
	}
}

// A claim of two thousand million entries or bytes must not be believed before
// the bytes are seen.
func TestDecodeAllocatesNoMoreThanTheInputIsWorth(t *testing.T) {
	for _, input := range [][]byte{
		append(binary.AppendUvarint(nil, 1<<31-1), make([]byte, 100)...),
		append([]byte{1}, binary.AppendUvarint(binary.AppendUvarint(nil, 1<<31-1), 1<<31-1)...),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := statecodec.Decode(string(input)); err == nil {
			t.Error("a false length was accepted")
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%d bytes of input made Decode allocate %d", len(input), got)
		}
	}
}

func fiveKeys() state {
	return state{
		"user":  text(`{"id":42,"name":"someone"}`),
		"cart":  text(`[101,202,303]`),
		"theme": text(`"dark"`),
		"csrf":  text(`"0123456789abcdef"`),
		"seen":  text(`1700000000`),
	}
}

func TestAllocations(t *testing.T) {
	s := fiveKeys()
	encoded := statecodec.Append(nil, s)
	buf := make([]byte, 0, len(encoded))
	if got := testing.AllocsPerRun(100, func() { statecodec.Append(buf, s) }); got != 0 {
		t.Errorf("Append to a slice with room: %v allocations, want 0", got)
	}
	// A map of five is two objects; then one for all keys and one for all values.
	encodedText := string(encoded)
	if got := testing.AllocsPerRun(100, func() { _, _ = statecodec.Decode(encodedText) }); got > 4 {
		t.Errorf("Decode of five keys: %v allocations, want at most 4", got)
	}
}

func BenchmarkAppend(b *testing.B) {
	s := fiveKeys()
	buf := make([]byte, 0, statecodec.Size(s))
	b.ReportAllocs()
	for b.Loop() {
		statecodec.Append(buf, s)
	}
}

func BenchmarkDecode(b *testing.B) {
	encoded := string(statecodec.Append(nil, fiveKeys()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := statecodec.Decode(encoded); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzDecode: no input makes Decode panic, and what it accepts is exactly what
// Append writes.
func FuzzDecode(f *testing.F) {
	f.Add(statecodec.Append(nil, fiveKeys()))
	f.Fuzz(func(t *testing.T, input []byte) {
		decoded, err := statecodec.Decode(string(input))
		if err != nil {
			return
		}
		if got := statecodec.Append(nil, decoded); !bytes.Equal(got, input) {
			t.Errorf("%q was accepted, but is written as %q", input, got)
		}
	})
}
