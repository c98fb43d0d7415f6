package memstore

import (
	"encoding/binary"
	"time"

	"github.com/fxsession/sessions/internal/statecodec"
	"github.com/fxsession/sessions/store"
)

// entry is one record: when it expires, and everything else in one block that
// is never changed, only replaced, so that it can be read without a lock.
//
//	uvarint   version
//	varint    when it was created, in milliseconds since 1970
//	uvarint   length of the subject
//	bytes     the subject
//	bytes     the state, as package statecodec writes it
type entry struct {
	block   string
	expires int64 // by the clock of the store, in milliseconds
}

// usualBlock is how long a block may be to be put together without the heap.
const usualBlock = 1024

func newEntry(rec store.Record, now int64) entry {
	var room [usualBlock]byte
	block := appendHead(room[:0], rec.Version, rec.CreatedAt.UnixMilli(), rec.Subject)
	block = statecodec.Append(block, rec.State)
	return entry{block: string(block), expires: now + rec.TTL.Milliseconds()}
}

func appendHead(block []byte, version uint64, created int64, subject string) []byte {
	block = binary.AppendUvarint(block, version)
	block = binary.AppendVarint(block, created)
	block = binary.AppendUvarint(block, uint64(len(subject)))
	return append(block, subject...)
}

// head is what a block holds in front of the state.
type head struct {
	version uint64
	created int64
	subject string // it shares the bytes of the block
}

// cut gives the two parts of the block; ok is false where it has no head.
func (e entry) cut() (h head, state string, ok bool) {
	version, rest, ok := cutUvarint(e.block)
	if !ok {
		return head{}, "", false
	}
	created, rest, ok := cutUvarint(rest)
	if !ok {
		return head{}, "", false
	}
	size, rest, ok := cutUvarint(rest)
	if !ok || size > uint64(len(rest)) {
		return head{}, "", false
	}
	return head{version, int64(created>>1) ^ -int64(created&1), rest[:size]}, rest[size:], true
}

// cutUvarint is binary.Uvarint for a string, and gives what follows.
func cutUvarint(text string) (v uint64, rest string, ok bool) {
	for i := 0; i < len(text) && i < binary.MaxVarintLen64; i++ {
		v |= uint64(text[i]&0x7f) << (7 * i)
		if text[i] < 0x80 {
			return v, text[i+1:], true
		}
	}
	return 0, "", false
}

// subject gives the subject; "" where there is none, or none can be read.
func (e entry) subject() string {
	h, _, _ := e.cut()
	return h.subject
}

// record gives a copy of what e holds.
func (e entry) record(now int64) (store.Record, error) {
	h, encoded, ok := e.cut()
	if !ok {
		return store.Record{}, store.ErrCorrupt
	}
	state, err := statecodec.Decode(encoded)
	if err != nil {
		return store.Record{}, store.ErrCorrupt
	}
	return store.Record{
		State:     state,
		Subject:   h.subject, // a string: it can be shared
		CreatedAt: time.UnixMilli(h.created),
		Version:   h.version,
		TTL:       time.Duration(e.expires-now) * time.Millisecond,
	}, nil
}

// merge gives the entry that ch makes of e, without the maps of store.Merge,
// which says what that is.
func (e entry) merge(ch store.Change, now int64) (entry, error) {
	h, encoded, ok := e.cut()
	if !ok {
		return entry{}, store.ErrCorrupt
	}
	subject, expires := h.subject, e.expires
	if ch.Subject != nil {
		subject = *ch.Subject
	}
	if ch.TTL != 0 {
		expires = now + ch.TTL.Milliseconds()
	}
	var room [usualBlock]byte
	block := appendHead(room[:0], h.version+1, h.created, subject)
	block, err := statecodec.Merge(block, encoded, ch.Set, ch.Remove, ch.Clear)
	if err != nil {
		return entry{}, store.ErrCorrupt
	}
	if ch.IfVersion != 0 && ch.IfVersion != h.version {
		return entry{}, store.ErrConflict
	}
	return entry{block: string(block), expires: expires}, nil
}
