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
	expires int64 // in milliseconds since 1970
}

func newEntry(rec store.Record, now int64) entry {
	block := make([]byte, 0, 3*binary.MaxVarintLen64+len(rec.Subject)+statecodec.Size(rec.State))
	block = binary.AppendUvarint(block, rec.Version)
	block = binary.AppendVarint(block, rec.CreatedAt.UnixMilli())
	block = binary.AppendUvarint(block, uint64(len(rec.Subject)))
	block = append(block, rec.Subject...)
	block = statecodec.Append(block, rec.State)
	return entry{block: string(block), expires: now + rec.TTL.Milliseconds()}
}

// subject gives the subject, which shares the bytes of e; "" where there is
// none, or none can be read.
func (e entry) subject() string {
	rest := e.block
	for range 2 { // the version and the time of creation
		_, n := uvarint(rest)
		if n <= 0 {
			return ""
		}
		rest = rest[n:]
	}
	size, n := uvarint(rest)
	if n <= 0 || size > uint64(len(rest)-n) {
		return ""
	}
	return rest[n : n+int(size)]
}

// uvarint is binary.Uvarint without a copy of the rest of the block.
func uvarint(text string) (uint64, int) {
	return binary.Uvarint([]byte(text[:min(len(text), binary.MaxVarintLen64)]))
}

// varint is binary.Varint, likewise.
func varint(text string) (int64, int) {
	return binary.Varint([]byte(text[:min(len(text), binary.MaxVarintLen64)]))
}

// record gives a copy of what e holds.
func (e entry) record(now int64) (store.Record, error) {
	rest := e.block
	version, n := uvarint(rest)
	if n <= 0 {
		return store.Record{}, store.ErrCorrupt
	}
	rest = rest[n:]
	created, n := varint(rest)
	if n <= 0 {
		return store.Record{}, store.ErrCorrupt
	}
	rest = rest[n:]
	subjectLen, n := uvarint(rest)
	if n <= 0 || subjectLen > uint64(len(rest)-n) {
		return store.Record{}, store.ErrCorrupt
	}
	rest = rest[n:]
	state, err := statecodec.Decode(rest[subjectLen:])
	if err != nil {
		return store.Record{}, store.ErrCorrupt
	}
	return store.Record{
		State:     state,
		Subject:   rest[:subjectLen], // a string: it can be shared
		CreatedAt: time.UnixMilli(created),
		Version:   version,
		TTL:       time.Duration(e.expires-now) * time.Millisecond,
	}, nil
}

// merge gives the entry that ch makes of e.
func (e entry) merge(ch store.Change, now int64) (entry, error) {
	rec, err := e.record(now)
	if err != nil {
		return entry{}, err
	}
	if ch.IfVersion != 0 && ch.IfVersion != rec.Version {
		return entry{}, store.ErrConflict
	}
	return newEntry(store.Merge(rec, ch), now), nil
}
