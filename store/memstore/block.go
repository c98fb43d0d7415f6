package memstore

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/fxsession/sessions/internal/statecodec"
	"github.com/fxsession/sessions/store"
)

// block is all of a record but when it expires. It is never changed, only
// replaced, so that it can be read without a lock.
//
//	uvarint   version
//	varint    when it was created, in milliseconds since 1970
//	uvarint   length of the subject
//	bytes     the subject
//	bytes     the state, as package statecodec writes it
type block string

// usualBlock is how long a block may be to be put together without the heap.
const usualBlock = 512

// appendBlock appends the block of rec.
func appendBlock(dst []byte, rec store.Record) []byte {
	dst = appendHead(dst, rec.Version, rec.CreatedAt.UnixMilli(), rec.Subject)
	return statecodec.Append(dst, rec.State)
}

func appendHead(dst []byte, version uint64, created int64, subject string) []byte {
	dst = binary.AppendUvarint(dst, version)
	dst = binary.AppendVarint(dst, created)
	dst = binary.AppendUvarint(dst, uint64(len(subject)))
	return append(dst, subject...)
}

// head is what a block holds in front of the state.
type head struct {
	version uint64
	created int64
	subject string // it shares the bytes of the block
}

// cut gives the two parts of b; ok is false where it has no head.
func (b block) cut() (h head, state string, ok bool) {
	version, rest, ok := cutUvarint(string(b))
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

// subject gives the subject, which shares the bytes of b; "" where there is
// none, or none can be read.
func (b block) subject() string {
	h, _, _ := b.cut()
	return h.subject
}

// decode gives a copy of what r holds. It shares nothing with the block, whose
// chunk it would keep in memory for as long as anybody holds a part of it.
func (r record) decode(now int64) (store.Record, error) {
	h, encoded, ok := r.block.cut()
	if !ok {
		return store.Record{}, store.ErrCorrupt
	}
	state, err := statecodec.Decode(encoded)
	if err != nil {
		return store.Record{}, store.ErrCorrupt
	}
	return store.Record{
		State:     state,
		Subject:   strings.Clone(h.subject),
		CreatedAt: time.UnixMilli(h.created).UTC(),
		Version:   h.version,
		TTL:       time.Duration(r.expires-now) * time.Millisecond,
	}, nil
}

// merge appends the block that ch makes of r, and says when it expires: without
// the maps of store.Merge, which says what ch does.
func (r record) merge(dst []byte, ch store.Change, now int64) (merged []byte, expires int64, err error) {
	h, encoded, ok := r.block.cut()
	if !ok {
		return nil, 0, store.ErrCorrupt
	}
	subject, expires := h.subject, r.expires
	if ch.Subject != nil {
		subject = *ch.Subject
	}
	if ch.TTL != 0 {
		expires = now + ch.TTL.Milliseconds()
	}
	merged = appendHead(dst, h.version+1, h.created, subject)
	merged, err = statecodec.Merge(merged, encoded, ch.Set, ch.Remove, ch.Clear)
	if err != nil {
		return nil, 0, store.ErrCorrupt
	}
	if ch.IfVersion != 0 && ch.IfVersion != h.version {
		return nil, 0, store.ErrConflict
	}
	return merged, expires, nil
}
