package memstore

import (
	"context"
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/fxsession/sessions/store"
)

// Store is a [store.Backend] in memory. It is safe for concurrent use; make
// one with [New].
type Store struct {
	clock    func() int64 // milliseconds since any moment
	max      int64        // how many records may be held; 0: any number
	held     atomic.Int64 // how many records are held, expired ones included
	swept    atomic.Int64 // for how long, in nanoseconds, since a sweep last rested
	shards   [shardCount]shard
	subjects subjectIndex
}

var (
	_ store.Backend      = (*Store)(nil)
	_ store.SubjectIndex = (*Store)(nil)
	_ store.InProcess    = (*Store)(nil)
)

// Option changes what [New] makes.
type Option func(*Store)

// WithClock makes records and marks expire by now. It is called by many
// goroutines at once. Without it they expire when their time has passed,
// whatever becomes of the clock of the machine meanwhile; so they do with nil.
func WithClock(now func() time.Time) Option {
	return func(s *Store) {
		if now != nil {
			s.clock = func() int64 { return now().UnixMilli() }
		}
	}
}

// WithMaxSessions bounds the number of live sessions. At the bound, Create
// returns [store.ErrFull]: no live session makes room for a new one. Zero and
// negative values set no bound, which is the default.
func WithMaxSessions(n int) Option { return func(s *Store) { s.max = int64(max(n, 0)) } }

// New makes an empty Store.
func New(opts ...Option) *Store {
	began := time.Now()
	s := &Store{clock: func() int64 { return time.Since(began).Milliseconds() }} // half of the cost of time.Now
	seed := maphash.MakeSeed()
	s.subjects.hash = func(subject string) uint64 { return maphash.String(seed, subject) }
	for _, opt := range opts {
		opt(s)
	}
	return s
}

// InProcess marks the Store as a backend that waits for nothing.
func (*Store) InProcess() {}

// Create inserts rec under key. Its errors are [store.ErrDuplicateKey],
// [store.ErrFull] and that of a context which is done.
func (s *Store) Create(ctx context.Context, key store.Key, rec store.Record) error {
	rec.Version = 1
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		full, err := s.create(key, rec)
		if !full {
			return err
		}
		if !s.makeRoom(s.clock()) && s.full() {
			return store.ErrFull
		}
	}
}

// create is one attempt; full says that it failed at the bound.
func (s *Store) create(key store.Key, rec store.Record) (full bool, err error) {
	var room [usualBlock]byte
	created := appendBlock(room[:0], rec)
	sh := s.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := s.clock()
	old, there := sh.under(key)
	if there && old.expires > now {
		return false, store.ErrDuplicateKey
	}
	if !there && !s.reserve() {
		return true, nil
	}
	s.put(sh, key, old, created, now+rec.TTL.Milliseconds(), now)
	return false, nil
}

// Load returns the live record under key. Its errors are [store.ErrNotFound],
// [store.ErrEnded], [store.ErrCorrupt] and that of a context which is done.
func (s *Store) Load(ctx context.Context, key store.Key) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	now := s.clock()
	sh := s.shardOf(key)
	sh.mu.RLock()
	found, err := sh.find(key, now)
	sh.mu.RUnlock()
	if err != nil {
		return store.Record{}, err
	}
	return found.decode(now)
}

// Update merges ch into the live record under key. Its errors are
// [store.ErrNotFound], [store.ErrEnded], [store.ErrConflict],
// [store.ErrCorrupt] and that of a context which is done.
func (s *Store) Update(ctx context.Context, key store.Key, ch store.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := s.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := s.clock() // with the lock: while it waited, others may have seen the record expire
	found, err := sh.find(key, now)
	if err != nil {
		return err
	}
	var room [usualBlock]byte
	merged, expires, err := found.merge(room[:0], ch, now)
	if err != nil {
		return err
	}
	s.put(sh, key, found, merged, expires, now)
	return nil
}

// ChangeKey merges ch into the live record under from and files it under to.
// Its errors are those of Update and [store.ErrDuplicateKey], also where from
// and to are one.
func (s *Store) ChangeKey(ctx context.Context, from, to store.Key, ch store.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	source, target := s.shardOf(from), s.shardOf(to)
	s.lockBoth(from, to)
	defer s.unlockBoth(from, to)
	now := s.clock()
	found, err := source.find(from, now)
	if err != nil {
		return err
	}
	var room [usualBlock]byte
	merged, expires, err := found.merge(room[:0], ch, now)
	if err != nil {
		return err
	}
	old, there := target.under(to)
	if there && old.expires > now {
		return store.ErrDuplicateKey
	}
	if there {
		s.held.Add(-1)
	}
	s.put(target, to, old, merged, expires, now)
	s.end(source, from, found, renewed, now)
	return nil
}

// Delete removes the live record under key. Its errors are
// [store.ErrNotFound], [store.ErrEnded] and that of a context which is done.
func (s *Store) Delete(ctx context.Context, key store.Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.delete(key, func(record) bool { return true })
}

// delete removes the live record under key, if it is the one that is meant;
// another one counts as none.
func (s *Store) delete(key store.Key, meant func(record) bool) error {
	sh := s.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := s.clock()
	found, err := sh.find(key, now)
	if err != nil {
		return err
	}
	if !meant(found) {
		return store.ErrNotFound
	}
	s.end(sh, key, found, deleted, now)
	s.held.Add(-1)
	return nil
}

// Count is how many records there are, expired ones that are still to be swept
// among them.
func (s *Store) Count() int { return int(s.held.Load()) }

func (s *Store) full() bool { return s.max > 0 && s.held.Load() >= s.max }

// reserve counts one more record, unless the bound is reached.
func (s *Store) reserve() bool {
	for {
		held := s.held.Load()
		if s.max > 0 && held >= s.max {
			return false
		}
		if s.held.CompareAndSwap(held, held+1) {
			return true
		}
	}
}
