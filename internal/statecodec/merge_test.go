package statecodec_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/fxsession/sessions/internal/statecodec"
	"github.com/fxsession/sessions/store"
)

// wantMerged merges by way of maps, as store.Merge defines it.
func wantMerged(before state, ch store.Change) []byte {
	return statecodec.Append(nil, store.Merge(store.Record{State: before}, ch).State)
}

func merge(dst []byte, text string, ch store.Change) ([]byte, error) {
	return statecodec.Merge(dst, text, ch.Set, ch.Remove, ch.Clear)
}

func checkMerge(t *testing.T, before state, ch store.Change) {
	t.Helper()
	text := string(statecodec.Append(nil, before))
	set, removed := maps.Clone(ch.Set), slices.Clone(ch.Remove)
	got, err := merge([]byte("head"), text, ch)
	if want := append([]byte("head"), wantMerged(before, ch)...); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%q and %+v make %q (%v), want %q", text, ch, got, err, want)
	}
	if !equal(ch.Set, set) || !slices.Equal(ch.Remove, removed) {
		t.Errorf("the change %+v was changed", ch)
	}
}

func TestMergeIsWhatTheStoreSaysAChangeDoes(t *testing.T) {
	t.Parallel()
	many := state{}
	for i := range 300 {
		many[fmt.Sprint("key", i)] = text(fmt.Sprint(i))
	}
	befores := []state{nil, {"": text(`0`)}, {"b": text(`1`)}, {"a": text(`1`), "c": text(`"` + string(make([]byte, 200)) + `"`)}, fiveKeys(), many}
	changes := []store.Change{
		{},
		{Clear: true},
		{Remove: []string{""}},
		{Remove: []string{"theme", "b", "cart", "b", "key7", "zz", ""}},
		{Remove: []string{"c", "a"}, Set: state{"a": text(`2`)}},
		{Set: state{"": text(`9`)}},
		{Set: state{"seen": text(`1`)}, Clear: true},
		{Set: state{"a": text(`3`), "b": text(`4`), "bb": text(`5`), "zz": text(`6`)}},
		{Set: state{"key0": text(`-1`), "key299": text(`-2`), "key3000": text(`-3`)}, Remove: []string{"key0", "key298"}},
		{Set: many, Remove: slices.Collect(maps.Keys(many))},
		{Remove: slices.Collect(maps.Keys(many))},
		{Set: many, Clear: true},
	}
	for _, before := range befores {
		for _, ch := range changes {
			checkMerge(t, before, ch)
		}
	}
}

// What Decode refuses, Merge refuses, also where nothing of it would be kept.
func TestMergeRefusesWhatDecodeRefuses(t *testing.T) {
	t.Parallel()
	valid := string(statecodec.Append(nil, fiveKeys()))
	broken := []string{"\x02\x01\x01\x01\x02ba122", "\x02\x01\x01\x01\x02aa122", valid + "x"}
	for i := range valid {
		broken = append(broken, valid[:i])
	}
	for _, text := range broken {
		for _, ch := range []store.Change{{}, {Clear: true}, {Set: fiveKeys(), Clear: true}, {Remove: []string{"cart"}}} {
			if got, err := merge(nil, text, ch); err == nil {
				t.Errorf("%q and %+v make %q, want an error", text, ch, got)
			}
		}
	}
}

func TestMergeAllocatesNothing(t *testing.T) {
	text := string(statecodec.Append(nil, fiveKeys()))
	ch := store.Change{Set: state{"seen": []byte(`1`), "user": []byte(`2`)}, Remove: []string{"theme", "cart"}}
	buf := make([]byte, 0, 2*len(text))
	if got := testing.AllocsPerRun(100, func() { _, _ = merge(buf, text, ch) }); got != 0 {
		t.Errorf("Merge to a slice with room: %v allocations, want 0", got)
	}
}

func BenchmarkMerge(b *testing.B) {
	text := string(statecodec.Append(nil, fiveKeys()))
	ch := store.Change{Set: state{"seen": []byte(`1700000001`), "user": []byte(`{"id":43}`)}}
	buf := make([]byte, 0, 2*len(text))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := merge(buf, text, ch); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzMerge: whatever the state and the change, Merge does what store.Merge
// does, and refuses what Decode refuses.
func FuzzMerge(f *testing.F) {
	f.Add([]byte("\x02\x01\x01\x01\x02ab122"), []byte("a=c-b=b-"), false)
	f.Add([]byte("\x02\x01\x01\x01\x02ab122"), []byte("a="), true)
	f.Add([]byte("\x02\x01\x01\x01\x02ba122"), []byte("b-"), true)
	f.Fuzz(func(t *testing.T, encoded, script []byte, clear bool) {
		ch := store.Change{Clear: clear, Set: state{}}
		// The script is key by key: what is before a '=' is set, what is
		// before a '-' removed.
		for len(script) > 0 {
			i := bytes.IndexAny(script, "=-")
			if i < 0 {
				break
			}
			if key := string(script[:i]); script[i] == '=' {
				ch.Set[key] = script[i:min(i+3, len(script))]
			} else {
				ch.Remove = append(ch.Remove, key)
			}
			script = script[i+1:]
		}
		before, err := statecodec.Decode(string(encoded))
		if err != nil {
			if got, err := merge(nil, string(encoded), ch); err == nil {
				t.Errorf("%q, which is no state, became %q", encoded, got)
			}
			return
		}
		checkMerge(t, before, ch)
	})
}
