package memstore

import "github.com/fxsession/sessions/store"

// mark stands under the key of a record that was deleted or renamed. The zero
// mark is over.
type mark struct {
	until   int64
	renamed bool
}

// endedKey says when the mark under a key is over.
type endedKey struct {
	key   store.Key
	until int64
}

// err is what an operation on the key of m returns.
func (m mark) err(now int64) error {
	switch {
	case m.until <= now:
		return store.ErrNotFound
	case m.renamed:
		return store.ErrRenewed
	default:
		return store.ErrEnded
	}
}

func (sh *shard) leaveMark(key store.Key, m mark) {
	if sh.marks == nil {
		sh.marks = make(map[store.Key]mark)
	}
	sh.marks[key] = m
	sh.ended = append(sh.ended, endedKey{key, m.until})
}

// forgetMarks drops the marks that are over. It is called before each new one,
// so that marks neither pile up nor need a sweeper.
func (sh *shard) forgetMarks(now int64) {
	for len(sh.ended) > 0 && sh.ended[0].until <= now {
		// A key that ended twice has a later mark by now.
		if key := sh.ended[0].key; sh.marks[key].until <= now {
			delete(sh.marks, key)
		}
		sh.ended = sh.ended[1:]
	}
	if len(sh.ended) == 0 {
		sh.ended, sh.marks = nil, nil // gives the memory of a busy minute back
	}
}
