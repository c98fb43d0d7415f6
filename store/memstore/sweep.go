package memstore

import (
	"context"
	"maps"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/fxsession/sessions/store"
)

// Sweeps rest after each such while. The system may let one share the CPU of a
// thread that reads, even where another CPU is idle, and gives each of the two
// the CPU for 3 or 4 ms at a time, unless it sleeps.
const (
	sweepFor = 1500 * time.Microsecond
	restFor  = 500 * time.Microsecond // few systems sleep for less than a millisecond
)

// DeleteExpired removes expired records, at most limit of them (0: all), and
// returns how many. It passes over shards in which nothing can have expired,
// and sleeps at times where there is much to do. Its error is that of a context
// which is done; what was removed until then is counted.
func (s *Store) DeleteExpired(ctx context.Context, limit int) (int, error) {
	if limit <= 0 {
		limit = math.MaxInt
	}
	sw := sweep{s: s, now: s.clock(), left: limit}
	begun := time.Now()
	for i := range s.shards {
		if err := ctx.Err(); err != nil {
			return sw.removed, err
		}
		if idle := sw.shard(&s.shards[i]); idle {
			continue
		}
		begun = s.giveWay(begun)
		if sw.left == 0 {
			break
		}
	}
	return sw.removed, nil
}

// giveWay lets others run after work that has begun then, and says when to go
// on.
func (s *Store) giveWay(begun time.Time) time.Time {
	if s.swept.Add(int64(time.Since(begun))) < int64(sweepFor) {
		runtime.Gosched() // a reader that waited for a shard would run after the whole sweep
	} else {
		s.swept.Store(0)
		time.Sleep(restFor)
	}
	return time.Now()
}

// makeRoom removes expired records until there is room for one, and says
// whether it found any.
func (s *Store) makeRoom(now int64) bool {
	sw := sweep{s: s, now: now, left: math.MaxInt}
	for i := range s.shards {
		if sw.shard(&s.shards[i]); sw.removed > 0 {
			return true
		}
	}
	return false
}

// sweep removes expired records, and marks that are over. It looks for them
// under the read lock, so that those who read do not wait, and takes the lock for
// a few at a time.
type sweep struct {
	s             *Store
	now           int64
	left, removed int         // records to remove at most, and removed
	found         []store.Key // what is over in the present shard
}

// bite is how many are removed under one lock.
const bite = 64

// shard sweeps one shard; idle says that there was nothing to do.
func (sw *sweep) shard(sh *shard) (idle bool) {
	sh.mu.RLock()
	wasteful := sh.wasteful()
	walked, soonest, puts := sw.look(sh)
	sh.mu.RUnlock()

	for some := range slices.Chunk(sw.found, bite) {
		sh.mu.Lock()
		sw.remove(sh, some)
		sh.mu.Unlock()
	}
	if !walked && !wasteful {
		return len(sw.found) == 0
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if walked && sh.puts == puts {
		sh.soonest = soonest
	}
	if sh.wasteful() {
		sh.shrink()
	}
	return false
}

// look fills found, with no more records than may be removed. walked says
// that it went through all of sh: soonest is when the next is over, and puts how
// many had been put. The read lock of sh is held.
func (sw *sweep) look(sh *shard) (walked bool, soonest int64, puts uint32) {
	sw.found = sw.found[:0]
	if len(sh.entries) == 0 || sh.soonest > sw.now {
		return false, 0, 0
	}
	soonest = math.MaxInt64
	records := 0
	for key, e := range sh.entries {
		if e.expires > sw.now {
			soonest = min(soonest, e.expires)
			continue
		}
		if !e.isMark() {
			if records == sw.left {
				return false, 0, 0
			}
			records++
		}
		sw.found = append(sw.found, key)
	}
	return true, soonest, sh.puts
}

// remove removes what is under some, but what was replaced meanwhile. The lock
// of sh is held.
func (sw *sweep) remove(sh *shard, some []store.Key) {
	removed := 0
	for _, key := range some {
		e, ok := sh.entries[key]
		if !ok || e.expires > sw.now {
			continue
		}
		delete(sh.entries, key)
		if e.isMark() {
			continue
		}
		rec := sh.record(e)
		sw.s.subjects.move(key, rec.block.subject(), "")
		sh.drop(rec)
		removed++
	}
	sw.s.held.Add(-int64(removed))
	sw.left -= removed
	sw.removed += removed
}

// wasteful says that most of what the map of sh has room for is gone.
func (sh *shard) wasteful() bool {
	const worthwhile = 64
	return sh.peak >= worthwhile && len(sh.entries) <= sh.peak/4
}

// shrink gives memory back: a Go map does not do so by itself.
func (sh *shard) shrink() {
	smaller := make(map[store.Key]entry, len(sh.entries))
	maps.Copy(smaller, sh.entries)
	sh.entries, sh.peak = smaller, len(smaller)
}
