package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/store"
)

// OpenWith is Open with the options of its client.
func OpenWith(ctx context.Context, o rueidis.ClientOption, opts ...Option) (*Store, error) {
	return openWith(ctx, o, opts...)
}

// OpenOver is OpenWith, with what wrap makes of the cache of each connection in
// its place.
func OpenOver(o rueidis.ClientOption, wrap func(rueidis.CacheStore) rueidis.CacheStore, opts ...Option) (*Store, error) {
	s := newStore(opts)
	s.near.keeps = true
	o.NewCacheStoreFn = func(o rueidis.CacheStoreOption) rueidis.CacheStore { return wrap(s.near.connect(o)) }
	client, err := rueidis.NewClient(o)
	if err == nil {
		s.use(client)
		s.owned = true
	}
	return s, err
}

// Client gives the client that s reads through.
func (s *Store) Client() rueidis.Client { return s.client }

// LimitKept makes room for so many bytes in each shard of the near cache.
func (s *Store) LimitKept(room int) { s.near.room = room }

// Kept gives how many records the near cache keeps, and how many bytes they
// take in its largest shard.
func (s *Store) Kept() (n, largest int) {
	for i := range s.near.shards {
		sh := &s.near.shards[i]
		sh.mu.Lock()
		n += len(sh.kept.byKey)
		largest = max(largest, sh.kept.size)
		sh.mu.Unlock()
	}
	return n, largest
}

// Dial is what connections are made with.
var Dial = dial

// Slot gives the slot of a key.
var Slot = slot

// LoadAlone is how a record is loaded over the client by who is alone.
func (s *Store) LoadAlone(ctx context.Context, key store.Key) (store.Record, error) {
	l := &plainLoad{ctx: ctx, store: s, name: s.name(key)}
	rec, err := l.read(newReply(l.over(ctx, s.client)))
	if errors.Is(err, errNotPlain) {
		return s.loadByScript(ctx, key)
	}
	return rec, err
}

// LoadByScript is how records are loaded where plain commands do not do.
func (s *Store) LoadByScript(ctx context.Context, key store.Key) (store.Record, error) {
	return s.loadByScript(ctx, key)
}

// AsCluster makes s do on one server what it does on a cluster.
func (s *Store) AsCluster() *Store {
	s.cluster = true
	return s
}

// PackState is how a state is packed, and ReadPacked how a record is read.
var (
	PackState  = packState
	ReadPacked = readPacked
)

// DialLine makes a direct connection that ends with the context, and closes it.
// It says whether one could be made.
func (s *Store) DialLine(ends context.Context) bool {
	s.direct.ends = ends
	l := s.direct.dial()
	if l != nil {
		l.close()
	}
	return l != nil
}

// MaxNotes is how many notes a shard of the near cache has room for.
const MaxNotes = maxNotes

// Note is what a write does.
func (s *Store) Note(key store.Key) { s.writes(key)(ended, 0, nil) }

// Notes gives how many notes the near cache holds.
func (s *Store) Notes() (n int) {
	for i := range s.near.shards {
		n += len(s.near.shards[i].notes)
	}
	return n
}

// Namespace gives what the keys of s begin with.
func (s *Store) Namespace() string { return s.namespace }

// Line says when the direct connection has answered last, the zero time where
// there is none that can be used.
func (s *Store) Line() (answered time.Time) {
	if s.direct == nil {
		return time.Time{}
	}
	s.direct.mu.Lock()
	defer s.direct.mu.Unlock()
	if s.direct.line == nil || s.direct.inUse {
		return time.Time{}
	}
	return s.direct.line.answered
}

// HasDirect says whether there may be a direct connection.
func (s *Store) HasDirect() bool { return s.direct != nil }

// LineInUse says whether a call is under way on the direct connection.
func (s *Store) LineInUse() bool {
	s.direct.mu.Lock()
	defer s.direct.mu.Unlock()
	return s.direct.inUse && !s.direct.caring
}

// TidyLine closes the direct connection if nothing has come over it for long.
func (s *Store) TidyLine() {
	s.direct.mu.Lock()
	l := s.direct.line
	s.direct.mu.Unlock()
	s.direct.tidy(l)
}

// LineItself is the direct connection, in use or not; nil where there is none.
func (s *Store) LineItself() any {
	s.direct.mu.Lock()
	defer s.direct.mu.Unlock()
	if s.direct.line == nil {
		return nil
	}
	return s.direct.line
}

// EndDirect is what Close does to direct connections.
func (s *Store) EndDirect() { s.direct.close() }

// MakesLine says whether a direct connection is being made or looked after.
func (s *Store) MakesLine() bool {
	s.direct.mu.Lock()
	defer s.direct.mu.Unlock()
	return s.direct.caring
}

// LoseLine loses the direct connection.
func (s *Store) LoseLine() {
	s.direct.mu.Lock()
	defer s.direct.mu.Unlock()
	s.direct.line.conn.Close()
}

// SetClock gives the direct connection another clock, before the first call.
func (s *Store) SetClock(now func() time.Time) { s.direct.clock = now }

// FreshFor and IdleFor are how long a direct connection is used, and kept, when
// nothing comes over it.
const (
	FreshFor = freshFor
	IdleFor  = idleFor
)

// MostLoads and MostBytes are how many loads a batch may have, and how many bytes
// their records.
const (
	MostLoads = mostLoads
	MostBytes = mostBytes
)

// Room is how many loads the next batch may have.
func (s *Store) Room() int {
	s.loads.mu.Lock()
	defer s.loads.mu.Unlock()
	return s.loads.most
}

// SendLate sends, late, the batch that is open.
func (s *Store) SendLate() { s.loads.arm(s.client) }

// Gather keeps loads together until send makes them one pipeline; joined is how
// many there are. The first is one of ctx, for a key that is not there.
func (s *Store) Gather(ctx context.Context) (joined func() int, send func()) {
	batch, _, _ := s.loads.join(&plainLoad{ctx: ctx, store: s, name: s.namespace + "nothing"})
	joined = func() int {
		s.loads.mu.Lock()
		defer s.loads.mu.Unlock()
		return len(batch.loads) - 1
	}
	return joined, func() { s.loads.send(batch, s.client) }
}

// WaitsByItself says whether ctx spares the store what it costs to wait for its end.
func WaitsByItself(ctx context.Context) bool {
	_, waits := ctx.(waiter)
	_, calls := ctx.(afterFuncer)
	return waits && calls
}

// NewServerClock makes a clock that was not heard yet.
func NewServerClock() *serverClock { return &serverClock{began: time.Now()} }

// Pass lets time go by.
func (c *serverClock) Pass(d time.Duration) { c.began = c.began.Add(-d) }

// Hear and Now are what a store does with it.
func (c *serverClock) Hear(now int64)     { c.hear(now) }
func (c *serverClock) Now() (int64, bool) { return c.now() }
