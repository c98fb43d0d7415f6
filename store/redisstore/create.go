package redisstore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/store"
)

// Create implements [store.Backend]. What is corrupt is in the way like a
// record is, with ErrCorrupt.
func (s *Store) Create(ctx context.Context, key store.Key, rec store.Record) error {
	name, wrote := s.name(key), s.writes(key)
	err := s.create(ctx, name, rec)
	wrote(atLeast, 1, err)
	return err
}

func (s *Store) create(ctx context.Context, name string, rec store.Record) error {
	if now, known := s.clock.now(); known && rec.Subject == "" {
		if created, err := s.createPlain(ctx, name, rec, now); created || err != nil {
			return err
		}
	}
	now, err := s.run(ctx, job{
		script: createScript, names: []string{name}, takes: name, subject: rec.Subject, ttl: rec.TTL,
		args: func(e entered) []string { return createArgs(rec, e) },
	})
	if err == nil {
		s.clock.hear(int64(now))
	}
	return err
}

// createPlain creates a record of nobody's without a script, which takes Redis a
// third of the time. created is false where there is something under its name: a
// script has to look at it.
func (s *Store) createPlain(ctx context.Context, name string, rec store.Record, now int64) (created bool, err error) {
	ttl := rec.TTL.Milliseconds()
	value := packNew(createdAt(rec), now+ttl, rec.State)
	reply := s.call(ctx, func(ctx context.Context, client rueidis.Client) rueidis.RedisResult {
		return client.Do(ctx, client.B().Set().Key(name).Value(value).Nx().PxMilliseconds(ttl).Build())
	})
	if errors.Is(reply.err, rueidis.Nil) {
		return false, nil
	}
	return reply.err == nil, reply.err
}

// serverClock is the clock of Redis, as far as it was heard of in the last minute:
// never ahead of it, as long as both clocks run evenly, and behind it by what an
// answer took. Only the expiry that a record says itself depends on it, and there the
// key is what counts.
type serverClock struct {
	began time.Time
	// ahead is the clock's time less that since began, and heard when that was
	// said, since began; both in nanoseconds. They are 0 where nothing was heard.
	ahead, heard atomic.Int64
}

// heardFor is how long the clock is known for: it may be set, and there may be
// another server.
const heardFor = time.Minute

func (c *serverClock) passed() int64 { return time.Since(c.began).Nanoseconds() }

// hear notes what the clock has just said, in milliseconds since 1970.
func (c *serverClock) hear(now int64) {
	passed := c.passed()
	c.ahead.Store(1e6*now - passed)
	c.heard.Store(passed)
}

// now gives the time by the clock, in milliseconds since 1970, if that is known.
func (c *serverClock) now() (now int64, known bool) {
	passed, heard := c.passed(), c.heard.Load()
	return (c.ahead.Load() + passed) / 1e6, heard != 0 && passed-heard < int64(heardFor)
}
