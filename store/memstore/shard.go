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
	records map[store.Key]entry
	marks   map[store.Key]mark
	ended   []endedKey // the marks in the order in which they end
	// soonest is not after the expiry of any record in the shard.
	soonest int64
	// peak is the most records that the present map has held: a Go map does
	// not shrink by itself.
	peak int
}

func shardIndex(key store.Key) uint32 {
	// Keys are hashes: any of their bits will do.
	return uint32(binary.LittleEndian.Uint16(key[:])) % shardCount
}

func (s *Store) shardOf(key store.Key) *shard { return &s.shards[shardIndex(key)] }

// lockBoth locks the shards of two keys, always in the order of their index,
// and returns what unlocks them.
func (s *Store) lockBoth(a, b store.Key) (unlock func()) {
	i, j := shardIndex(a), shardIndex(b)
	first, second := &s.shards[min(i, j)], &s.shards[max(i, j)]
	first.mu.Lock()
	if first == second {
		return first.mu.Unlock
	}
	second.mu.Lock()
	return func() {
		second.mu.Unlock()
		first.mu.Unlock()
	}
}

// find returns the live record under key, or the error that says why there is
// none.
func (sh *shard) find(key store.Key, now int64) (entry, error) {
	if found, ok := sh.records[key]; ok {
		if found.expires > now {
			return found, nil
		}
		return entry{}, store.ErrNotFound
	}
	return entry{}, sh.marks[key].err(now)
}

// put files e under key, in the place of whatever record or mark is there. The
// lock of sh is held.
func (s *Store) put(sh *shard, key store.Key, e entry) {
	s.subjects.move(key, sh.records[key].subject(), e.subject())
	if sh.records == nil {
		sh.records = make(map[store.Key]entry)
	}
	if len(sh.records) == 0 || e.expires < sh.soonest {
		sh.soonest = e.expires
	}
	sh.records[key] = e
	sh.peak = max(sh.peak, len(sh.records))
	delete(sh.marks, key)
}

// drop takes the record under key away. The lock of sh is held.
func (s *Store) drop(sh *shard, key store.Key) {
	s.subjects.move(key, sh.records[key].subject(), "")
	delete(sh.records, key)
}

// end is drop, and leaves the mark.
func (s *Store) end(sh *shard, key store.Key, now int64, renamed bool) {
	s.drop(sh, key)
	sh.forgetMarks(now)
	sh.leaveMark(key, mark{until: now + store.Grace.Milliseconds(), renamed: renamed})
}
