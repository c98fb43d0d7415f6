package memstore

import (
	"context"
	"errors"
	"sync"

	"github.com/fxsession/sessions/store"
)

// ListBySubject returns every live record of the subject. Its error is that of
// a context which is done.
func (s *Store) ListBySubject(ctx context.Context, subject string) ([]store.Entry, error) {
	var found []store.Entry
	err := s.eachOf(ctx, subject, func() { found = nil }, func(key store.Key) error {
		rec, err := s.Load(ctx, key)
		if err == nil && rec.Subject == subject {
			found = append(found, store.Entry{Key: key, Record: rec})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// DeleteBySubject deletes every live record of the subject but those under the
// keys in except. Its error is that of a context which is done; what was
// deleted until then is counted.
func (s *Store) DeleteBySubject(ctx context.Context, subject string, except ...store.Key) (int, error) {
	kept := make(map[store.Key]bool, len(except))
	for _, key := range except {
		kept[key] = true
	}
	deleted := 0
	err := s.eachOf(ctx, subject, func() {}, func(key store.Key) error {
		if kept[key] {
			return nil
		}
		err := s.delete(key, func(rec record) bool { return rec.block.subject() == subject })
		if err == nil {
			deleted++
		}
		return err
	})
	return deleted, err
}

// eachOf calls begin, and then do with each key of a subject. It holds no lock
// meanwhile, so that a record may move on to a key that was not among them; do
// then returns ErrRenewed, and eachOf begins again.
func (s *Store) eachOf(ctx context.Context, subject string, begin func(), do func(key store.Key) error) error {
	renewed := map[store.Key]bool{}
	for {
		begin()
		more := false
		for _, key := range s.subjects.keys(subject) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if errors.Is(do(key), store.ErrRenewed) && !renewed[key] {
				renewed[key], more = true, true
			}
		}
		if !more {
			return ctx.Err()
		}
	}
}

// subjectIndex says which keys the records of a subject are under. An entry is
// made and removed together with its record, under the lock of the record's
// shard, so that the index grows no larger than the store. A lock of the
// index is the last to be taken.
//
// It knows subjects by their hashes, which are no pointers. Where two have the
// same, it gives the keys of both: whoever asks looks at the records anyway.
type subjectIndex struct {
	hash   func(subject string) uint64
	shards [shardCount]subjectShard
}

type subjectShard struct {
	mu   sync.Mutex
	one  map[uint64]store.Key // of those that have one key, as most do
	many map[uint64]*keySet   // of the others
}

func (x *subjectIndex) of(subject string) (sh *subjectShard, hash uint64) {
	hash = x.hash(subject)
	return &x.shards[hash%shardCount], hash
}

// keys gives a copy.
func (x *subjectIndex) keys(subject string) []store.Key {
	sh, hash := x.of(subject)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if key, ok := sh.one[hash]; ok {
		return []store.Key{key}
	}
	if set := sh.many[hash]; set != nil {
		return set.all()
	}
	return nil
}

// move says that what was the subject of the record under key is another now;
// "" for nobody, or no record.
func (x *subjectIndex) move(key store.Key, from, to string) {
	if from == to {
		return
	}
	if from != "" {
		x.remove(key, from)
	}
	if to != "" {
		x.add(key, to)
	}
}

func (x *subjectIndex) add(key store.Key, subject string) {
	sh, hash := x.of(subject)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if set := sh.many[hash]; set != nil {
		set.add(key)
		return
	}
	first, ok := sh.one[hash]
	if !ok {
		sh.put(hash, key)
		return
	}
	if sh.many == nil {
		sh.many = make(map[uint64]*keySet)
	}
	sh.many[hash] = &keySet{few: []store.Key{first, key}}
	delete(sh.one, hash)
}

func (sh *subjectShard) put(hash uint64, key store.Key) {
	if sh.one == nil {
		sh.one = make(map[uint64]store.Key)
	}
	sh.one[hash] = key
}

func (x *subjectIndex) remove(key store.Key, subject string) {
	sh, hash := x.of(subject)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if set := sh.many[hash]; set == nil {
		delete(sh.one, hash)
	} else if set.remove(key); len(set.few) == 1 {
		delete(sh.many, hash)
		sh.put(hash, set.few[0])
	}
	// gives the memory of a busy time back
	if len(sh.one) == 0 {
		sh.one = nil
	}
	if len(sh.many) == 0 {
		sh.many = nil
	}
}
