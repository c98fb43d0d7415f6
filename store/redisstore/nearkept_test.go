package redisstore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// What a load returns is the caller's own, whoever else gets the same record.
func TestWhatANearCacheGivesIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	s := open(t, redisstore.Connection{URL: shared.Get(t).URL()}, redisstore.WithNamespace(newNamespace()), redisstore.WithClientCache(time.Hour))
	if err := s.Create(t.Context(), key(1), record("a", `"aaa"`, "b", `"bbb"`)); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		rec, err := s.Load(t.Context(), key(1))
		if err != nil || len(rec.State) != 2 || string(rec.State["a"]) != `"aaa"` || string(rec.State["b"]) != `"bbb"` {
			t.Fatalf("load: %s, error %v", rec.State, err)
		}
		a, b := rec.State["a"], rec.State["b"]
		if _ = append(a, "tail"...); string(b) != `"bbb"` {
			t.Fatal("one text runs into the other")
		}
		if _ = append(b, "tail"...); string(a) != `"aaa"` {
			t.Fatal("one text runs into the other")
		}
		copy(a, "xxxxx")
		rec.State["c"] = json.RawMessage(`1`)
		delete(rec.State, "b")
	}
}

// Readers that get the same records, and change what they get, beside writers of
// another instance: every record is whole, and no reader sees one go back.
func TestManyReadANearCacheWhileOthersWrite(t *testing.T) {
	t.Parallel()
	const keys, versions = 4, 100
	for kind, near := range nears {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			o := rueidis.ClientOption{InitAddress: []string{shared.Get(t).Addr()}, PipelineMultiplex: 2}
			namespace := redisstore.WithNamespace(newNamespace())
			reader, _ := near(t, o, namespace, redisstore.WithClientCache(time.Hour))
			writer := open(t, redisstore.Connection{URL: shared.Get(t).URL()}, namespace)
			for n := range keys {
				if err := writer.Create(t.Context(), key(n), record("version", `1`, "again", `1`)); err != nil {
					t.Fatal(err)
				}
			}
			var all sync.WaitGroup
			for n := range keys {
				all.Go(func() {
					for v := 2; v <= versions; v++ {
						text := strconv.Itoa(v)
						if err := writer.Update(t.Context(), key(n), store.Change{Set: state("version", text, "again", text)}); err != nil {
							t.Error(err)
							return
						}
					}
				})
				for range 4 {
					all.Go(func() {
						for seen := uint64(0); seen < versions && !t.Failed(); {
							rec, err := reader.Load(t.Context(), key(n))
							if err != nil {
								t.Error(err)
								return
							}
							text := fmt.Sprint(rec.Version)
							if string(rec.State["version"]) != text || string(rec.State["again"]) != text || rec.Version < seen {
								t.Errorf("version %d after %d has %s", rec.Version, seen, rec.State)
								return
							}
							seen = rec.Version
							for name, value := range rec.State {
								clear(value)
								delete(rec.State, name)
							}
						}
					})
				}
			}
			all.Wait()
		})
	}
}

// early tells of a change to what is asked for right before the answer arrives.
type early struct {
	rueidis.CacheStore
	told func(name string) []rueidis.RedisMessage
}

func (e *early) Update(name, word string, answer rueidis.RedisMessage) int64 {
	if names := e.told(name); len(names) > 0 {
		e.Delete(names)
	}
	return e.CacheStore.Update(name, word, answer)
}

// An answer is not kept when the record was changed while it was under way.
func TestAChangeWhileAReadIsUnderWayWins(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	loads := newLoadCounter()
	var mu sync.Mutex
	changes := 3
	s, err := redisstore.OpenOver(rueidis.ClientOption{InitAddress: []string{shared.Get(t).Addr()}}, func(c rueidis.CacheStore) rueidis.CacheStore {
		return &early{c, func(name string) []rueidis.RedisMessage {
			mu.Lock()
			defer mu.Unlock()
			if changes == 0 {
				return nil
			}
			changes--
			return []rueidis.RedisMessage{*command(t, client, "ECHO", name)}
		}}
	}, redisstore.WithNamespace(newNamespace()), redisstore.WithClientCache(time.Hour), loads.option)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	writer := redisstore.New(client, redisstore.WithNamespace(s.Namespace()))
	if err := writer.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if rec, err := s.Load(t.Context(), key(1)); err != nil || string(rec.State["a"]) != `1` {
			t.Fatalf("load: %v", err)
		}
		want := min(int64(i)+1, 4) // three that were changed, and the one that is kept
		if got := loads.counts(t); got["miss"] != want || got["hit"] != int64(i)+1-want {
			t.Errorf("after %d loads: %v, want %d misses", i+1, got, want)
		}
	}
}

// All that is kept goes when Redis tells that everything was changed.
func TestANearCacheForgetsAllWhenAllIsFlushed(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	s := open(t, redisstore.Connection{URL: server.URL()}, redisstore.WithClientCache(time.Hour))
	for n := range 10 {
		if err := s.Create(t.Context(), key(n), record()); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() error {
		for n := range 10 {
			if _, err := s.Load(t.Context(), key(n)); err != nil {
				t.Fatal(err)
			}
		}
		if kept, _ := s.Kept(); kept < 10 {
			return fmt.Errorf("%d are kept", kept)
		}
		return nil
	})
	command(t, newClient(t, server.Addr()), "FLUSHALL")
	for n := range 10 {
		eventually(t, func() error {
			if _, err := s.Load(t.Context(), key(n)); !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("load: %w", err)
			}
			return nil
		})
	}
}

// What is kept takes no more memory than it may, and what was asked for last is
// what stays.
func TestANearCacheKeepsWhatThereIsRoomFor(t *testing.T) {
	t.Parallel()
	const room = 20_000
	loads := newLoadCounter()
	namespace := redisstore.WithNamespace(newNamespace())
	direct := open(t, redisstore.Connection{URL: shared.Get(t).URL()}, namespace)
	s := open(t, redisstore.Connection{URL: shared.Get(t).URL()}, namespace, redisstore.WithClientCache(time.Hour), loads.option)
	s.LimitKept(room)
	nth := func(n int) store.Key { return store.Key{0, 0, byte(n), byte(n >> 8), 1} } // in one shard
	load := func(n int) (outcome string) {
		t.Helper()
		before := loads.counts(t)
		rec, err := s.Load(t.Context(), nth(n))
		if err != nil || len(rec.State["text"]) != 1000 {
			t.Fatalf("load: %d bytes, error %v", len(rec.State["text"]), err)
		}
		for outcome, count := range loads.counts(t) {
			if count > before[outcome] {
				return outcome
			}
		}
		return ""
	}
	for n := range 101 {
		if err := direct.Create(t.Context(), nth(n), record("text", fmt.Sprintf(`"%0998d"`, n))); err != nil {
			t.Fatal(err)
		}
	}
	load(0)
	for n := 1; n <= 100; n++ {
		load(n)
		if got := load(0); got != "hit" {
			t.Fatalf("what is always asked for was a %s after %d others", got, n)
		}
	}
	kept, size := s.Kept()
	if size > room || kept < room/2000 || kept > room/1000 {
		t.Errorf("%d records of 1000 bytes are kept and are said to take %d, in a room of %d", kept, size, room)
	}
	if got := load(100); got != "hit" {
		t.Errorf("what was asked for a moment ago was a %s", got)
	}
	if got := load(1); got != "miss" {
		t.Errorf("what was asked for long ago was a %s", got)
	}

	// What is larger than the room is not kept, and puts nothing out.
	s.LimitKept(size)
	if err := direct.Create(t.Context(), nth(200), record("text", fmt.Sprintf(`"%0*d"`, 2*room, 1))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), nth(200)); err != nil {
		t.Fatal(err)
	}
	if after, _ := s.Kept(); after != kept {
		t.Errorf("%d records are kept, want %d as before", after, kept)
	}
}

// lost is a cache whose connection is lost while the first caller waits for what
// another one fetches.
type lost struct {
	rueidis.CacheStore
	once sync.Once
}

func (l *lost) Flight(name, word string, ttl time.Duration, now time.Time) (answer rueidis.RedisMessage, entry rueidis.CacheEntry) {
	l.once.Do(func() {
		_, _ = l.CacheStore.Flight(name, word, ttl, now)
		_, entry = l.CacheStore.Flight(name, word, ttl, now)
		l.Close(rueidis.ErrDoCacheAborted)
	})
	if entry != nil {
		return answer, entry
	}
	return l.CacheStore.Flight(name, word, ttl, now)
}

// Who waits for an answer that another caller fetches asks Redis when the
// connection is lost.
func TestALoadThatWaitsForAnotherOutlastsTheirConnection(t *testing.T) {
	t.Parallel()
	loads := newLoadCounter()
	s, err := redisstore.OpenOver(rueidis.ClientOption{InitAddress: []string{shared.Get(t).Addr()}, PipelineMultiplex: -1},
		func(c rueidis.CacheStore) rueidis.CacheStore { return &lost{CacheStore: c} },
		redisstore.WithNamespace(newNamespace()), redisstore.WithClientCache(time.Minute), loads.option)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	direct := open(t, redisstore.Connection{URL: shared.Get(t).URL()}, redisstore.WithNamespace(s.Namespace()))
	if err := direct.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	// What is closed keeps nothing any more, so that the second load asks as well.
	for range 2 {
		if rec, err := s.Load(t.Context(), key(1)); err != nil || string(rec.State["a"]) != `1` {
			t.Errorf("load: %s, error %v", rec.State, err)
		}
	}
	if got := loads.counts(t); got["bypass"] != 1 || got["miss"] != 1 || got["hit"] != 0 {
		t.Errorf("the loads were counted as %v, want one that goes past the cache and one that misses it", got)
	}
}

// What is kept shares no bytes with the answer that it came with, which would stay
// in memory as well. It runs alone, as it measures the heap.
func TestWhatIsKeptPinsNoAnswer(t *testing.T) {
	const records, size = 40, 256 << 10
	s := open(t, redisstore.Connection{URL: shared.Get(t).URL()}, redisstore.WithNamespace(newNamespace()), redisstore.WithClientCache(time.Hour))
	rec := record("a", `"`+strings.Repeat("x", size-2)+`"`)
	for n := range records {
		if err := s.Create(t.Context(), key(n), rec); err != nil {
			t.Fatal(err)
		}
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for n := range records {
		if _, err := s.Load(t.Context(), key(n)); err != nil {
			t.Fatal(err)
		}
	}
	if grown := heap() - before; grown < records*size || grown > records*size*3/2 {
		t.Errorf("%d bytes of texts take %d", records*size, grown)
	}
}
