package memstore_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

func textOf(n int) json.RawMessage { return json.RawMessage(`"` + strings.Repeat("x", n) + `"`) }

// What is replaced, renewed, deleted and swept does not stay in memory: of one
// session that is changed all day no more than of a thousand.
func TestBlocksThatNobodyNeedsAreGivenUp(t *testing.T) {
	t.Parallel()
	rec := fiveKeys()
	rec.TTL = 1e6 * time.Hour
	for _, sessions := range []int{1, 10, 1000} {
		s, clock := newStore()
		inOneShard := func(i int) store.Key { return key(i * memstore.Shards) }
		for i := range sessions {
			must(t, s.Create(t.Context(), inOneShard(i), rec))
		}
		most := 0
		for i := range 20_000 {
			k := inOneShard(i % sessions)
			switch {
			case i%97 == 0:
				must(t, s.Delete(t.Context(), k))
				clock.Advance(store.Grace)
				must(t, s.Create(t.Context(), k, rec))
			case i%89 == 0:
				must(t, s.ChangeKey(t.Context(), k, inOneShard(sessions), store.Change{}))
				clock.Advance(store.Grace)
				must(t, s.ChangeKey(t.Context(), inOneShard(sessions), k, store.Change{}))
				clock.Advance(store.Grace)
			default:
				must(t, s.Update(t.Context(), k, store.Change{Set: map[string]json.RawMessage{"cart": textOf(i % 200)}}))
			}
			if i%101 == 0 {
				_, _, room := s.Blocks()
				most = max(most, room)
			}
		}
		live, counted, _ := s.Blocks()
		if live != counted {
			t.Errorf("%d bytes of blocks are counted, and there are %d", live, counted)
		}
		// As much again may wait to be given up, and a part of a chunk is still to fill.
		if bound := 3*live + 8<<10; most > bound {
			t.Errorf("%d sessions of %d bytes together took %d", sessions, live, most)
		}
		clock.Advance(2e6 * time.Hour)
		_, err := s.DeleteExpired(t.Context(), 0)
		must(t, err)
		if live, counted, room := s.Blocks(); live != 0 || counted != 0 || room > 8<<10 {
			t.Errorf("after a sweep %d bytes are counted, %d are there, in room for %d", live, counted, room)
		}
	}
}

// Records of every length stand side by side, those that no chunk is long enough
// for among them.
func TestRecordsOfEveryLength(t *testing.T) {
	t.Parallel()
	s, _ := newStore()
	lengths := []int{0, 1, 100, 126, 127, 128, 1000, 1 << 10, 16_383, 16_384, 32 << 10, 32<<10 + 1, 100_000, 1 << 20}
	rnd := rand.New(rand.NewPCG(1, 2))
	order := rnd.Perm(len(lengths) * 5)
	for _, i := range order {
		must(t, s.Create(t.Context(), key(i*memstore.Shards), store.Record{
			State: map[string]json.RawMessage{"text": textOf(lengths[i%len(lengths)])}, TTL: time.Hour,
		}))
	}
	for range 2 {
		for _, i := range order {
			k, want := key(i*memstore.Shards), textOf(lengths[i%len(lengths)])
			rec, err := s.Load(t.Context(), k)
			must(t, err)
			if got := rec.State["text"]; !slices.Equal(got, want) {
				t.Fatalf("a text of %d bytes came back as one of %d", len(want), len(got))
			}
			must(t, s.Update(t.Context(), k, store.Change{}))
		}
	}
}

// C1: a reader gets a record as it was at one moment, while it and its neighbours
// are replaced and copied from chunk to chunk.
func TestC1_ReadersSeeWholeRecordsWhileBlocksAreCopied(t *testing.T) {
	t.Parallel()
	s, _ := newStore()
	const sessions = 8
	value := func(n int) json.RawMessage { return json.RawMessage(fmt.Sprintf("%0*d", 1+n%50, n)) }
	set := func(n int) map[string]json.RawMessage {
		return map[string]json.RawMessage{"a": value(n), "b": value(n)}
	}
	for i := range sessions {
		must(t, s.Create(t.Context(), key(i*memstore.Shards), store.Record{State: set(1_000_000), TTL: time.Hour}))
	}
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for w := range 2 {
		writers.Go(func() {
			for n := range 5_000 {
				if err := s.Update(t.Context(), key((n*2+w)%sessions*memstore.Shards), store.Change{Set: set(1_000_000 + n)}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for r := range 2 {
		readers.Go(func() {
			for n := r; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				rec, err := s.Load(t.Context(), key(n%sessions*memstore.Shards))
				if err != nil || len(rec.State) != 2 || !slices.Equal(rec.State["a"], rec.State["b"]) {
					t.Errorf("read %v: %v", rec.State, err)
					return
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
}

// Who keeps a subject or a key of the state that was read keeps nothing else in
// memory.
func TestWhatWasReadKeepsNoChunkInMemory(t *testing.T) {
	s, clock := newStore()
	const sessions = 20_000
	rec := fiveKeys()
	rec.State["cart"] = textOf(2000)
	for i := range sessions {
		must(t, s.Create(t.Context(), testkit.Scattered(i), rec))
	}
	full := testkit.Heap()
	var kept []string
	for i := range sessions {
		rec, err := s.Load(t.Context(), testkit.Scattered(i))
		must(t, err)
		kept = append(kept, rec.Subject)
		for key := range rec.State {
			kept = append(kept, key)
		}
	}
	clock.Advance(2 * time.Hour)
	_, err := s.DeleteExpired(t.Context(), 0)
	must(t, err)
	if left := testkit.Heap(); left.Bytes > full.Bytes/2 {
		t.Errorf("%d bytes of %d are in use still", left.Bytes, full.Bytes)
	}
	runtime.KeepAlive(kept)
}

// A sweep that may remove no more than a number of records counts records, not
// marks, and takes the marks that are over with it.
func TestC7_MarksAreSweptAndNotCounted(t *testing.T) {
	t.Parallel()
	s, clock := newStore()
	const each = 5 // of both, in one shard
	for i := range 2 * each {
		must(t, s.Create(t.Context(), key(i*memstore.Shards), lasting(store.Grace)))
		if i < each {
			must(t, s.Delete(t.Context(), key(i*memstore.Shards)))
		}
	}
	clock.Advance(store.Grace)
	for swept := range each {
		n, err := s.DeleteExpired(t.Context(), 1)
		must(t, err)
		if records, _ := s.Held(); n != 1 || records != each-1-swept {
			t.Fatalf("sweep %d of one record removed %d and left %d", 1+swept, n, records)
		}
	}
	n, err := s.DeleteExpired(t.Context(), 1)
	must(t, err)
	if records, marks := s.Held(); n != 0 || records+marks != 0 {
		t.Errorf("the last sweep removed %d and left %d records and %d marks", n, records, marks)
	}
}
