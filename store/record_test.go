package store_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxsession/sessions/store"
)

// state is short for a bag of JSON texts.
type state = map[string]json.RawMessage

func ptr(s string) *string { return &s }

// C3: the one definition of what a Change does.
func TestC3_Merge(t *testing.T) {
	t.Parallel()
	created := time.UnixMilli(1_700_000_000_123)
	rec := func(version uint64, subject string, ttl time.Duration, s state) store.Record {
		return store.Record{State: s, Subject: subject, CreatedAt: created, Version: version, TTL: ttl}
	}
	before := state{"a": json.RawMessage(`1`), "b": json.RawMessage(`{"x":1}`)}
	for name, row := range map[string]struct {
		change store.Change
		want   store.Record
	}{
		"nothing but the version":   {store.Change{}, rec(8, "user-1", time.Hour, before)},
		"a new key":                 {store.Change{Set: state{"c": []byte(`3`)}}, rec(8, "user-1", time.Hour, state{"a": []byte(`1`), "b": []byte(`{"x":1}`), "c": []byte(`3`)})},
		"a value is replaced whole": {store.Change{Set: state{"b": []byte(`{"y":2}`)}}, rec(8, "user-1", time.Hour, state{"a": []byte(`1`), "b": []byte(`{"y":2}`)})},
		"a removed key":             {store.Change{Remove: []string{"a", "missing"}}, rec(8, "user-1", time.Hour, state{"b": []byte(`{"x":1}`)})},
		"set wins over remove":      {store.Change{Remove: []string{"a", "b"}, Set: state{"a": []byte(`2`)}}, rec(8, "user-1", time.Hour, state{"a": []byte(`2`)})},
		"cleared":                   {store.Change{Clear: true}, rec(8, "user-1", time.Hour, state{})},
		"cleared but for what is set": {
			store.Change{Clear: true, Remove: []string{"c"}, Set: state{"c": []byte(`3`)}},
			rec(8, "user-1", time.Hour, state{"c": []byte(`3`)}),
		},
		"another subject":       {store.Change{Subject: ptr("user-2")}, rec(8, "user-2", time.Hour, before)},
		"no subject":            {store.Change{Subject: ptr("")}, rec(8, "", time.Hour, before)},
		"another TTL":           {store.Change{TTL: time.Minute}, rec(8, "user-1", time.Minute, before)},
		"IfVersion is not used": {store.Change{IfVersion: 3}, rec(8, "user-1", time.Hour, before)},
	} {
		got := store.Merge(rec(7, "user-1", time.Hour, state{"a": json.RawMessage(`1`), "b": json.RawMessage(`{"x":1}`)}), row.change)
		if !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: %+v, want %+v", name, got, row.want)
		}
	}
}

func TestC3_MergeTouchesNeitherOfItsArguments(t *testing.T) {
	t.Parallel()
	rec := store.Record{State: state{"a": []byte(`1`)}, Version: 1}
	change := store.Change{Set: state{"b": []byte(`2`)}, Remove: []string{"a"}}
	merged := store.Merge(rec, change)
	merged.State["c"] = []byte(`3`)
	if len(rec.State) != 1 || string(rec.State["a"]) != `1` || rec.Version != 1 {
		t.Errorf("the record is now %v", rec)
	}
	if len(change.Set) != 1 || len(change.Remove) != 1 {
		t.Errorf("the change is now %v", change)
	}
	if got := store.Merge(store.Record{}, store.Change{}); got.State == nil || got.Version != 1 {
		t.Errorf("a record without state becomes %+v, want an empty map and version 1", got)
	}
}

// A21: which state keys there can be.
func TestA21_CheckStateKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", " ", "a", `a"b:c\d`, "é😀", "$.a", "__proto__", "\x01", strings.Repeat("k", store.MaxStateKeyBytes)} {
		if err := store.CheckStateKey(key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	for _, key := range []string{"\x00", "secret\x00", "secret\xff", strings.Repeat("secret", 50), strings.Repeat("é", 128)} {
		err := store.CheckStateKey(key)
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%q: error %v, want ErrInvalid", key, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error gives the state key away: %v", err)
		}
	}
}

// C4: what a backend sees of a TTL.
func TestC4_TTLsAreRoundedUpToMilliseconds(t *testing.T) {
	t.Parallel()
	for asked, want := range map[time.Duration]time.Duration{
		time.Nanosecond:                    time.Millisecond,
		time.Millisecond - 1:               time.Millisecond,
		time.Millisecond:                   time.Millisecond,
		time.Millisecond + 1:               2 * time.Millisecond,
		time.Hour:                          time.Hour,
		10 * 365 * 24 * time.Hour:          10 * 365 * 24 * time.Hour,
		time.Duration(math.MaxInt64):       time.Duration(math.MaxInt64).Truncate(time.Millisecond),
		time.Duration(math.MaxInt64) - 1e6: time.Duration(math.MaxInt64).Truncate(time.Millisecond),
	} {
		b := new(fake)
		s := store.New(b)
		if err := errors.Join(
			s.Create(t.Context(), aKey, store.Record{TTL: asked}),
			s.Update(t.Context(), aKey, store.Change{TTL: asked}),
			s.UpdateTTL(t.Context(), aKey, asked),
			s.ChangeKey(t.Context(), aKey, aKey, store.Change{TTL: asked}),
		); err != nil {
			t.Fatalf("%d ns: %v", asked, err)
		}
		for _, got := range []time.Duration{b.records[0].TTL, b.changes[0].TTL, b.changes[1].TTL, b.changes[2].TTL} {
			if got != want {
				t.Errorf("a TTL of %d ns reaches the backend as %d ns, want %d", asked, got, want)
			}
		}
	}
}

// C1: what a backend sees of a record.
func TestC1_ARecordReachesTheBackendInItsPlainForm(t *testing.T) {
	t.Parallel()
	b := new(fake)
	err := store.New(b).Create(t.Context(), aKey, store.Record{
		State: state{"a": []byte(` 1 `)}, Subject: "user-1", CreatedAt: time.UnixMicro(1_700_000_000_123_987), Version: 42, TTL: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := store.Record{
		State: state{"a": []byte(` 1 `)}, Subject: "user-1", CreatedAt: time.UnixMilli(1_700_000_000_123), Version: 1, TTL: time.Hour,
	}
	if got := b.records[0]; !reflect.DeepEqual(got, want) {
		t.Errorf("the backend was given %+v, want %+v", got, want)
	}
}

// C4, A21: what no backend can keep never reaches one, and the refusal names
// neither key nor value.
func TestWhatCannotBeKeptIsRefused(t *testing.T) {
	t.Parallel()
	const secret = "secret"
	badKeys := []string{secret + "\x00", secret + "\xff", strings.Repeat(secret, 50)}
	badTexts := []string{"", secret + "\x00", secret + "\xff"}
	var records []store.Record
	var changes []store.Change
	for _, key := range badKeys {
		records = append(records, store.Record{TTL: time.Hour, State: state{"good": []byte(`1`), key: []byte(`1`)}})
		changes = append(changes, store.Change{Set: state{key: []byte(`1`)}}, store.Change{Remove: []string{"good", key}})
	}
	for _, text := range badTexts {
		records = append(records, store.Record{TTL: time.Hour, State: state{secret: []byte(text)}})
		changes = append(changes, store.Change{Set: state{secret: []byte(text)}})
	}
	for _, subject := range badKeys[:2] {
		records = append(records, store.Record{TTL: time.Hour, Subject: subject})
		changes = append(changes, store.Change{Subject: &subject})
	}
	for _, ttl := range []time.Duration{-1, -time.Hour, math.MinInt64} {
		records = append(records, store.Record{TTL: ttl})
		changes = append(changes, store.Change{TTL: ttl})
	}
	records = append(records, store.Record{})

	b := new(fake)
	s := store.New(b)
	check := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", what, err)
		} else if strings.Contains(err.Error(), secret) || !strings.HasPrefix(err.Error(), "session store: "+what+": ") {
			t.Errorf("%s: the error reads %q", what, err)
		}
	}
	for _, rec := range records {
		check("create", s.Create(t.Context(), aKey, rec))
	}
	for _, ch := range changes {
		check("update", s.Update(t.Context(), aKey, ch))
		check("change key", s.ChangeKey(t.Context(), aKey, aKey, ch))
	}
	check("update", s.UpdateTTL(t.Context(), aKey, 0))
	check("update", s.UpdateTTL(t.Context(), aKey, -1))
	_, err := s.DeleteExpired(t.Context(), -1)
	check("delete expired", err)
	if b.calls != nil {
		t.Errorf("the backend was called all the same: %v", b.calls)
	}
}
