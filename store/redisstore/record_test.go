package redisstore_test

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

func TestTheLayoutOfARecordAndOfAMark(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	namespace := newNamespace()
	s := redisstore.New(client, redisstore.WithNamespace(namespace))
	name := func(n int) string { return namespace + key(n).String() }
	holds := func(n int, want map[string]string, atMost time.Duration) {
		t.Helper()
		got, err := command(t, client, "HGETALL", name(n)).AsStrMap()
		if packed, ok := got["d"]; ok { // the keys of a map have no order
			state, _ := redisstore.UnpackState(packed, []byte(packed))
			all, _ := json.Marshal(state)
			got["d"] = string(all)
		}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("the hash is %v, error %v, want %v", got, err, want)
		}
		left, err := command(t, client, "PTTL", name(n)).AsInt64()
		if d := time.Duration(left) * time.Millisecond; err != nil || d > atMost || d < atMost-10*time.Second {
			t.Errorf("it lives for %s, want %s", d, atMost)
		}
	}

	// Keys of the state that look like the fields of the record's own.
	rec := record("", `""`, "h", `"2"`, "d", `7`, "s", `"x"`, "m", `"deleted"`)
	rec.Subject = "user-1"
	if err := s.Create(t.Context(), key(1), rec); err != nil {
		t.Fatal(err)
	}
	holds(1, map[string]string{
		"h": "1 1 1700000000123", "s": "user-1", "x": "3660000",
		"d": `{"":"","d":7,"h":"2","m":"deleted","s":"x"}`,
	}, time.Hour)

	nobody := ""
	ch := store.Change{Clear: true, Set: state("v", `8`), Subject: &nobody, TTL: 2 * time.Hour}
	if err := s.ChangeKey(t.Context(), key(1), key(2), ch); err != nil {
		t.Fatal(err)
	}
	holds(1, map[string]string{"m": "renewed"}, store.Grace)
	holds(2, map[string]string{"h": "1 2 1700000000123", "d": `{"v":8}`}, 2*time.Hour)

	if err := s.Update(t.Context(), key(2), store.Change{Remove: []string{"v"}}); err != nil {
		t.Fatal(err)
	}
	holds(2, map[string]string{"h": "1 3 1700000000123"}, 2*time.Hour)

	if err := s.Delete(t.Context(), key(2)); err != nil {
		t.Fatal(err)
	}
	holds(2, map[string]string{"m": "deleted"}, store.Grace)
}

func TestTheDefaultNamespace(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	unique := store.Key{7, 7, 7}
	for namespace, s := range map[string]*redisstore.Store{
		"session:": redisstore.New(client),
		"":         redisstore.New(client, redisstore.WithNamespace("")),
	} {
		if err := s.Create(t.Context(), unique, record()); err != nil {
			t.Fatal(err)
		}
		if n, err := command(t, client, "DEL", namespace+unique.String()).AsInt64(); err != nil || n != 1 {
			t.Errorf("there is no key under the namespace %q", namespace)
		}
	}
}

// C9: every way in which a key can hold something that is not a record.
func TestC9_WhatIsNotARecordStaysAsItIs(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	kinds := map[string][][]string{
		"a string":                 {{"SET", "", "x"}},
		"a list":                   {{"RPUSH", "", "x"}},
		"a set":                    {{"SADD", "", "f"}},
		"a hash of somebody else":  {{"HSET", "", "user", "1"}},
		"a later format":           {{"HSET", "", "h", "2 1 1", "d", "\x81\xa1a\xa11"}},
		"no head":                  {{"HSET", "", "d", "\x81\xa1a\xa11"}},
		"a head with no format":    {{"HSET", "", "h", "1 1"}},
		"a version of letters":     {{"HSET", "", "h", "1 one 1"}},
		"a version of many digits": {{"HSET", "", "h", "1 9223372036854775807 1"}},
		"a version below zero":     {{"HSET", "", "h", "1 -1 1"}},
		"no creation time":         {{"HSET", "", "h", "1 1 "}},
		"a creation time of words": {{"HSET", "", "h", "1 1 now"}},
		"more in its head":         {{"HSET", "", "h", "1 1 1 1"}},
		"a mark of another kind":   {{"HSET", "", "m", "frozen"}},
		"a record without expiry":  {{"HSET", "", "h", "1 1 1"}, {"PERSIST", ""}},
	}
	for kind, commands := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace()
			s := redisstore.New(client, redisstore.WithNamespace(namespace))
			name := namespace + key(1).String()
			for i, words := range commands {
				words = slices.Clone(words)
				words[1] = name
				command(t, client, words...)
				if i == 0 {
					command(t, client, "PEXPIRE", name, "3600000")
				}
			}
			if err := s.Create(t.Context(), key(2), record("a", `1`)); err != nil {
				t.Fatal(err)
			}
			before := dump(t, client, name)

			_, load := s.Load(t.Context(), key(1))
			for what, err := range map[string]error{
				"load":            load,
				"create":          s.Create(t.Context(), key(1), record("a", `1`)),
				"update":          s.Update(t.Context(), key(1), store.Change{Clear: true, Set: state("a", `1`), TTL: time.Minute}),
				"update of a TTL": s.Update(t.Context(), key(1), store.Change{TTL: time.Minute}),
				"with a version":  s.Update(t.Context(), key(1), store.Change{IfVersion: 1}),
				"change key":      s.ChangeKey(t.Context(), key(1), key(3), store.Change{}),
				"change key to":   s.ChangeKey(t.Context(), key(2), key(1), store.Change{}),
			} {
				if !errors.Is(err, store.ErrCorrupt) {
					t.Errorf("%s: %v, want ErrCorrupt", what, err)
				}
			}
			if after := dump(t, client, name); after != before {
				t.Errorf("it is %q now, it was %q", after, before)
			}
			if rec, err := s.Load(t.Context(), key(2)); err != nil || rec.Version != 1 {
				t.Errorf("the record that was to be renamed: version %d, error %v", rec.Version, err)
			}

			if err := s.Delete(t.Context(), key(1)); err != nil {
				t.Errorf("delete: %v", err)
			}
			if _, err := s.Load(t.Context(), key(1)); !errors.Is(err, store.ErrEnded) {
				t.Errorf("load after delete: %v, want ErrEnded", err)
			}
		})
	}
}

// A record whose state cannot be read is corrupt for what needs the state, and as
// good as any other for what does not.
func TestC9_AStateThatCannotBeReadStaysAsItIs(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	for kind, packed := range map[string]string{
		"text": `{"a":1}`, "a number": "\x01", "an early end": "\x81\xa1a\xa9",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace()
			s := redisstore.New(client, redisstore.WithNamespace(namespace))
			if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
				t.Fatal(err)
			}
			name := namespace + key(1).String()
			command(t, client, "HSET", name, "d", packed)
			before := dump(t, client, name)
			_, load := s.Load(t.Context(), key(1))
			for what, err := range map[string]error{
				"load":       load,
				"update":     s.Update(t.Context(), key(1), store.Change{Set: state("b", `1`)}),
				"change key": s.ChangeKey(t.Context(), key(1), key(2), store.Change{Remove: []string{"b"}}),
			} {
				if !errors.Is(err, store.ErrCorrupt) {
					t.Errorf("%s: %v, want ErrCorrupt", what, err)
				}
			}
			if after := dump(t, client, name); after != before {
				t.Errorf("it is %q now, it was %q", after, before)
			}
			if err := s.Update(t.Context(), key(1), store.Change{Clear: true, Set: state("b", `1`)}); err != nil {
				t.Errorf("clear: %v", err)
			}
			if rec, err := s.Load(t.Context(), key(1)); err != nil || len(rec.State) != 1 || rec.Version != 2 {
				t.Errorf("after it was cleared: version %d, %d keys, error %v", rec.Version, len(rec.State), err)
			}
		})
	}
}

// dump gives the value of a key and whether it has an expiry of an hour.
func dump(t *testing.T, client rueidis.Client, name string) string {
	t.Helper()
	value, err := command(t, client, "DUMP", name).ToString()
	if err != nil {
		t.Fatalf("dump: %v", err)
	}
	left, err := command(t, client, "PTTL", name).AsInt64()
	if err != nil {
		t.Fatalf("pttl: %v", err)
	}
	return fmt.Sprintf("%x, expires in an hour: %t", value, left > 3_500_000)
}

// Fields that a later version of this package may add do no harm.
func TestAFieldThatIsNotKnownIsLeftAlone(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	namespace := newNamespace()
	s := redisstore.New(client, redisstore.WithNamespace(namespace))
	if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	command(t, client, "HSET", namespace+key(1).String(), "z", "later")
	if err := s.Update(t.Context(), key(1), store.Change{Clear: true}); err != nil {
		t.Fatal(err)
	}
	if rec, err := s.Load(t.Context(), key(1)); err != nil || len(rec.State) != 0 {
		t.Errorf("%d state keys, error %v, want none", len(rec.State), err)
	}
	if z, err := command(t, client, "HGET", namespace+key(1).String(), "z").ToString(); err != nil || z != "later" {
		t.Errorf("the field is gone: %v", err)
	}
}

// Lua cannot take more than some 8000 values apart at once.
func TestManyKeysInOneChange(t *testing.T) {
	t.Parallel()
	const many = 10_001
	s := open(t, redisstore.Connection{URL: shared.Get(t).URL()}, redisstore.WithNamespace(newNamespace()))
	var pairs, names []string
	for i := range many {
		names = append(names, "key-"+strconv.Itoa(i))
		pairs = append(pairs, names[i], strconv.Itoa(i))
	}
	want := record(pairs...)
	want.Version = 1
	if err := s.Create(t.Context(), key(1), want); err != nil {
		t.Fatalf("create: %v", err)
	}
	at := 1
	for _, step := range []struct {
		name string
		ch   store.Change
		to   int
	}{
		{"set", store.Change{Set: want.State, Remove: names}, 1},
		{"set and remove under a new key", store.Change{Set: state("new", `1`), Remove: names[:many-1]}, 2},
		{"set again", store.Change{Set: want.State}, 2},
		{"clear", store.Change{Clear: true, Set: state("last", `1`)}, 2},
	} {
		var err error
		if step.to == at {
			err = s.Update(t.Context(), key(at), step.ch)
		} else {
			err = s.ChangeKey(t.Context(), key(at), key(step.to), step.ch)
		}
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		at, want = step.to, store.Merge(want, step.ch)
		got, err := s.Load(t.Context(), key(at))
		if err != nil || got.Version != want.Version || len(got.State) != len(want.State) {
			t.Fatalf("%s: version %d with %d keys, error %v, want version %d with %d keys",
				step.name, got.Version, len(got.State), err, want.Version, len(want.State))
		}
		for name, text := range want.State {
			if string(got.State[name]) != string(text) {
				t.Fatalf("%s: a value differs", step.name)
			}
		}
	}
}

// Redis at its maxmemory refuses what would grow, whole; what ends a session
// goes through.
func TestAFullRedisRefusesAndKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--maxmemory-policy", "noeviction")
	client := newClient(t, server.Addr())
	s := redisstore.New(client)
	if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	command(t, client, "CONFIG", "SET", "maxmemory", "1")

	for what, err := range map[string]error{
		"create":     s.Create(t.Context(), key(2), record("b", `2`)),
		"update":     s.Update(t.Context(), key(1), store.Change{Clear: true, Set: state("b", `2`)}),
		"change key": s.ChangeKey(t.Context(), key(1), key(3), store.Change{Clear: true}),
	} {
		if !errors.Is(err, store.ErrFull) {
			t.Errorf("%s: %v, want ErrFull", what, err)
		}
	}
	rec, err := s.Load(t.Context(), key(1))
	if err != nil || rec.Version != 1 || string(rec.State["a"]) != `1` {
		t.Errorf("load: version %d with %d keys, error %v; it was to stay as it is", rec.Version, len(rec.State), err)
	}
	if err := s.Delete(t.Context(), key(1)); err != nil {
		t.Errorf("delete: %v", err)
	}
	if _, err := s.Load(t.Context(), key(1)); !errors.Is(err, store.ErrEnded) {
		t.Errorf("load after delete: %v, want ErrEnded", err)
	}
}

// The index of a subject tells nothing of the subject in its name, and goes
// with what is in it.
func TestTheLayoutOfTheIndexOfASubject(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	namespace := newNamespace()
	s := redisstore.New(client, redisstore.WithNamespace(namespace))
	index := namespace + "subject:" + sha1Of("ada")
	entries := func(want ...string) {
		t.Helper()
		got, err := command(t, client, "ZRANGE", index, "0", "-1").AsStrSlice()
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("the index holds %v, error %v, want %v", got, err, want)
		}
	}
	rec := record()
	rec.Subject = "ada"
	for n := range 3 {
		if err := s.Create(t.Context(), key(n), rec); err != nil {
			t.Fatal(err)
		}
	}
	entries(key(0).String(), "+"+key(0).String(), key(1).String(), "+"+key(1).String(), key(2).String(), "+"+key(2).String())
	left, err := command(t, client, "PTTL", index).AsInt64()
	if d := time.Duration(left) * time.Millisecond; err != nil || d > 2*time.Hour+time.Minute || d < 2*time.Hour {
		t.Errorf("the index lives for %s, want twice as long as the records, and a minute", d)
	}

	// What ends through this package goes at once; what went otherwise is pruned
	// by who meets it, unless it is new.
	if err := s.Delete(t.Context(), key(0)); err != nil {
		t.Fatal(err)
	}
	command(t, client, "UNLINK", namespace+key(1).String(), namespace+key(2).String())
	command(t, client, "ZREM", index, "+"+key(1).String())
	if all, err := s.ListBySubject(t.Context(), "ada"); err != nil || len(all) != 0 {
		t.Errorf("list by subject: %d, %v", len(all), err)
	}
	entries(key(2).String(), "+"+key(2).String())

	// What is over goes when something comes.
	command(t, client, "ZADD", index, "1", key(2).String(), "1", "+"+key(2).String())
	if err := s.Create(t.Context(), key(4), rec); err != nil {
		t.Fatal(err)
	}
	entries(key(4).String(), "+"+key(4).String())
}

func sha1Of(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}
