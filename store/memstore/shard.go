package memstore

import (
	"encoding/binary"
	"sync"

	"github.com/fxsession/sessions/store"
)

// shardCount is a power of two, so large that walking one shard of a store
// with millions of sessions takes microseconds.
const shardCount = 1024

// shard holds the records and marks of a part of all keys.
type shard struct {
	mu      sync.RWMutex
	entries map[store.Key]entry
	ended   []endedKey // the marks among them, in the order in which they end
	// soonest is not after the expiry of any record in the shard.
	soonest int64
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
func (sh *shard) find(key store.Key, now int64) (entry, error) {
	switch e, ok := sh.entries[key]; {
	case !ok || e.expires <= now:
		return entry{}, store.ErrNotFound
	case e.block == renamed:
		return entry{}, store.ErrRenewed
	case e.block == deleted:
		return entry{}, store.ErrEnded
	default:
		return e, nil
	}
}

// place says what is under key; live that it is a live record, and expired that
// it is one that has expired.
func (sh *shard) place(key store.Key, now int64) (old entry, live, expired bool) {
	old, ok := sh.entries[key]
	isRecord := ok && !old.isMark()
	return old, isRecord && old.expires > now, isRecord && old.expires <= now
}

// put files e under key, in the place of old, which is the zero entry where
// there is none. The lock of sh is held.
func (s *Store) put(sh *shard, key store.Key, old, e entry) {
	s.subjects.move(key, old.subject(), e.subject())
	if sh.entries == nil {
		sh.entries = make(map[store.Key]entry)
	}
	if len(sh.entries) == 0 || e.expires < sh.soonest {
		sh.soonest = e.expires
	}
	sh.entries[key] = e
	sh.puts++
	sh.peak = max(sh.peak, len(sh.entries))
}

// end puts a mark in the place of the record under key. The lock of sh is held.
func (s *Store) end(sh *shard, key store.Key, record entry, mark string, now int64) {
	s.subjects.move(key, record.subject(), "")
	sh.leaveMark(key, mark, now)
}
