package redisstore

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/store"
)

// nearConn is what one connection tells a near cache. The client has such a
// [rueidis.CacheStore] for each, and calls Update and Delete in the order in
// which Redis has sent answers and changes. It keeps the records where loadNear
// looks for them before it asks the client, so that Flight, which is asked where
// nothing was found, knows only what is under way.
type nearConn struct {
	cache   *nearCache
	mu      sync.Mutex
	flights map[command]*flight // nil once the connection is lost
	teller  *teller
}

// command is one that the client may cache the answer to.
type command struct{ name, word string }

// keptWord is the command whose answers are kept.
const keptWord = "GET"

// flight is an answer that is under way.
type flight struct {
	until time.Time // how long the answer may be kept
	stale bool      // the record was changed meanwhile
	done  chan struct{}
	value rueidis.RedisMessage
	err   error
}

// Wait implements [rueidis.CacheEntry].
func (f *flight) Wait(ctx context.Context) (rueidis.RedisMessage, error) {
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		return rueidis.RedisMessage{}, ctx.Err()
	}
}

func (c *nearCache) connect(rueidis.CacheStoreOption) rueidis.CacheStore {
	return &nearConn{cache: c, flights: make(map[command]*flight), teller: new(teller)}
}

// Flight implements [rueidis.CacheStore]: the first who asks for an answer
// fetches it, and the others wait for that.
func (c *nearConn) Flight(name, word string, ttl time.Duration, now time.Time) (rueidis.RedisMessage, rueidis.CacheEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[command{name, word}]; f != nil {
		return rueidis.RedisMessage{}, f
	}
	if c.flights != nil {
		c.flights[command{name, word}] = &flight{until: now.Add(ttl), done: make(chan struct{})}
	}
	return rueidis.RedisMessage{}, nil
}

// Update implements [rueidis.CacheStore]. It returns when the key expires by
// Redis, however long the answer is kept.
func (c *nearConn) Update(name, word string, answer rueidis.RedisMessage) (expires int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.land(name, word, answer, nil); f != nil && !f.stale && word == keptWord {
		c.keep(name, answer, f.until)
	}
	return max(answer.CachePXAT(), 0)
}

func (c *nearConn) keep(name string, value rueidis.RedisMessage, until time.Time) {
	key, ok := c.cache.keyOf(name)
	if !ok {
		return
	}
	now, left := time.Now(), value.CachePTTL()
	if expires := now.Add(ofMilliseconds(left)); left != noExpiry && expires.Before(until) {
		until = expires
	}
	rec, err := readFor(value, left)
	if value.IsNil() {
		err = store.ErrNotFound
	}
	k := newKept(key, rec, err, c.teller, now, until)
	sh := c.cache.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.kept.put(k, c.cache.room)
}

// Cancel implements [rueidis.CacheStore].
func (c *nearConn) Cancel(name, word string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.land(name, word, rueidis.RedisMessage{}, err)
}

// land gives those who wait for an answer what there is.
func (c *nearConn) land(name, word string, answer rueidis.RedisMessage, err error) *flight {
	f := c.flights[command{name, word}]
	if f != nil {
		delete(c.flights, command{name, word})
		f.value, f.err = answer, err
		close(f.done)
	}
	return f
}

// Delete implements [rueidis.CacheStore]: records were changed, or all for nil.
// An answer that is under way may be of before.
func (c *nearConn) Delete(names []rueidis.RedisMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if names == nil {
		c.forget()
		for _, f := range c.flights {
			f.stale = true
		}
	}
	for _, message := range names {
		name := text(message)
		if f := c.flights[command{name, keptWord}]; f != nil {
			f.stale = true
		}
		if key, ok := c.cache.keyOf(name); ok {
			sh := c.cache.shardOf(key)
			sh.mu.Lock()
			sh.kept.drop(key)
			sh.mu.Unlock()
		}
	}
}

// forget lets nothing be served any more that this connection told.
func (c *nearConn) forget() {
	c.teller.over.Store(true)
	c.teller = new(teller)
}

// Close implements [rueidis.CacheStore].
func (c *nearConn) Close(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
	for what := range c.flights {
		c.land(what.name, what.word, rueidis.RedisMessage{}, err)
	}
	c.flights = nil
}

// keyOf is the reverse of Store.name.
func (c *nearCache) keyOf(name string) (key store.Key, ok bool) {
	handle, ok := strings.CutPrefix(name, c.namespace)
	if !ok {
		return key, false
	}
	key, err := store.ParseKey(handle)
	return key, err == nil
}
