package memstore

import (
	"encoding/binary"
	"maps"
	"sync"

	"github.com/fxsession/sessions/store"
)

// shardCount is a power of two, so large that copying one shard of a store with
// a million sessions takes a fraction of a millisecond, and so small that the
// shards themselves stay in a processor's cache.
const shardCount = 512

// shard holds the records and marks of a part of all keys.
type shard struct {
	mu      sync.RWMutex
	entries map[store.Key]entry
	chunks  chunks
	// soonest is not after the expiry of any entry.
	soonest int64
	// crowded is how many entries make it time to look for marks that are over.
	crowded int
	// puts counts what was put, so that a sweep sees whether soonest has moved
	// under it.
	puts uint32
	// peak is the most entries that the present map has held.
	peak int
}

func shardIndex(key store.Key) uint32 {
	// Keys are hashes: any of their bits will do.
	return uint32(binary.LittleEndian.Uint16(key[:])) % shardCount
}

func (s *Store) shardOf(key store.Key) *shard { return &s.shards[shardIndex(key)] }

// lockBoth locks the shards of two keys, always in the order of their index.
func (s *Store) lockBoth(a, b store.Key) {
	i, j := shardIndex(a), shardIndex(b)
	s.shards[min(i, j)].mu.Lock()
	if i != j {
		s.shards[max(i, j)].mu.Lock()
	}
}

func (s *Store) unlockBoth(a, b store.Key) {
	i, j := shardIndex(a), shardIndex(b)
	s.shards[i].mu.Unlock()
	if i != j {
		s.shards[j].mu.Unlock()
	}
}

// find returns the live record under key, or the error that says why there is
// none.
func (sh *shard) find(key store.Key, now int64) (record, error) {
	e, ok := sh.entries[key]
	switch {
	case !ok || e.expires <= now:
		return record{}, store.ErrNotFound
	case e.place == renewed:
		return record{}, store.ErrRenewed
	case e.place == deleted:
		return record{}, store.ErrEnded
	}
	return sh.record(e), nil
}

func (sh *shard) record(e entry) record { return record{sh.chunks.at(e.place), e.expires} }

// under gives the record under key, whether it has expired or not; ok is false
// where there is none.
func (sh *shard) under(key store.Key) (rec record, ok bool) {
	e, ok := sh.entries[key]
	if !ok || e.isMark() {
		return record{}, false
	}
	return sh.record(e), true
}

// put files the record of block b under key, in the place of old, which is the
// zero record where there is none. The lock of sh is held.
func (s *Store) put(sh *shard, key store.Key, old record, b []byte, expires, now int64) {
	e := entry{expires, sh.chunks.add(b)}
	sh.set(key, e, now)
	s.subjects.move(key, old.block.subject(), sh.record(e).block.subject())
	sh.drop(old)
}

// end puts a mark in the place of the record under key. The lock of sh is held.
func (s *Store) end(sh *shard, key store.Key, rec record, mark place, now int64) {
	s.subjects.move(key, rec.block.subject(), "")
	sh.set(key, entry{now + store.Grace.Milliseconds(), mark}, now)
	sh.drop(rec)
}

func (sh *shard) set(key store.Key, e entry, now int64) {
	if sh.entries == nil {
		sh.entries = make(map[store.Key]entry)
	}
	if len(sh.entries) == 0 || e.expires < sh.soonest {
		sh.soonest = e.expires
	}
	sh.entries[key] = e
	sh.puts++
	sh.peak = max(sh.peak, len(sh.entries))
	if len(sh.entries) >= sh.crowded {
		sh.forgetMarks(now)
	}
}

// forgetMarks drops the marks that are over, so that they neither pile up nor
// need a sweeper. The next time is when there are twice as many entries as it
// leaves, so that it costs each new one no more than a look at two.
func (sh *shard) forgetMarks(now int64) {
	const few = 16
	if sh.soonest <= now {
		maps.DeleteFunc(sh.entries, func(_ store.Key, e entry) bool { return e.isMark() && e.expires <= now })
	}
	sh.crowded = max(2*len(sh.entries), few)
}

// drop lets go of the block of a record that is no longer in the map.
func (sh *shard) drop(rec record) {
	sh.chunks.drop(rec.block)
	if sh.chunks.wasteful(len(sh.entries)) {
		sh.chunks.compact(sh.entries)
	}
}
