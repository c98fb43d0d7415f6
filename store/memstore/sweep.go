package memstore

import (
	"context"
	"math"
	"runtime"

	"github.com/fxsession/sessions/store"
)

// DeleteExpired removes expired records, at most limit of them (0: all), and
// returns how many. It takes one shard's lock at a time, and passes over shards
// in which nothing can have expired. Its error is that of a context which is
// done; what was removed until then is counted.
func (s *Store) DeleteExpired(ctx context.Context, limit int) (int, error) {
	if limit <= 0 {
		limit = math.MaxInt
	}
	now, removed := s.clock(), 0
	for i := range s.shards {
		if err := ctx.Err(); err != nil {
			return removed, err
		}
		n, done := s.sweep(&s.shards[i], now, limit-removed)
		removed += n
		if !done {
			break
		}
		runtime.Gosched() // a reader that waited for this shard would run after the whole sweep
	}
	return removed, nil
}

// makeRoom removes expired records until there is room for one, and says
// whether it found any.
func (s *Store) makeRoom(now int64) bool {
	for i := range s.shards {
		if n, _ := s.sweep(&s.shards[i], now, math.MaxInt); n > 0 {
			return true
		}
	}
	return false
}

// sweep removes at most limit expired records from sh. done says that there are
// no more.
func (s *Store) sweep(sh *shard, now int64, limit int) (removed int, done bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.forgetMarks(now)
	if len(sh.entries) > 0 && sh.soonest <= now {
		removed, done = s.sweepExpired(sh, now, limit)
	} else {
		done = true
	}
	sh.shrink()
	s.held.Add(-int64(removed))
	return removed, done
}

func (s *Store) sweepExpired(sh *shard, now int64, limit int) (removed int, done bool) {
	soonest := int64(math.MaxInt64)
	for key, e := range sh.entries {
		if e.isMark() { // forgetMarks sees to them
			continue
		}
		if e.expires > now {
			soonest = min(soonest, e.expires)
			continue
		}
		if removed == limit {
			return removed, false
		}
		s.subjects.move(key, e.subject(), "")
		delete(sh.entries, key)
		removed++
	}
	sh.soonest = soonest
	return removed, true
}

// shrink gives memory back when most of the entries are gone.
func (sh *shard) shrink() {
	const worthwhile = 64
	if sh.peak < worthwhile || len(sh.entries) > sh.peak/4 {
		return
	}
	smaller := make(map[store.Key]entry, len(sh.entries))
	for key, e := range sh.entries {
		smaller[key] = e
	}
	sh.entries, sh.peak = smaller, len(smaller)
}
