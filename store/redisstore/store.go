package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/store"
)

// DefaultNamespace is what keys begin with where [WithNamespace] says nothing.
const DefaultNamespace = "session:"

// Store is a [store.Backend] and a [store.Pinger] on Redis. It is safe for
// concurrent use.
type Store struct {
	client    rueidis.Client
	owned     bool
	namespace string
	refused   error // why the client cannot be used; nil where it can
}

var (
	_ store.Backend = (*Store)(nil)
	_ store.Pinger  = (*Store)(nil)
)

// Option changes what [New] and [Open] make.
type Option func(*Store)

// WithNamespace puts prefix, as it is, before every key, in place of
// [DefaultNamespace]. "" puts nothing there.
func WithNamespace(prefix string) Option { return func(s *Store) { s.namespace = prefix } }

// New makes a Store over client, which it never closes. It does not reach out
// to Redis: [Store.Ping] says whether it is there. A client that is nil, or is
// one of a Redis Cluster, makes every call fail with an error that says so.
//
// A client with a ConnLifetime may send a write twice, when a connection that
// has lived long enough gives no answer; the outcome of the second one is what
// is returned.
func New(client rueidis.Client, opts ...Option) *Store {
	s := &Store{client: client, namespace: DefaultNamespace}
	for _, opt := range opts {
		opt(s)
	}
	switch {
	case client == nil:
		s.refused = errors.New("redis: the store was made without a client")
	case client.Mode() == rueidis.ClientModeCluster:
		s.refused = errors.New("redis: the client is one of a redis cluster, which is not supported; use a single redis")
	}
	return s
}

// Close closes the client that [Open] made; the calls under way end with an
// error. It does nothing to a client that was given to [New]. Its error is
// always nil.
func (s *Store) Close() error {
	if s.owned {
		s.client.Close()
	}
	return nil
}

// Ping returns nil when Redis answers and is done loading its data.
func (s *Store) Ping(ctx context.Context) error {
	return s.call(ctx, func(ctx context.Context) rueidis.RedisResult {
		return s.client.Do(ctx, s.client.B().Ping().Build())
	}).err
}

// Create implements [store.Backend]. What is corrupt is in the way like a
// record is, with ErrCorrupt.
func (s *Store) Create(ctx context.Context, key store.Key, rec store.Record) error {
	return s.write(ctx, createScript, s.keys(key), createArgs(rec))
}

// Load implements [store.Backend].
func (s *Store) Load(ctx context.Context, key store.Key) (store.Record, error) {
	reply := s.exec(ctx, loadScript, s.keys(key), nil)
	if reply.err != nil {
		return store.Record{}, reply.err
	}
	if !reply.message.IsArray() {
		return store.Record{}, outcome(reply.message)
	}
	return parseRecord(reply.message)
}

// Update implements [store.Backend].
func (s *Store) Update(ctx context.Context, key store.Key, ch store.Change) error {
	return s.write(ctx, updateScript, s.keys(key), changeArgs(ch))
}

// ChangeKey implements [store.Backend]. What is corrupt under the key to is in
// the way like a record is, with ErrCorrupt.
func (s *Store) ChangeKey(ctx context.Context, from, to store.Key, ch store.Change) error {
	return s.write(ctx, changeKeyScript, s.keys(from, to), changeArgs(ch, milliseconds(store.Grace)))
}

// Delete implements [store.Backend].
func (s *Store) Delete(ctx context.Context, key store.Key) error {
	return s.write(ctx, deleteScript, s.keys(key), []string{milliseconds(store.Grace)})
}

// DeleteExpired returns 0, and the error of ctx if it has ended: Redis removes
// by itself what has expired.
func (s *Store) DeleteExpired(ctx context.Context, _ int) (int, error) { return 0, ctx.Err() }

// keys gives the keys in Redis. They are hexadecimal, for 16 bytes more than
// the bare key would take, so that the handle of a session that was logged or
// shown to a user can be looked up with any tool, and patterns of access rules
// and of SCAN match it.
func (s *Store) keys(keys ...store.Key) []string {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = s.namespace + key.String()
	}
	return names
}

func (s *Store) write(ctx context.Context, script *rueidis.Lua, keys, args []string) error {
	reply := s.exec(ctx, script, keys, args)
	if reply.err != nil {
		return reply.err
	}
	return outcome(reply.message)
}

func (s *Store) exec(ctx context.Context, script *rueidis.Lua, keys, args []string) reply {
	return s.call(ctx, func(ctx context.Context) rueidis.RedisResult {
		return script.Exec(ctx, s.client, keys, args)
	})
}

// reply is what a call of the client came to.
type reply struct {
	message rueidis.RedisMessage
	err     error
}

// call runs f and returns when ctx ends, whether f has returned or not. f has
// a goroutine of its own, as the client itself does not always look at the
// context: not while another caller is connecting, nor while its queue is full
// because Redis hangs.
func (s *Store) call(ctx context.Context, f func(context.Context) rueidis.RedisResult) reply {
	if s.refused != nil {
		return reply{err: s.refused}
	}
	if err := ctx.Err(); err != nil {
		return reply{err: err}
	}
	if ctx.Done() == nil {
		return attempt(ctx, f)
	}
	done := make(chan reply, 1)
	go func() { done <- attempt(ctx, f) }()
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
		return reply{err: ctx.Err()}
	}
}

// attempt calls f again when all that went wrong is that another caller gave
// up: one makes a connection for all that wait for it, and when the context of
// that one ends, its error is everybody's. Nothing has been sent then, so that
// this is safe for writes as well. It gives up after some attempts, in case
// that something else uses this error.
func attempt(ctx context.Context, f func(context.Context) rueidis.RedisResult) (r reply) {
	for range 10 {
		r = newReply(f(ending{ctx}))
		if !errors.Is(r.err, context.Canceled) {
			return r
		}
		if ctx.Err() != nil {
			return reply{err: ctx.Err()}
		}
	}
	return r
}

// ending is what the client sees of a context: that it ends, not when and why.
// It would make the deadline of one caller that of a connection, and end the
// connection, and with it the calls of others, when it passes.
type ending struct{ context.Context }

// Deadline says that there is none.
func (ending) Deadline() (time.Time, bool) { return time.Time{}, false }

// Err is nil or context.Canceled, so that nothing but a caller that has given
// up gives this error; a server that does not answer gives another.
func (e ending) Err() error {
	if e.Context.Err() != nil {
		return context.Canceled
	}
	return nil
}

func newReply(result rueidis.RedisResult) reply {
	message, err := result.ToMessage()
	if err == nil {
		return reply{message: message}
	}
	// Redis refuses to write more than its maxmemory; older versions wrap the
	// words in others.
	if e, ok := rueidis.IsRedisErr(err); ok && strings.Contains(e.Error(), "OOM command not allowed") {
		return reply{err: store.ErrFull}
	}
	return reply{err: fmt.Errorf("redis: %w", err)}
}

// outcome turns the word that a script answered with into an error.
func outcome(message rueidis.RedisMessage) error {
	word, err := message.ToString()
	if err != nil {
		return fmt.Errorf("redis: what a script answered: %w", err)
	}
	switch word {
	case "ok":
		return nil
	case "none":
		return store.ErrNotFound
	case "deleted":
		return store.ErrEnded
	case "renewed":
		return store.ErrRenewed
	case "conflict":
		return store.ErrConflict
	case "live", "duplicate":
		return store.ErrDuplicateKey
	case "corrupt":
		return store.ErrCorrupt
	}
	return errors.New("redis: a script answered with a word that is not known")
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
