package redisstore_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// What a cluster does between slots, on one server, where the tests can see and
// change what is there between the steps.

// These are raw values: a record and a mark, each with the name of a move from
// its key in the notes.
const (
	movedFrom    = "aaaaaaaaaaaaaaaa"
	notesOfMoves = "\x81\xa1w\xb0" + movedFrom
	movedRecord  = "\x01" + notesOfMoves + "\x07\x01" + far + "\x00\xa0\x81\xa1a\xa11"
	movedMark    = "\xa7renewed" + notesOfMoves
)

// The names of the last moves from a key stay there, whatever comes to be under
// it: those who met a record that moved from there have yet to ask.
func TestTheMovesFromAKeyAreKnownWhateverIsUnderIt(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	ctx := t.Context()
	for name, act := range map[string]func(s *redisstore.Store) error{
		"a mark, over which a record is created": func(s *redisstore.Store) error { return s.Create(ctx, key(2), record("b", `2`)) },
		"a record that is updated":               func(s *redisstore.Store) error { return s.Update(ctx, key(1), store.Change{Set: state("b", `2`)}) },
		"a record whose TTL is extended":         func(s *redisstore.Store) error { return s.Update(ctx, key(1), store.Change{TTL: time.Hour}) },
		"a record that is deleted":               func(s *redisstore.Store) error { return s.Delete(ctx, key(1)) },
		"a record and a mark, within a slot":     func(s *redisstore.Store) error { return s.ChangeKey(ctx, key(1), key(2), store.Change{}) },
		"a record and a mark, between slots":     func(s *redisstore.Store) error { return s.AsCluster().ChangeKey(ctx, key(1), key(2), store.Change{}) },
		"a mark that a record did not reach": func(s *redisstore.Store) error {
			// Its last step is missing, and the old key has gone since: who meets it puts
			// the mark back.
			s.AsCluster()
			err := redisstore.New(&failingClient{Client: client, left: 2}, redisstore.WithNamespace(s.Namespace())).AsCluster().
				ChangeKey(ctx, key(1), key(2), store.Change{})
			if !errors.Is(err, errFailing) {
				return errors.New("the change of key came to its end")
			}
			command(t, client, "SET", s.Namespace()+key(1).String(), movedMark, "PX", "60000")
			if _, err := s.Load(ctx, key(2)); !errors.Is(err, store.ErrRenewed) {
				return err
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace()
			from, to := namespace+key(1).String(), namespace+key(2).String()
			command(t, client, "SET", from, movedRecord, "PX", "3600000")
			command(t, client, "SET", to, movedMark, "PX", "60000")
			if err := act(redisstore.New(client, redisstore.WithNamespace(namespace))); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{from, to} {
				if value, err := command(t, client, "GET", name).ToString(); err != nil || !strings.Contains(value, movedFrom) {
					t.Errorf("it is %q, error %v, and does not know the move", value, err)
				}
			}
		})
	}
}

// A record that arrives has as long to live as it had where it was, counted by
// the clock of where it is.
func TestWhenAMovedRecordExpiresIsCountedAnew(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	namespace := newNamespace()
	s := redisstore.New(client, redisstore.WithNamespace(namespace)).AsCluster()
	command(t, client, "SET", namespace+key(1).String(), movedRecord, "PX", "3600000")
	if err := s.ChangeKey(t.Context(), key(1), key(2), store.Change{}); err != nil {
		t.Fatal(err)
	}
	value, err := command(t, client, "GET", namespace+key(2).String()).ToString()
	if err != nil || strings.Contains(value, far) {
		t.Errorf("it is %q, error %v", value, err)
	}
	if rec, err := s.Load(t.Context(), key(2)); err != nil || rec.TTL > time.Hour || rec.TTL < time.Hour-10*time.Second {
		t.Errorf("it lives for %s, error %v", rec.TTL, err)
	}
}

// They are of the key, and not of the record; and what is noted of moves that are
// under way is of the record alone.
func TestWhatIsNotedOfMovesStaysWithItsKey(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	namespace := newNamespace()
	s := redisstore.New(client, redisstore.WithNamespace(namespace))
	const notes = "\x82\xa1w\xa8aaaaaaaa\xa9@bbbbbbbb\xcf\x00\x0f\xff\xff\xff\xff\xff\xff" // until long after today
	for n := range 2 {
		command(t, client, "SET", namespace+key(n).String(), "\x01"+notes+"\x07\x01"+far+"\x00\xa0", "PX", "3600000")
	}
	if err := errors.Join(s.ChangeKey(t.Context(), key(0), key(2), store.Change{}), s.Delete(t.Context(), key(1))); err != nil {
		t.Fatal(err)
	}
	for n, want := range []string{"\xa7renewed\x81\xa1w\xa8aaaaaaaa", "\xa7deleted\x81\xa1w\xa8aaaaaaaa", "\x01\xc2\x08\x01" + far + "\x00\xa0"} {
		got, err := command(t, client, "GET", namespace+key(n).String()).ToString()
		if len(got) == len(want) && strings.Contains(want, far) { // it has the expiry of its key now
			at := strings.Index(want, far)
			got = got[:at] + far + got[at+len(far):]
		}
		if err != nil || got != want {
			t.Errorf("under key %d is %q, error %v, want %q", n, got, err, want)
		}
	}
}

// What is noted of moves does not keep a near cache from knowing the rest.
func TestANearCacheKeepsWhatHasNotes(t *testing.T) {
	t.Parallel()
	admin := newClient(t, shared.Get(t).Addr())
	for kind, near := range nears {
		namespace, loads := newNamespace(), newLoadCounter()
		s, _ := near(t, rueidis.ClientOption{InitAddress: []string{shared.Get(t).Addr()}},
			redisstore.WithNamespace(namespace), redisstore.WithClientCache(time.Hour), loads.option)
		command(t, admin, "SET", namespace+key(1).String(), movedRecord, "PX", "3600000")
		command(t, admin, "SET", namespace+key(2).String(), movedMark, "PX", "60000")
		for range 10 {
			if rec, err := s.Load(t.Context(), key(1)); err != nil || rec.Version != 7 || string(rec.State["a"]) != `1` {
				t.Errorf("%s: %+v, %v", kind, rec, err)
			}
			if _, err := s.Load(t.Context(), key(2)); !errors.Is(err, store.ErrRenewed) {
				t.Errorf("%s: the mark: %v", kind, err)
			}
		}
		if counts := loads.counts(t); counts["hit"] != 18 || counts["bypass"] != 0 {
			t.Errorf("%s: the loads were counted as %v", kind, counts)
		}
	}
}

// As many moves from one key are known as may be under way at once.
func TestTheLastMovesFromAKeyAreKnown(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	namespace := newNamespace()
	s := redisstore.New(client, redisstore.WithNamespace(namespace)).AsCluster()
	if err := s.Create(t.Context(), key(0), record()); err != nil {
		t.Fatal(err)
	}
	for n := range 10 { // from one key to the other and back
		if err := s.ChangeKey(t.Context(), key(n%2), key((n+1)%2), store.Change{}); err != nil {
			t.Fatal(err)
		}
	}
	value, err := command(t, client, "GET", namespace+key(1).String()).ToString()
	const names = 5 * 16
	if begin := "\xa7renewed\x81\xa1w\xd9" + string(rune(names)); err != nil || !strings.HasPrefix(value, begin) || len(value) != len(begin)+names {
		t.Errorf("the mark is %q, error %v, want the names of five moves", value, err)
	}
	for n := range 8 {
		if err := errors.Join(s.ChangeKey(t.Context(), key(0), key(1), store.Change{}), s.ChangeKey(t.Context(), key(1), key(0), store.Change{})); err != nil {
			t.Fatalf("%d: %v", n, err)
		}
	}
	if value, err := command(t, client, "GET", namespace+key(1).String()).ToString(); err != nil || len(value) != len("\xa7renewed\x81\xa1w\xd9x")+8*16 {
		t.Errorf("the mark is %q, error %v, want the names of eight moves", value, err)
	}
}

// A move that has begun comes to its end though Redis has no memory left by then.
func TestAMoveEndsInAFullRedis(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--maxmemory-policy", "noeviction")
	client := newClient(t, server.Addr())
	for step, steps := range map[string]int64{"commit": 2, "finish": 3} {
		namespace := redisstore.WithNamespace(newNamespace())
		whole := redisstore.New(client, namespace)
		if err := whole.Create(t.Context(), key(1), record("a", `1`)); err != nil {
			t.Fatal(err)
		}
		full := &betweenClient{Client: client, after: steps, do: func() { command(t, client, "CONFIG", "SET", "maxmemory", "1") }}
		if err := redisstore.New(full, namespace).AsCluster().ChangeKey(t.Context(), key(1), key(2), store.Change{}); err != nil {
			t.Errorf("full before %s: %v", step, err)
		}
		command(t, client, "CONFIG", "SET", "maxmemory", "0")
		if _, err := whole.Load(t.Context(), key(1)); !errors.Is(err, store.ErrRenewed) {
			t.Errorf("full before %s: under the old key: %v", step, err)
		}
		rec, err := whole.Load(t.Context(), key(2))
		if err != nil || string(rec.State["a"]) != `1` || rec.TTL < 59*time.Minute {
			t.Errorf("full before %s: under the new key: %+v, %v", step, rec, err)
		}
	}
}

// Nor does it take memory to find out that a move came to nothing.
func TestAMoveThatCameToNothingIsPutAwayInAFullRedis(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--maxmemory-policy", "noeviction")
	client := newClient(t, server.Addr())
	s := redisstore.New(client).AsCluster()
	if err := s.Create(t.Context(), key(1), record()); err != nil {
		t.Fatal(err)
	}
	to := s.Namespace() + key(2).String()
	command(t, client, "SET", to, movedMark, "PX", "60000")
	stopped := redisstore.New(&failingClient{Client: client, left: 2}).AsCluster().ChangeKey(t.Context(), key(1), key(2), store.Change{})
	if err := s.Delete(t.Context(), key(1)); err != nil || !errors.Is(stopped, errFailing) {
		t.Fatal(err, stopped)
	}
	command(t, client, "CONFIG", "SET", "maxmemory", "1")
	if _, err := s.Load(t.Context(), key(2)); !errors.Is(err, store.ErrRenewed) {
		t.Errorf("load: %v, want what was there before", err)
	}
	if value, err := command(t, client, "GET", to).ToString(); err != nil || value != movedMark {
		t.Errorf("it is %q, error %v, want %q", value, err, movedMark)
	}
}

// betweenClient does something after a number of commands.
type betweenClient struct {
	rueidis.Client
	after int64
	do    func()
	done  atomic.Int64
}

func (b *betweenClient) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	result := b.Client.Do(ctx, cmd)
	if refusal, ok := rueidis.IsRedisErr(result.Error()); ok && refusal.IsNoScript() {
		return result
	}
	if b.done.Add(1) == b.after {
		b.do()
	}
	return result
}

// A note of a move that took too long counts for nothing, and goes with the next.
func TestAMoveThatTookTooLongIsNotCommitted(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	namespace := newNamespace()
	from := namespace + key(1).String()
	whole := redisstore.New(client, redisstore.WithNamespace(namespace)).AsCluster()
	if err := whole.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	// Its note says that it was to be committed in 1970.
	notes := func() string {
		value, err := command(t, client, "EVAL", "return cjson.encode(({cmsgpack.unpack(redis.call('GET', KEYS[1]))})[2])", "1", from).ToString()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	const expire = `local r = {cmsgpack.unpack(redis.call('GET', KEYS[1]))}
for name in pairs(r[2]) do r[2][name] = 1 end
redis.call('SET', KEYS[1], cmsgpack.pack(unpack(r)), 'KEEPTTL')`
	slow := &betweenClient{Client: client, after: 2, do: func() { command(t, client, "EVAL", expire, "1", from) }}
	err := redisstore.New(slow, redisstore.WithNamespace(namespace)).AsCluster().ChangeKey(t.Context(), key(1), key(2), store.Change{})
	if err != nil { // it begins anew
		t.Fatal(err)
	}
	if slow.done.Load() < 7 {
		t.Errorf("it took %d commands: the move that took too long was committed", slow.done.Load())
	}

	// One that nobody goes on with leaves its note until another one comes.
	if err := whole.Create(t.Context(), key(3), record()); err != nil {
		t.Fatal(err)
	}
	from = namespace + key(3).String()
	stopping := func(left int64) {
		t.Helper()
		err := redisstore.New(&failingClient{Client: client, left: left}, redisstore.WithNamespace(namespace)).AsCluster().
			ChangeKey(t.Context(), key(3), key(4), store.Change{})
		if !errors.Is(err, errFailing) {
			t.Fatal(err)
		}
	}
	stopping(1)
	before := notes()
	command(t, client, "EVAL", expire, "1", from)
	stopping(1)
	if after := notes(); strings.Count(after, "@") != 1 || after == before {
		t.Errorf("the notes are %s, they were %s", after, before)
	}
	stopping(1)
	if after := notes(); strings.Count(after, "@") != 2 {
		t.Errorf("the notes are %s, want those of two moves", after)
	}
}

// An index is taken to have a record for half a minute less than it has: so much
// later than it was sent may a write be done.
func TestAnEntryLastsLongerThanItsRecordKnows(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	for kind, cluster := range map[string]bool{"single": false, "cluster": true} {
		namespace := newNamespace()
		s := redisstore.New(client, redisstore.WithNamespace(namespace))
		if cluster {
			s.AsCluster()
		}
		rec := record()
		rec.Subject, rec.TTL = "ada", time.Minute
		if err := s.Create(t.Context(), key(1), rec); err != nil {
			t.Fatal(err)
		}
		const look = "return ({cmsgpack.unpack(redis.call('GET', KEYS[1]))})[6]"
		spare, err := command(t, client, "EVAL", look, "1", namespace+key(1).String()).AsInt64()
		if most := (time.Minute + 30*time.Second).Milliseconds(); err != nil || spare > most || spare < most-10_000 {
			t.Errorf("%s: the record knows of %d ms more than its own, error %v, want %d", kind, spare, err, most)
		}
		left, err := command(t, client, "PTTL", namespace+"subject:"+sha1Of("ada")).AsInt64()
		if least := (2 * time.Minute).Milliseconds(); err != nil || left < least+30_000 {
			t.Errorf("%s: the entry lasts %d ms, error %v", kind, left, err)
		}
	}
}

// The longest TTL there is needs an entry once, however long that takes.
func TestTheLongestTTLIsEnteredOnce(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	micros := func() int64 {
		now, err := command(t, client, "TIME").AsIntSlice()
		if err != nil {
			t.Fatal(err)
		}
		return now[0]*1_000_000 + now[1]
	}
	slow := &betweenClient{Client: client, after: 1, do: func() {
		for begin := micros(); micros() < begin+3_000; { // until Redis sees that time has passed
		}
	}}
	s := redisstore.New(slow, redisstore.WithNamespace(newNamespace())).AsCluster()
	rec := record()
	rec.Subject, rec.TTL = "ada", math.MaxInt64
	if err := s.Create(t.Context(), key(1), rec); err != nil || slow.done.Load() != 2 {
		t.Errorf("create: %v, after %d commands, want an entry and a record", err, slow.done.Load())
	}
}
