package memstore

import "github.com/fxsession/sessions/store"

// A mark stands under the key of a record that was deleted or renamed, until it
// expires. It is an entry with one of these blocks, which no record has: theirs
// begin with a version above 0.
const (
	deleted = "\x00d"
	renamed = "\x00r"
)

// endedKey says when the mark under a key is over.
type endedKey struct {
	key   store.Key
	until int64
}

func (e entry) isMark() bool { return e.block == deleted || e.block == renamed }

// leaveMark replaces the record under key. The lock of sh is held.
func (sh *shard) leaveMark(key store.Key, mark string, now int64) {
	sh.forgetMarks(now)
	until := now + store.Grace.Milliseconds()
	sh.entries[key] = entry{mark, until}
	sh.ended = append(sh.ended, endedKey{key, until})
}

// marksOver says whether there are marks to forget.
func (sh *shard) marksOver(now int64) bool { return len(sh.ended) > 0 && sh.ended[0].until <= now }

// forgetMarks drops the marks that are over. It is called before each new one,
// so that marks neither pile up nor need a sweeper.
func (sh *shard) forgetMarks(now int64) {
	for sh.marksOver(now) {
		// A key that ended twice has a later mark by now.
		key := sh.ended[0].key
		if e := sh.entries[key]; e.isMark() && e.expires <= now {
			delete(sh.entries, key)
		}
		sh.ended = sh.ended[1:]
	}
	if len(sh.ended) == 0 {
		sh.ended = nil // gives the memory of a busy minute back
	}
}
