package redisstore

import (
	"container/list"
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fxsession/sessions/store"
)

// nearRoom is for how many bytes there is room in each shard of a near cache:
// 128 MiB in all.
const nearRoom = 128 << 20 / len(nearCache{}.shards)

// kept is what Redis said of a key: a record, or why there is none. It never
// changes, so that many may read it at once.
type kept struct {
	store.Record // without State
	err          error

	names []string
	texts []byte // the JSON texts, one after the other
	ends  []int  // of each in texts

	key     store.Key
	teller  *teller
	expires time.Time // when the record does, if there is one
	until   time.Time // when Redis is to be asked again
}

// teller is a connection that tells of changes, until it is lost or has told
// that everything changed.
type teller struct{ over atomic.Bool }

// newKept keeps rec, which expires when its TTL is over from now on.
func newKept(key store.Key, rec store.Record, err error, from *teller, now, until time.Time) *kept {
	k := &kept{Record: rec, err: err, key: key, teller: from, until: until}
	k.State, k.Subject = nil, strings.Clone(rec.Subject) // a part of the answer, which would be kept with it
	if err == nil {
		k.expires = now.Add(rec.TTL)
	}
	size := 0
	for _, text := range rec.State {
		size += len(text)
	}
	k.names, k.ends, k.texts = make([]string, 0, len(rec.State)), make([]int, 0, len(rec.State)), make([]byte, 0, size)
	for name, text := range rec.State {
		k.texts = append(k.texts, text...)
		// So may be name.
		k.names, k.ends = append(k.names, strings.Clone(name)), append(k.ends, len(k.texts))
	}
	return k
}

// record gives the record as it is now, with maps and bytes that are the
// caller's own.
func (k *kept) record(now time.Time) store.Record {
	if k.err != nil {
		return store.Record{}
	}
	rec := k.Record
	rec.TTL = max(k.expires.Sub(now).Truncate(time.Millisecond), time.Millisecond)
	rec.State = make(map[string]json.RawMessage, len(k.names))
	texts := make([]byte, len(k.texts))
	copy(texts, k.texts)
	begin := 0
	for i, name := range k.names {
		rec.State[name] = texts[begin:k.ends[i]:k.ends[i]]
		begin = k.ends[i]
	}
	return rec
}

// size is about how many bytes k takes, with its places in a shelf.
func (k *kept) size() int {
	const fixed, each = 400, 48
	n := fixed + len(k.texts) + len(k.Subject)
	for _, name := range k.names {
		n += each + len(name)
	}
	return n
}

// shelf holds what is kept, and drops what nobody has asked for the longest.
type shelf struct {
	byKey  map[store.Key]*list.Element
	recent list.List // of *kept, the one that was asked for last in front
	size   int
}

// take gives what is kept of a key, nil for nothing.
func (s *shelf) take(key store.Key, now time.Time) *kept {
	e := s.byKey[key]
	if e == nil {
		return nil
	}
	k := e.Value.(*kept)
	if k.teller.over.Load() || !now.Before(k.until) {
		s.remove(e)
		return nil
	}
	s.recent.MoveToFront(e)
	return k
}

// put keeps k, within room bytes for all, unless it is larger alone.
func (s *shelf) put(k *kept, room int) {
	s.drop(k.key)
	if k.size() > room {
		return
	}
	if s.byKey == nil {
		s.byKey = make(map[store.Key]*list.Element)
	}
	s.byKey[k.key] = s.recent.PushFront(k)
	s.size += k.size()
	for s.size > room {
		s.remove(s.recent.Back())
	}
}

// drop forgets a key.
func (s *shelf) drop(key store.Key) {
	if e := s.byKey[key]; e != nil {
		s.remove(e)
	}
}

func (s *shelf) remove(e *list.Element) {
	k := s.recent.Remove(e).(*kept)
	delete(s.byKey, k.key)
	s.size -= k.size()
}
