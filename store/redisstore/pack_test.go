package redisstore_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// What is packed here is what the scripts read, and the other way about, for
// every way of writing a length.
func TestAStateIsPackedAsTheScriptsPackIt(t *testing.T) {
	t.Parallel()
	s := redisstore.New(newClient(t, shared.Get(t).Addr()), redisstore.WithNamespace(newNamespace()))
	text := func(n int) json.RawMessage { return json.RawMessage(`"` + strings.Repeat("x", max(n-2, 0)) + `"`) }
	states := map[string]map[string]json.RawMessage{"none": {}}
	for _, n := range []int{2, 31, 32, 255, 256, 65535, 65536, 1 << 20} {
		states[fmt.Sprintf("a text of %d bytes", n)] = map[string]json.RawMessage{"a": text(n)}
	}
	for _, n := range []int{0, 31, 32, 255} {
		states[fmt.Sprintf("a key of %d bytes", n)] = map[string]json.RawMessage{strings.Repeat("k", n): text(n)}
	}
	for _, n := range []int{1, 15, 16, 65535, 65536} {
		many := map[string]json.RawMessage{}
		for i := range n {
			many[fmt.Sprint(i)] = json.RawMessage(fmt.Sprint(i)) // keys that a script could take for those of a list
		}
		states[fmt.Sprintf("%d keys", n)] = many
	}
	n := 0
	for name, want := range states {
		n++
		k := key(n)
		check := func(t *testing.T) {
			t.Helper()
			got, err := s.Load(t.Context(), k)
			if err != nil || !maps.EqualFunc(got.State, want, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
				t.Errorf("the state has %d keys, error %v, want %d keys", len(got.State), err, len(want))
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := record()
			rec.State = want
			if err := s.Create(t.Context(), k, rec); err != nil {
				t.Fatal(err)
			}
			check(t)
			// A script takes it apart and packs it again.
			for _, ch := range []store.Change{{Set: state("more", `1`)}, {Remove: []string{"more"}}} {
				if err := s.Update(t.Context(), k, ch); err != nil {
					t.Fatal(err)
				}
			}
			check(t)
		})
	}
}

// Whatever the bytes are, they are read or refused, and what is read can be
// packed again.
func FuzzReadPacked(f *testing.F) {
	const head = "\x01\xc2\x07\xcf\x00\x00\x01\x8b\xcf\xe5\x68\x7b" + far + "\x00\xa3ada"
	f.Add([]byte{})
	f.Add([]byte("\xa7deleted\xc2"))
	f.Add([]byte("\xa7renewed\xc2"))
	for _, state := range []string{
		"", "\x80", "\x81\xa1a\xa11", "\x82\xa1a\xa11\xd9\x01b\xda\x00\x012", "\xde\x00\x01\xdb\x00\x00\x00\x01a\xa11",
		"\xdf\xff\xff\xff\xff", "\x81\xa1a\xdb\xff\xff\xff\xff",
	} {
		f.Add([]byte(head + state))
	}
	for _, number := range []string{"\xff", "\xcc\x80", "\xcd\x01\x00", "\xce\x00\x01\x00\x00", "\xd0\x80", "\xd3\xff\xff\xff\xff\xff\xff\xff\x00"} {
		f.Add([]byte("\x01\xc2\x01" + number + far + "\x00\xa0"))
		f.Add([]byte("\x01\xc2\x01\x01" + number + "\x00\xa0"))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		rec, expires, err := redisstore.ReadPacked(string(packed), packed)
		if err != nil {
			return
		}
		if rec.Version == 0 || expires <= 0 {
			t.Errorf("%q is read as %+v, which expires at %d", packed, rec, expires)
		}
		again := []byte(head + redisstore.PackState(rec.State))
		same, _, err := redisstore.ReadPacked(string(again), again)
		if err != nil || !maps.EqualFunc(rec.State, same.State, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Errorf("%q is read as %q and then as %q, %v", packed, rec.State, same.State, err)
		}
		// No text reaches into another.
		for _, text := range rec.State {
			_ = append(text, "tail"...)
		}
		for name := range rec.State {
			if !bytes.Equal(rec.State[name], same.State[name]) {
				t.Error("one text runs into another")
			}
		}
	})
}
