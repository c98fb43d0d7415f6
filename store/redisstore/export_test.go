package redisstore

import "github.com/fxsession/sessions/store"

// Dial is what connections are made with.
var Dial = dial

// Slot gives the slot of a key.
var Slot = slot

// MaxNotes is how many notes a shard of the near cache has room for.
const MaxNotes = maxNotes

// Note is what a write does.
func (s *Store) Note(key store.Key) { s.writes(key)(ended, 0, nil) }

// Notes gives how many notes the near cache holds.
func (s *Store) Notes() (n int) {
	for i := range s.near.shards {
		n += len(s.near.shards[i].notes)
	}
	return n
}
