package sqlstore

import (
	"context"
	"errors"
	"slices"

	"github.com/fxsession/sessions/store"
)

// ListBySubject implements [store.SubjectIndex].
func (s *Store) ListBySubject(ctx context.Context, subject string) ([]store.Entry, error) {
	var entries []store.Entry
	err := s.eachOf(ctx, subject, func() { entries = nil }, func(key store.Key, r *row) {
		if rec, err := r.record(); err == nil { // what is corrupt is left out
			entries = append(entries, store.Entry{Key: key, Record: rec})
		}
	})
	return entries, err
}

// DeleteBySubject implements [store.SubjectIndex]: it lists the keys and deletes
// what is there, until it lists none. A record whose key changed after it was
// listed is in the next list.
func (s *Store) DeleteBySubject(ctx context.Context, subject string, except ...store.Key) (int, error) {
	for deleted := 0; ; {
		var keys []string
		err := s.eachOf(ctx, subject, func() { keys = nil }, func(key store.Key, _ *row) {
			if !slices.Contains(except, key) {
				keys = append(keys, key.String())
			}
		})
		if err != nil || len(keys) == 0 {
			return deleted, err
		}
		slices.Sort(keys)
		for batch := range slices.Chunk(keys, maxBatch) {
			n, err := s.write(ctx, s.deleteBySubject, &params{keys: batch, subject: &subject})
			if err != nil {
				return deleted, s.explain(err)
			}
			deleted += int(n)
		}
	}
}

var errKey = errors.New("a key in the table is not one of 16 bytes")

// eachOf calls each for every live row of the subject, as it is at one moment.
// It begins with begin, again whenever it has to begin anew.
func (s *Store) eachOf(ctx context.Context, subject string, begin func(), each func(store.Key, *row)) error {
	err := s.retrying(ctx, func() error {
		begin()
		return s.bySubject.query(ctx, &params{subject: &subject}, func(scan func(...any) error) error {
			var r row
			var name string
			if err := scan(append(r.fields(), &name)...); err != nil {
				return err
			}
			key, err := store.ParseKey(name)
			if err != nil {
				return errKey
			}
			if r.subject == subject {
				each(key, &r)
			}
			return nil
		})
	})
	return s.explain(err)
}
