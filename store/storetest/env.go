package storetest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/fxsession/sessions/store"
)

// hour is a TTL that does not run out while a check is under way.
const hour = time.Hour

// slack is how much of a TTL may be lost to the reading of several clocks.
const slack = 100 * time.Millisecond

// env is what a check works with: two handles on the same data, and helpers
// that fail the check when an answer is not the expected one.
type env struct {
	testing.TB
	harness Harness
	store   *store.SessionStore // a handle
	other   *store.SessionStore // another one, as a second instance has it
}

func newEnv(tb testing.TB, h Harness) *env {
	return &env{TB: tb, harness: h, store: store.New(h.Open(tb)), other: store.New(h.Open(tb))}
}

func (e *env) advance(d time.Duration) {
	e.Helper()
	e.harness.Advance(e, d)
}

// newKey gives the nth key of a check. Keys are hashes, so that neighbours
// differ in every byte.
func newKey(n int) store.Key {
	var random rand.PCG
	random.Seed(uint64(n), 0)
	var key store.Key
	binary.LittleEndian.PutUint64(key[:8], random.Uint64())
	binary.LittleEndian.PutUint64(key[8:], random.Uint64())
	return key
}

// state builds a State from pairs of key and JSON text.
func state(pairs ...string) map[string]json.RawMessage {
	s := make(map[string]json.RawMessage, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		s[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	return s
}

// record builds a record that lives for an hour.
func record(pairs ...string) store.Record {
	return store.Record{State: state(pairs...), CreatedAt: time.UnixMilli(1_700_000_000_123), TTL: hour}
}

// ok fails the check when doing what was done failed.
func (e *env) ok(err error, what string) {
	e.Helper()
	if err != nil {
		e.Fatalf("%s: %v", what, err)
	}
}

// is fails the check when err is not the one that the contract asks for.
func (e *env) is(err, want error, what string) {
	e.Helper()
	if !is(err, want) {
		e.Fatalf("%s: error %v, want %v", what, show(err), want)
	}
}

// is is errors.Is, but for a renewed record, which has not merely ended.
func is(err, want error) bool {
	return errors.Is(err, want) && (want != store.ErrEnded || !errors.Is(err, store.ErrRenewed))
}

func show(err error) any {
	if err == nil {
		return "nil"
	}
	return err
}

// create files rec under key.
func (e *env) create(key store.Key, rec store.Record) {
	e.Helper()
	e.ok(e.store.Create(e.Context(), key, rec), "create")
}

// load gives the record under key as both handles see it.
func (e *env) load(key store.Key) store.Record {
	e.Helper()
	rec, err := e.store.Load(e.Context(), key)
	e.ok(err, "load")
	again, err := e.other.Load(e.Context(), key)
	e.ok(err, "load through another handle")
	if diff := compare(again, rec); diff != "" {
		e.Fatalf("two handles see two records: %s", diff)
	}
	return rec
}

// holds fails the check when what is under key is not want. TTLs are not
// compared.
func (e *env) holds(key store.Key, want store.Record) {
	e.Helper()
	if diff := compare(e.load(key), want); diff != "" {
		e.Fatalf("load: %s", diff)
	}
}

// gone fails the check when an operation on key, by either handle, is answered
// with anything but want.
func (e *env) gone(key store.Key, want error) {
	e.Helper()
	for _, s := range []*store.SessionStore{e.store, e.other} {
		_, err := s.Load(e.Context(), key)
		e.is(err, want, "load")
		e.is(s.Update(e.Context(), key, store.Change{Set: state("late", `1`)}), want, "update")
		e.is(s.UpdateTTL(e.Context(), key, hour), want, "update of the TTL alone")
		e.is(s.ChangeKey(e.Context(), key, newKey(-1), store.Change{Set: state("late", `1`)}), want, "change key")
		e.is(s.Delete(e.Context(), key), want, "delete")
		_, err = s.Load(e.Context(), key)
		e.is(err, want, "load after writes that found nothing")
	}
	_, err := e.store.Load(e.Context(), newKey(-1))
	e.is(err, store.ErrNotFound, "load of the key that a failed change of key was to make")
}

// lives fails the check when the record under key has not ttl to live, as set
// at the moment since.
func (e *env) lives(key store.Key, ttl time.Duration, since time.Time) {
	e.Helper()
	got := e.load(key).TTL
	if least := ttl - time.Since(since) - slack; got > ttl || got < least || got <= 0 {
		e.Fatalf("load: a TTL of %s, want between %s and %s", got, least, ttl)
	}
}

// compare says how got differs from want, TTLs aside; "" if it does not.
func compare(got, want store.Record) string {
	switch {
	case got.Subject != want.Subject:
		return fmt.Sprintf("subject %q, want %q", got.Subject, want.Subject)
	case got.Version != want.Version:
		return fmt.Sprintf("version %d, want %d", got.Version, want.Version)
	case !got.CreatedAt.Equal(want.CreatedAt):
		return fmt.Sprintf("created at %s, want %s", got.CreatedAt, want.CreatedAt)
	}
	return compareState(got.State, want.State)
}

func compareState(got, want map[string]json.RawMessage) string {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if text, ok := got[key]; !ok {
			return fmt.Sprintf("the state key %q is missing", short(key))
		} else if !bytes.Equal(text, want[key]) {
			return fmt.Sprintf("%q is %s, want %s", short(key), short(string(text)), short(string(want[key])))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			return fmt.Sprintf("there is a state key %q that should not be: %s", short(key), short(string(got[key])))
		}
	}
	return ""
}

// short cuts s to what fits a line.
func short(s string) string {
	if len(s) > 60 {
		return fmt.Sprintf("%.60s… (%d bytes)", s, len(s))
	}
	return s
}
