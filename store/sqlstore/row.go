package sqlstore

import (
	"time"

	"github.com/fxsession/sessions/store"
)

// What the column mark holds.
const (
	markNone    = 0 // the row is a record
	markDeleted = 1 // a record was here, and was deleted
	markRenewed = 2 // a record was here, and goes on under another key
)

// row is what is under a key, in the order of load.sql.
type row struct {
	mark      int64
	state     []byte
	subject   string
	createdAt int64 // milliseconds since 1970 UTC
	version   uint64
	left      int64 // milliseconds; none or fewer: it is over
}

func (r *row) fields() []any {
	return []any{&r.mark, &r.state, &r.subject, &r.createdAt, &r.version, &r.left}
}

// record gives the live record that the row is, or the error that says why it
// is none.
func (r *row) record() (store.Record, error) {
	switch {
	case r.left <= 0:
		return store.Record{}, store.ErrNotFound
	case r.mark == markDeleted:
		return store.Record{}, store.ErrEnded
	case r.mark == markRenewed:
		return store.Record{}, store.ErrRenewed
	case r.mark != markNone:
		return store.Record{}, store.ErrCorrupt
	}
	state, err := decodeState(r.state)
	if err != nil {
		return store.Record{}, err
	}
	return store.Record{
		State:     state,
		Subject:   r.subject,
		CreatedAt: time.UnixMilli(r.createdAt).UTC(),
		Version:   r.version,
		TTL:       time.Duration(r.left) * time.Millisecond,
	}, nil
}

// live says whether a record is there, be it readable or not.
func (r *row) live() bool { return r.left > 0 && r.mark == markNone }
