package redisstore_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// Who may not run scripts can create records of nobody as soon as the time of the
// server is known: from a load, or from a record that was created before.
func TestARecordOfNobodyTakesNoScript(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, append([]string{"--user", "app"}, strings.Fields(rightsOfAUser)...)...)
	connection := redisstore.Connection{URL: server.URL(), Username: "app", Password: "secret"}
	hasCreated, hasLoaded, fresh := open(t, connection), open(t, connection), open(t, connection)
	if err := hasCreated.Create(t.Context(), key(100), record()); err != nil {
		t.Fatal(err)
	}
	if _, err := hasLoaded.Load(t.Context(), key(101)); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("load: %v", err)
	}
	command(t, newClient(t, server.Addr()), "ACL", "SETUSER", "app", "-eval", "-evalsha")

	if err := fresh.Create(t.Context(), key(102), record()); err == nil {
		t.Error("it was created before the time was known")
	}
	for n, s := range []*redisstore.Store{hasCreated, hasLoaded} {
		want := record("a", `1`, "n", `[2]`)
		if err := s.Create(t.Context(), key(n), want); err != nil {
			t.Fatalf("create %d: %v", n, err)
		}
		got, err := s.Load(t.Context(), key(n))
		if err != nil || got.Version != 1 || !got.CreatedAt.Equal(want.CreatedAt) || !reflect.DeepEqual(got.State, want.State) {
			t.Errorf("record %d has %+v, error %v", n, got, err)
		}
		if got.TTL > want.TTL || got.TTL < want.TTL-10*time.Second {
			t.Errorf("record %d lives for %s, want %s", n, got.TTL, want.TTL)
		}
		signed := record()
		signed.Subject = "ada"
		if err := s.Create(t.Context(), key(103), signed); err == nil {
			t.Error("a record of a subject was created without a script")
		}
	}
}

// Both ways to create a record leave the same, in whatever year it began.
func TestARecordIsTheSameWithAndWithoutAScript(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	namespace := newNamespace()
	read := func(n int) string {
		const look = `local r = {cmsgpack.unpack(redis.call('GET', KEYS[1]))}; r[5] = 0; return cjson.encode(r)`
		shown, err := command(t, client, "EVAL", look, "1", namespace+key(n).String()).ToString()
		if err != nil {
			t.Fatal(err)
		}
		return shown
	}
	for n, began := range []time.Time{
		{}, time.UnixMilli(-1), time.UnixMilli(0), time.UnixMilli(1), time.Now(), time.UnixMilli(math.MaxInt64), time.UnixMilli(math.MinInt64),
	} {
		for _, rec := range []store.Record{record(), record("a", `1`, "b", `{"c":[]}`)} {
			rec.CreatedAt = began
			s := redisstore.New(client, redisstore.WithNamespace(namespace))
			script, plain := 2*n, 2*n+1
			for _, n := range []int{script, plain} { // the first of a store is one of a script
				if err := s.Create(t.Context(), key(n), rec); err != nil {
					t.Fatal(err)
				}
			}
			if a, b := read(script), read(plain); a != b {
				t.Errorf("began %s: %s with a script, %s without", began, a, b)
			}
			command(t, client, "DEL", namespace+key(script).String(), namespace+key(plain).String())
		}
	}
}

// What is in the way is what a script says it is, and what has ended is not in the way.
func TestWhereSomethingIsInTheWayOfANewRecord(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	namespace := newNamespace()
	s := redisstore.New(client, redisstore.WithNamespace(namespace))
	for n := range 2 {
		if err := s.Create(t.Context(), key(n), record("a", `1`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), key(1)); err != nil {
		t.Fatal(err)
	}
	command(t, client, "RPUSH", namespace+key(2).String(), "x")
	for n, want := range []error{store.ErrDuplicateKey, nil, store.ErrCorrupt} {
		if err := s.Create(t.Context(), key(n), record("a", `2`)); !errors.Is(err, want) {
			t.Errorf("create %d: %v, want %v", n, err, want)
		}
	}
	for n, want := range []string{"1", "2"} {
		if rec, err := s.Load(t.Context(), key(n)); err != nil || string(rec.State["a"]) != want {
			t.Errorf("record %d has %s, error %v, want %s", n, rec.State["a"], err, want)
		}
	}
}

// A record must not say that it expires later than its key does.
func TestTheClockOfTheServerIsNeverAheadOfIt(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{0, time.Hour, -time.Hour} {
		clock := redisstore.NewServerClock()
		if _, known := clock.Now(); known {
			t.Fatal("it is known without having been heard")
		}
		theirs := func() int64 { return time.Now().Add(ahead).UnixMilli() }
		for until := time.Now().Add(50 * time.Millisecond); time.Now().Before(until); {
			clock.Hear(theirs())
			now, known := clock.Now()
			if late := theirs() - now; !known || late < 0 || late > 60_000 {
				t.Fatalf("a clock that is %s ahead: %d ms late, known %t", ahead, late, known)
			}
		}
	}
}

func TestTheClockOfTheServerGoesOnAndIsForgotten(t *testing.T) {
	t.Parallel()
	clock := redisstore.NewServerClock()
	clock.Hear(1_000_000)
	clock.Pass(50 * time.Second)
	if now, known := clock.Now(); !known || now < 1_050_000 || now > 1_055_000 {
		t.Errorf("after 50 s it is %d, known %t", now, known)
	}
	clock.Hear(500_000) // it was set
	if now, known := clock.Now(); !known || now < 500_000 || now > 505_000 {
		t.Errorf("it was heard to be 500,000, and is %d, known %t", now, known)
	}
	clock.Pass(time.Minute)
	if now, known := clock.Now(); known {
		t.Errorf("a minute later it is taken to be %d", now)
	}
}
