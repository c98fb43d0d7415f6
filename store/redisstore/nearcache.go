package redisstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/fxsession/sessions/store"
)

// WithClientCache serves loads from memory, through the client-side caching of
// the client, which Redis tells of every change. ttl, whole milliseconds, is how
// long a record is served at most before Redis is asked again, whatever Redis
// was able to tell; zero and negative values turn the cache off, which is the
// default.
//
// What this Store wrote it reads at once. What another instance wrote, or
// deleted, is seen when the message of it arrives: after a fraction of a
// millisecond on a good network, and after ttl on one that loses messages. A
// client whose DisableCache is set, or whose server knows no RESP3, keeps
// nothing.
//
// A Store that [Open] made keeps records ready to be handed out, up to 128 MiB
// of them. One over a client of the application asks that client, which keeps
// what Redis answered, as much as its CacheSizeEachConn says.
func WithClientCache(ttl time.Duration) Option {
	return func(s *Store) {
		s.near = nil
		if ttl = ttl.Truncate(time.Millisecond); ttl > 0 {
			s.near = &nearCache{ttl: ttl, room: nearRoom}
		}
	}
}

// WithMeterProvider counts the loads through the cache, by outcome, in
// session.store.near_cache.loads: "hit", "miss", or "bypass" for one that went
// to Redis because the cache might have been behind what this Store knows.
func WithMeterProvider(p metric.MeterProvider) Option { return func(s *Store) { s.meters = p } }

// nearCache is what a Store keeps of records that Redis has told it of, and how
// new they must be. A write is done some time before the client hears that what
// is kept is old, and so a note of it stands between the two.
type nearCache struct {
	ttl       time.Duration
	room      int // for how many bytes of records there is room in a shard
	namespace string
	keeps     bool                // records are kept here, and not by the client
	loads     metric.Int64Counter // nil: nobody counts
	shards    [64]nearShard
}

// nearShard holds a part of all keys.
type nearShard struct {
	mu    sync.Mutex
	notes map[store.Key]note // as many as maxNotes says
	// blind is until when the shard passes for one that has a note against every
	// key, because it had no room for one.
	blind time.Time
	kept  shelf
}

// maxNotes is how many notes a shard has room for, which is a quarter of a
// million in all.
const maxNotes = 4096

// note says what the cache may answer for a key. It stands until nothing is in
// the cache any more that was there before it.
type note struct {
	verdict verdict
	version uint64 // of atLeast
	until   time.Time
	writing int // how many writes are under way: what they do may be seen elsewhere before they return
}

type verdict uint8

const (
	anything verdict = iota // there is no note
	atLeast                 // a record of this version or a later one
	ended                   // that there is none
	nothing
)

// The outcomes of a load, as the counter has them.
var (
	outcomeHit    = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "hit")))
	outcomeMiss   = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "miss")))
	outcomeBypass = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "bypass")))
)

func (c *nearCache) measure(p metric.MeterProvider) {
	if p == nil {
		return
	}
	// The name is a constant, so that the error cannot occur.
	c.loads, _ = p.Meter("github.com/fxsession/sessions/store/redisstore").Int64Counter("session.store.near_cache.loads",
		metric.WithUnit("{load}"), metric.WithDescription("Loads through the near cache, by outcome."))
}

func (c *nearCache) shardOf(key store.Key) *nearShard {
	return &c.shards[binary.LittleEndian.Uint16(key[:])%uint16(len(c.shards))]
}

// count counts a load.
func (c *nearCache) count(ctx context.Context, outcome metric.MeasurementOption) {
	if c.loads != nil {
		c.loads.Add(ctx, 1, outcome)
	}
}

// find gives what is kept of a key, nil for nothing, and the note against it.
func (c *nearCache) find(key store.Key, now time.Time) (*kept, note) {
	sh := c.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n := sh.against(key, now)
	if n.verdict == nothing {
		return nil, n
	}
	return sh.kept.take(key, now), n
}

// look gives the note against a key.
func (c *nearCache) look(key store.Key) note {
	sh := c.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.against(key, time.Now())
}

func (sh *nearShard) against(key store.Key, now time.Time) note {
	n, ok := sh.notes[key]
	switch {
	case now.Before(sh.blind), n.writing > 0:
		return note{verdict: nothing}
	case ok && now.Before(n.until):
		return n
	}
	return note{}
}

// read notes what Redis said.
func (c *nearCache) read(key store.Key, rec store.Record, err error) {
	switch {
	case err == nil:
		c.note(key, note{verdict: atLeast, version: rec.Version}, true)
	case errors.Is(err, store.ErrEnded):
		c.note(key, note{verdict: ended}, true)
	default:
		c.note(key, note{verdict: nothing}, true)
	}
}

// begin notes that a write of a key is under way; end, called with what it made
// of it, that it is not any more.
func (c *nearCache) begin(key store.Key) (end func(n note)) {
	sh := c.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	before, ok := sh.notes[key]
	if !ok && !sh.hasRoom(time.Now()) {
		sh.blind = time.Now().Add(c.ttl)
		return func(n note) { c.note(key, n, false) }
	}
	before.writing++
	sh.put(key, before)
	return func(n note) {
		c.note(key, n, false)
		sh.mu.Lock()
		defer sh.mu.Unlock()
		after := sh.notes[key] // it stays as long as a write is under way
		after.writing--
		sh.put(key, after)
	}
}

// note adds a note to what is known. Two writes may return in another order than
// they were done in, so that of an end and anything else nothing follows but
// that the cache is not to be asked; only what was read, after them, does.
func (c *nearCache) note(key store.Key, n note, read bool) {
	sh := c.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := time.Now()
	n.until = now.Add(c.ttl)
	before, ok := sh.notes[key]
	n.writing = before.writing
	if ok && now.Before(before.until) {
		switch {
		case before.verdict == atLeast && n.verdict == atLeast:
			n.version = max(n.version, before.version)
		case before.verdict == ended && n.verdict == atLeast, before.verdict == nothing && !read:
			n.verdict = nothing
		}
	} else if !ok && !sh.hasRoom(now) {
		sh.blind = n.until
		return
	}
	sh.put(key, n)
}

func (sh *nearShard) put(key store.Key, n note) {
	if sh.notes == nil {
		sh.notes = make(map[store.Key]note)
	}
	sh.notes[key] = n
}

// hasRoom says whether there is room for one more note, once those that are over
// have made place.
func (sh *nearShard) hasRoom(now time.Time) bool {
	if len(sh.notes) < maxNotes {
		return true
	}
	for key, n := range sh.notes {
		if !now.Before(n.until) && n.writing == 0 {
			delete(sh.notes, key)
		}
	}
	return len(sh.notes) < maxNotes
}

// allows says whether the cache may answer so.
func (n note) allows(version uint64, err error) bool {
	switch n.verdict {
	case anything:
		return true
	case atLeast:
		return err == nil && version >= n.version
	case ended:
		return errors.Is(err, store.ErrEnded)
	}
	return false
}

// loadNear is load through the cache.
func (s *Store) loadNear(ctx context.Context, key store.Key) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	now := time.Now()
	there, n := s.near.find(key, now)
	switch {
	case there != nil && there.err != errNotPlain && n.allows(there.Version, there.err):
		s.near.count(ctx, outcomeHit)
		return there.record(now), there.err
	case there == nil && n.verdict != nothing:
		rec, hit, err := s.loadCached(ctx, key)
		if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrEnded) {
			// Looked at again, as a write may have ended meanwhile; and what was not in
			// the cache is as new as it can be.
			if !hit || s.near.look(key).allows(rec.Version, err) {
				outcome := outcomeMiss
				if hit {
					outcome = outcomeHit
				}
				s.near.count(ctx, outcome)
				return rec, err
			}
		} else if !errors.Is(err, errNotPlain) {
			return store.Record{}, err
		}
	}
	s.near.count(ctx, outcomeBypass)
	rec, err := s.load(ctx, key)
	if ctx.Err() == nil {
		s.near.read(key, rec, err)
	}
	return rec, err
}

// loadCached reads the value and its time to live, from the client's cache or
// along with another caller if they are there.
func (s *Store) loadCached(ctx context.Context, key store.Key) (rec store.Record, hit bool, err error) {
	name := s.name(key)
	var value rueidis.RedisResult // it and what follows are of an answer, and not to be read without one
	var ttl int64
	var ttlHit bool
	reply := s.call(ctx, func(ctx context.Context, client rueidis.Client) rueidis.RedisResult {
		get := s.client.B().Get().Key(name).Cache()
		if s.near.keeps {
			// The client reads the time to live in the same step.
			value = client.DoCache(ctx, get, s.near.ttl)
			ttl = value.CachePTTL()
			return value
		}
		// Its own cache tells no time to live above that of the cache, and so that is
		// asked for, too. They may be of two moments.
		both := client.DoMultiCache(ctx,
			rueidis.CT(get, s.near.ttl),
			rueidis.CT(s.client.B().Pttl().Key(name).Cache(), s.near.ttl))
		value = both[0]
		ttl = s.near.left(both[1])
		ttlHit = both[1].IsCacheHit()
		return value
	})
	if errors.Is(reply.err, rueidis.Nil) {
		return store.Record{}, ttlHit || value.IsCacheHit(), store.ErrNotFound
	}
	if reply.err != nil {
		// It may be of another type, or the connection was lost over which another
		// caller was fetching it: the client does not ask again for those who wait.
		_, refused := errors.AsType[*rueidis.RedisError](reply.err)
		if refused && !s.willPass(reply.err) || errors.Is(reply.err, rueidis.ErrDoCacheAborted) {
			return store.Record{}, false, errNotPlain
		}
		return store.Record{}, false, reply.err
	}
	rec, err = readFor(reply.message, ttl)
	for name, value := range rec.State {
		rec.State[name] = bytes.Clone(value) // others have the same answer
	}
	return rec, ttlHit || value.IsCacheHit(), err
}

// left gives what is left of a time to live that was cached.
func (c *nearCache) left(cached rueidis.RedisResult) int64 {
	ttl, err := cached.AsInt64()
	if err != nil {
		return noExpiry
	}
	if cached.CachePTTL() < 0 {
		return ttl // it was not cached
	}
	// The client's own expiry of the answer tells how old that is.
	lives := c.ttl.Milliseconds()
	if age := lives - cached.CachePTTL(); ttl > lives && age > 0 {
		return ttl - age
	} else if ttl >= 0 && ttl <= lives && cached.CachePTTL() >= 0 {
		return cached.CachePTTL()
	}
	return ttl
}
