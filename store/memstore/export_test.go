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
	e := sh.entries[key]
	e.block = edit(e.block)
	sh.entries[key] = e
}

// Held returns how many records and marks are in the map, and how many
// endings of marks are remembered.
func (s *Store) Held() (records, marks, endings int) {
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
		endings += len(sh.ended)
		sh.mu.RUnlock()
	}
	return records, marks, endings
}

// Tire makes it time for a sweep to rest.
func (s *Store) Tire() { s.swept.Store(int64(sweepFor)) }

// Shards is how many shards a Store has.
const Shards = shardCount

// Indexed returns how many subjects the index has, and under how many keys.
func (s *Store) Indexed() (subjects, keys int) {
	for i := range s.subjects.shards {
		sh := &s.subjects.shards[i]
		sh.mu.Lock()
		subjects += len(sh.subjects)
		for _, set := range sh.subjects {
			keys += len(set.few) + len(set.many)
		}
		sh.mu.Unlock()
	}
	return subjects, keys
}
