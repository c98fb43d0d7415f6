package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"slices"

	"github.com/fxsession/sessions/store"
)

// Store is a [store.Backend], a [store.Pinger], a [store.Migrator] and a
// [store.SubjectIndex] on an SQL database. It is safe for concurrent use.
type Store struct {
	db      *sql.DB
	owned   bool
	secrets []string // what no error may show
	names   names
	turn    chan struct{} // held by the write under way; nil where the engine takes many at once

	create, load, look, delete, deleteExpired, bySubject, deleteBySubject *statement
	update, changeKey                                                     *variants
	expired                                                               *statement // nil where deleteExpired finds for itself what to delete
	settings                                                              *statement // nil where none can do harm
}

var (
	_ store.Backend      = (*Store)(nil)
	_ store.Pinger       = (*Store)(nil)
	_ store.Migrator     = (*Store)(nil)
	_ store.SubjectIndex = (*Store)(nil)
	_ io.Closer          = (*Store)(nil)
)

// Option changes what [New] and [Open] make.
type Option func(*names)

// WithTable names the table, in place of [DefaultTable]: letters, digits and _,
// no digit first, at most 63 characters. Upper and lower case are kept.
func WithTable(name string) Option { return func(n *names) { n.table = name } }

// WithSchema names the schema that the table is in: a schema of PostgreSQL, a
// database of MySQL, an attached file of SQLite. It must be there. "" is the
// connection's own. The rules are those of [WithTable].
func WithSchema(name string) Option { return func(n *names) { n.schema = name } }

// New makes a Store over db, which it never closes. It does not reach out to
// the database: [Store.Ping] says whether it is there. Its error says that db
// is nil, or what is wrong with the dialect or a name.
func New(db *sql.DB, dialect Dialect, opts ...Option) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlstore: the store was made without a *sql.DB")
	}
	n, err := newNames(dialect, opts)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, names: n}
	if dialect.serial() {
		s.turn = make(chan struct{}, 1)
	}
	for file, to := range map[string]**statement{
		"create.sql":            &s.create,
		"load.sql":              &s.load,
		"look.sql":              &s.look,
		"delete.sql":            &s.delete,
		"delete_expired.sql":    &s.deleteExpired,
		"list_by_subject.sql":   &s.bySubject,
		"delete_by_subject.sql": &s.deleteBySubject,
	} {
		if *to, err = n.statement(db, file, 0); err != nil {
			return nil, err
		}
	}
	if !dialect.deletesWhatItFinds() {
		if s.expired, err = n.statement(db, "expired.sql", 0); err != nil {
			return nil, err
		}
	}
	if dialect == MySQL {
		if s.settings, err = n.statement(db, "settings.sql", 0); err != nil {
			return nil, err
		}
	}
	s.update = &variants{db: db, names: n, file: "update.sql", made: map[int]*statement{}}
	s.changeKey = &variants{db: db, names: n, file: "change_key.sql", made: map[int]*statement{}}
	return s, nil
}

func newNames(dialect Dialect, opts []Option) (names, error) {
	n := names{dialect: dialect, table: DefaultTable}
	for _, opt := range opts {
		opt(&n)
	}
	return n, n.check()
}

// Close closes the *sql.DB that [Open] made. Of one that was given to [New] it
// lets go of what it has prepared there, and nothing else. Nothing may be
// called afterwards.
func (s *Store) Close() error {
	var errs []error
	for _, st := range []interface{ close() error }{
		s.create, s.load, s.look, s.update, s.changeKey, s.delete, s.deleteExpired, s.bySubject, s.deleteBySubject,
	} {
		errs = append(errs, st.close())
	}
	for _, st := range []*statement{s.expired, s.settings} {
		if st != nil {
			errs = append(errs, st.close())
		}
	}
	if s.owned {
		errs = append(errs, s.db.Close())
	}
	return s.explain(errors.Join(errs...))
}

// Ping returns nil when the database answers and, of MySQL, none of the session's
// variables is one that would make it lose or miss something. Whether the table is
// there it does not ask, as that may be what [Store.Migrate] is still to do.
func (s *Store) Ping(ctx context.Context) error {
	if s.settings != nil {
		return s.explain(s.checkSettings(ctx))
	}
	return s.explain(s.db.PingContext(ctx))
}

// Create implements [store.Backend]. What is corrupt is in the way like any
// record.
func (s *Store) Create(ctx context.Context, key store.Key, rec store.Record) error {
	state := encodeState(rec.State, nil)
	n, err := s.write(ctx, s.create, &params{
		key: key, state: &state, subject: &rec.Subject, createdAt: rec.CreatedAt, ttl: rec.TTL,
	})
	if s.names.dialect.refused(err) || err == nil && n == 0 {
		return store.ErrDuplicateKey
	}
	return s.explain(err)
}

// Load implements [store.Backend].
func (s *Store) Load(ctx context.Context, key store.Key) (store.Record, error) {
	var r row
	err := s.retrying(ctx, func() error {
		r = row{}
		return s.load.query(ctx, &params{key: key}, func(scan func(...any) error) error { return scan(r.fields()...) })
	})
	if err != nil {
		return store.Record{}, s.explain(err)
	}
	return r.record()
}

// Update implements [store.Backend].
func (s *Store) Update(ctx context.Context, key store.Key, ch store.Change) error {
	return s.withFewRemovals(ctx, key, ch, func(ch store.Change) error {
		p := s.changeParams(key, ch)
		st, err := s.update.get(len(p.removals))
		if err != nil {
			return err
		}
		return s.writeOrTell(ctx, st, p, func() error {
			rec, err := s.Load(ctx, key)
			return conflict(rec, err, ch)
		})
	})
}

// ChangeKey implements [store.Backend]. What is corrupt under the key to is in
// the way like any record.
func (s *Store) ChangeKey(ctx context.Context, from, to store.Key, ch store.Change) error {
	if from == to {
		rec, err := s.Load(ctx, from)
		if err := conflict(rec, err, ch); err != nil {
			return err
		}
		return store.ErrDuplicateKey
	}
	return s.withFewRemovals(ctx, from, ch, func(ch store.Change) error {
		p := s.changeParams(from, ch)
		p.to = to
		st, err := s.changeKey.get(len(p.removals))
		if err != nil {
			return err
		}
		return s.writeOrTell(ctx, st, p, func() error {
			source, target, err := s.both(ctx, p)
			if err != nil {
				return err
			}
			rec, err := source.record()
			if err := conflict(rec, err, ch); err != nil {
				return err
			}
			if target.live() {
				return store.ErrDuplicateKey
			}
			return nil
		})
	})
}

// maxRemovals is how many state keys one statement removes where each costs a
// pass over the state.
const maxRemovals = 32

// withFewRemovals calls do with ch or, where ch removes too many state keys for
// one statement, with a change to the same effect that replaces the state that
// it has loaded, as long as nobody else has changed it.
func (s *Store) withFewRemovals(ctx context.Context, key store.Key, ch store.Change, do func(store.Change) error) error {
	if s.names.dialect.removesAtOnce() || ch.Clear || len(ch.Remove) <= maxRemovals {
		return do(ch)
	}
	for range attempts {
		rec, err := s.Load(ctx, key)
		if err := conflict(rec, err, ch); err != nil {
			return err
		}
		err = do(store.Change{
			Set: store.Merge(rec, ch).State, Clear: true, Subject: ch.Subject, TTL: ch.TTL, IfVersion: rec.Version,
		})
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return s.explain(errUnsteady)
}

// Delete implements [store.Backend].
func (s *Store) Delete(ctx context.Context, key store.Key) error {
	return s.writeOrTell(ctx, s.delete, &params{key: key}, func() error {
		_, err := s.Load(ctx, key)
		if errors.Is(err, store.ErrCorrupt) {
			return nil // it can be deleted
		}
		return err
	})
}

// maxBatch is how many rows one statement deletes at most, so that it does not
// hold its locks for long.
const maxBatch = 1000

// DeleteExpired implements [store.Backend]. Marks that are over are counted
// like records. What another instance is deleting is left to it, so that a
// number below the limit does not say that nothing is left.
func (s *Store) DeleteExpired(ctx context.Context, limit int) (int, error) {
	for removed := 0; ; {
		batch := maxBatch
		if limit > 0 {
			batch = min(batch, limit-removed)
		}
		found, n, err := s.deleteBatch(ctx, batch)
		removed += n
		if err != nil || found < batch || removed == limit {
			return removed, s.explain(err)
		}
	}
}

// deleteBatch gives how many expired rows it found, at most limit, and how many
// of them it deleted.
func (s *Store) deleteBatch(ctx context.Context, limit int) (found, deleted int, err error) {
	p := &params{limit: limit}
	if s.expired == nil {
		n, err := s.write(ctx, s.deleteExpired, p)
		return int(n), int(n), err
	}
	var keys []string
	err = s.retrying(ctx, func() error {
		keys = keys[:0]
		return s.expired.query(ctx, p, func(scan func(...any) error) error {
			var key string
			if err := scan(&key); err != nil {
				return err
			}
			keys = append(keys, key)
			return nil
		})
	})
	if err != nil || len(keys) == 0 {
		return 0, 0, err
	}
	slices.Sort(keys)
	p.keys = keys
	n, err := s.write(ctx, s.deleteExpired, p)
	return len(keys), int(n), err
}

func (s *Store) changeParams(key store.Key, ch store.Change) *params {
	p := &params{key: key, subject: ch.Subject, ttl: ch.TTL, ifVersion: ch.IfVersion, clear: ch.Clear}
	remove := ch.Remove
	if ch.Clear {
		remove = nil
	}
	if !ch.Clear && len(ch.Set) == 0 && len(remove) == 0 {
		return p
	}
	if !s.names.dialect.removesAtOnce() {
		for _, key := range remove {
			p.removals = append(p.removals, encodeState(nil, []string{key}))
		}
		remove = nil
	}
	state := encodeState(ch.Set, remove)
	p.state = &state
	return p
}

// conflict adds to the error of a load what ch asks for.
func conflict(rec store.Record, err error, ch store.Change) error {
	if err == nil && ch.IfVersion != 0 && ch.IfVersion != rec.Version {
		return store.ErrConflict
	}
	return err
}

// both gives what is under the keys of p at one moment.
func (s *Store) both(ctx context.Context, p *params) (source, target row, err error) {
	err = s.retrying(ctx, func() error {
		source, target = row{}, row{}
		return s.look.query(ctx, p, func(scan func(...any) error) error {
			var r row
			var isSource bool
			if err := scan(append(r.fields(), &isSource)...); err != nil {
				return err
			}
			if isSource {
				source = r
			} else {
				target = r
			}
			return nil
		})
	})
	return source, target, s.explain(err)
}

// attempts is how often a write begins again because the record was another one
// when it was looked at. It is to be out of reach.
const attempts = 100

var errUnsteady = errors.New("the record changes too fast to be written to")

// writeOrTell writes, and where that did nothing returns the error of tell,
// which looks for the reason. A reason that holds while tell looks is one that
// the write could have met. Where there is none any more, it writes again.
func (s *Store) writeOrTell(ctx context.Context, st *statement, p *params, tell func() error) error {
	for range attempts {
		n, err := s.write(ctx, st, p)
		if err != nil && !s.names.dialect.refused(err) {
			return s.explain(err)
		}
		if err == nil && n > 0 {
			return nil
		}
		if err := tell(); err != nil {
			return err
		}
	}
	return s.explain(errUnsteady)
}

// write runs a statement that writes, in its turn where there are turns.
func (s *Store) write(ctx context.Context, st *statement, p *params) (n int64, err error) {
	if s.turn != nil {
		select {
		case s.turn <- struct{}{}:
			defer func() { <-s.turn }()
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	err = s.retrying(ctx, func() (err error) {
		n, err = st.exec(ctx, p)
		return err
	})
	return n, err
}
