package memstore

import "github.com/fxsession/sessions/store"

// Corrupt cuts the block of the record under key in half.
func (s *Store) Corrupt(key store.Key) {
	s.SetBlock(key, func(block string) string { return block[:len(block)/2] })
}

// SetBlock replaces the block of the record under key.
func (s *Store) SetBlock(key store.Key, edit func(block string) string) {
	sh := s.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	rec, _ := sh.under(key)
	sh.entries[key] = entry{rec.expires, sh.chunks.add([]byte(edit(string(rec.block))))}
	sh.drop(rec)
}

// Held returns how many records and marks are in the maps.
func (s *Store) Held() (records, marks int) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		for _, e := range sh.entries {
			if e.isMark() {
				marks++
			} else {
				records++
			}
		}
		sh.mu.RUnlock()
	}
	return records, marks
}

// Blocks returns how many bytes of blocks are needed, by the count that is kept
// and by the records themselves, and how many the chunks have room for.
func (s *Store) Blocks() (live, counted, room int) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		for _, e := range sh.entries {
			if !e.isMark() {
				counted += len(sh.record(e).block)
			}
		}
		live += sh.chunks.live
		for _, chunk := range sh.chunks.full {
			room += len(chunk)
		}
		room += sh.chunks.open.Cap()
		sh.mu.RUnlock()
	}
	return live, counted, room
}

// Tire makes it time for a sweep to rest.
func (s *Store) Tire() { s.swept.Store(int64(sweepFor)) }

// Clock gives the time by which records expire, in milliseconds.
func (s *Store) Clock() int64 { return s.clock() }

// Shards is how many shards a Store has.
const Shards = shardCount

// Collide gives all subjects the same hash.
func (s *Store) Collide() { s.subjects.hash = func(string) uint64 { return 7 } }

// Indexed returns how many subjects the index has, and under how many keys.
func (s *Store) Indexed() (subjects, keys int) {
	for i := range s.subjects.shards {
		sh := &s.subjects.shards[i]
		sh.mu.Lock()
		subjects += len(sh.one) + len(sh.many)
		keys += len(sh.one)
		for _, set := range sh.many {
			keys += len(set.few) + len(set.many)
		}
		sh.mu.Unlock()
	}
	return subjects, keys
}
