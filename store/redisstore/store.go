package redisstore

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel/metric"

	"github.com/fxsession/sessions/store"
)

// DefaultNamespace is what keys begin with where [WithNamespace] says nothing.
const DefaultNamespace = "session:"

// Store is a [store.Backend], a [store.SubjectIndex] and a [store.Pinger] on
// Redis. It is safe for concurrent use.
type Store struct {
	client    rueidis.Client
	owned     bool
	namespace string
	cluster   bool // keys are in slots, and a script reaches one of them
	single    bool // there is one server, so that who cannot reach it need not wait for another
	near      *nearCache
	meters    metric.MeterProvider
	direct    *direct // nil where there is none
	loads     batches
	clock     serverClock
	refused   error // why the client cannot be used; nil where it can
}

var (
	_ store.Backend      = (*Store)(nil)
	_ store.SubjectIndex = (*Store)(nil)
	_ store.Pinger       = (*Store)(nil)
)

// Option changes what [New] and [Open] make.
type Option func(*Store)

// WithNamespace puts prefix, as it is, before every key, in place of
// [DefaultNamespace]. "" puts nothing there.
func WithNamespace(prefix string) Option { return func(s *Store) { s.namespace = prefix } }

// New makes a Store over client, which it never closes. It does not reach out
// to Redis: [Store.Ping] says whether it is there. The client may be one of a
// single Redis, of a Redis Cluster or of Sentinel; one that is nil makes every
// call fail with an error that says so. A client that sends reads to replicas
// must not send scripts there; loads go where writes go, but for those of a near
// cache, which has what the replicas have. A hook of the client sees the loads of
// one moment as one pipeline, with the values of the context of the first.
//
// A client with a ConnLifetime may send a write twice, when a connection that
// has lived long enough gives no answer; the outcome of the second one is what
// is returned.
func New(client rueidis.Client, opts ...Option) *Store {
	s := newStore(opts)
	s.use(client)
	return s
}

func newStore(opts []Option) *Store {
	s := &Store{namespace: DefaultNamespace, clock: serverClock{began: time.Now()}}
	for _, opt := range opts {
		opt(s)
	}
	if s.near != nil {
		s.near.namespace = s.namespace
		s.near.measure(s.meters)
	}
	return s
}

func (s *Store) use(client rueidis.Client) {
	if client == nil {
		s.refused = errors.New("redis: the store was made without a client")
		return
	}
	s.client = client
	s.cluster = client.Mode() == rueidis.ClientModeCluster
	s.single = client.Mode() == rueidis.ClientModeStandalone
}

// Close closes the client that [Open] made; the calls under way end with an
// error. It does nothing to a client that was given to [New]. Its error is
// always nil.
func (s *Store) Close() error {
	if s.owned {
		if s.direct != nil {
			s.direct.close()
		}
		s.client.Close()
	}
	return nil
}

// Ping returns nil when Redis answers and is done loading its data.
func (s *Store) Ping(ctx context.Context) error {
	return s.call(ctx, func(ctx context.Context, client rueidis.Client) rueidis.RedisResult {
		return client.Do(ctx, s.client.B().Ping().Build().ToRetryable())
	}).err
}

// Load implements [store.Backend].
func (s *Store) Load(ctx context.Context, key store.Key) (store.Record, error) {
	if s.near != nil {
		return s.loadNear(ctx, key)
	}
	return s.load(ctx, key)
}

func (s *Store) load(ctx context.Context, key store.Key) (store.Record, error) {
	if !s.cluster {
		if rec, err := s.loadPlain(ctx, key); !errors.Is(err, errNotPlain) {
			return rec, err
		}
	}
	return s.loadByScript(ctx, key)
}

func (s *Store) loadByScript(ctx context.Context, key store.Key) (store.Record, error) {
	for {
		reply := s.exec(ctx, loadScript, []string{s.name(key)}, nil)
		if reply.err != nil {
			return store.Record{}, reply.err
		}
		a := readAnswer(reply.message)
		switch a.word {
		case "": // no word, but a record
			return parseRecord(reply.message)
		case answerMoving:
			if settled, err := s.settle(ctx, a.move, false); !settled || err != nil {
				return store.Record{}, cause(err, a)
			}
		default:
			return store.Record{}, cmp.Or(a.err(), errUnknownWord) // it did not change anything
		}
	}
}

// loadPlain reads without a script, which takes Redis a fraction of the time: the
// record, which says when it expires, and the time of the server. Wherever there is
// something else than a record or a mark, it returns errNotPlain.
//
// It is not for a cluster, where each server has its own time.
func (s *Store) loadPlain(ctx context.Context, key store.Key) (store.Record, error) {
	l := &plainLoad{ctx: ctx, store: s, name: s.name(key)}
	return l.read(s.callOrJoin(ctx, l.over, l))
}

// read gives what a load has come to.
func (l *plainLoad) read(reply reply) (store.Record, error) {
	if reply.err != nil {
		if _, ok := errors.AsType[*rueidis.RedisError](reply.err); ok && !l.store.willPass(reply.err) {
			return store.Record{}, errNotPlain // it may be of another type
		}
		return store.Record{}, reply.err
	}
	if l.absent {
		return store.Record{}, store.ErrNotFound
	}
	rec, expires, err := readValue(reply.message)
	if err != nil {
		return store.Record{}, err
	}
	if expires <= l.now {
		return store.Record{}, errNotPlain // what counts is that it is still there
	}
	rec.TTL = ofMilliseconds(expires - l.now)
	return rec, nil
}

// plainLoad is the commands of loadPlain and what they came to.
type plainLoad struct {
	ctx    context.Context
	store  *Store
	name   string
	now    int64 // the time of the server, in milliseconds since 1970
	absent bool  // there is nothing
}

// over makes the load alone.
func (l *plainLoad) over(ctx context.Context, client rueidis.Client) rueidis.RedisResult {
	both := client.DoMulti(ctx, l.store.read("GET", l.name), l.store.time())
	now, ok := l.store.hearTime(both[1])
	l.now, l.absent = now, ok && rueidis.IsRedisNil(both[0].Error())
	if !ok || l.absent {
		return both[1]
	}
	return both[0]
}

// hearTime reads the answer to TIME, in milliseconds since 1970.
func (s *Store) hearTime(answer rueidis.RedisResult) (now int64, ok bool) {
	parts, err := answer.ToArray()
	if err != nil || len(parts) != 2 {
		return 0, false
	}
	seconds, err1 := strconv.ParseInt(text(parts[0]), 10, 64)
	micros, err2 := strconv.ParseInt(text(parts[1]), 10, 64)
	if err1 != nil || err2 != nil {
		return 0, false
	}
	now = 1000*seconds + micros/1000
	s.clock.hear(now)
	return now, true
}

// read makes a command that may be sent again, as it only reads, but that the
// client does not take for one that a replica could answer: what a replica has
// may be old.
func (s *Store) read(command, name string, args ...string) rueidis.Completed {
	return s.client.B().Arbitrary(command).Keys(name).Args(args...).Build().ToRetryable()
}

// time makes the command that asks for the time of the server, in a pipeline that
// goes where its first command does.
func (s *Store) time() rueidis.Completed { return s.client.B().Time().Build().ToRetryable() }

// Update implements [store.Backend].
func (s *Store) Update(ctx context.Context, key store.Key, ch store.Change) error {
	name := s.name(key)
	j := job{
		script: updateScript, names: []string{name},
		args: func(e entered) []string { return changeArgs(ch, e) },
	}
	wrote := s.writes(key)
	version, err := s.run(ctx, j)
	wrote(atLeast, version, err)
	return err
}

// ChangeKey implements [store.Backend]. What is corrupt under the key to is in
// the way like a record is, with ErrCorrupt.
func (s *Store) ChangeKey(ctx context.Context, from, to store.Key, ch store.Change) error {
	wroteFrom, wroteTo := s.writes(from), s.writes(to)
	version, err := s.changeKey(ctx, s.name(from), s.name(to), ch)
	wroteFrom(ended, 0, err)
	wroteTo(atLeast, version, err)
	return err
}

func (s *Store) changeKey(ctx context.Context, from, to string, ch store.Change) (version uint64, err error) {
	if s.cluster && slot(from) != slot(to) {
		return s.changeKeyAcross(ctx, from, to, ch)
	}
	return s.run(ctx, job{
		script: changeKeyScript, names: []string{from, to}, takes: to,
		args: func(e entered) []string { return changeArgs(ch, e, milliseconds(store.Grace)) },
	})
}

// Delete implements [store.Backend].
func (s *Store) Delete(ctx context.Context, key store.Key) error { return s.delete(ctx, key, "") }

// delete deletes the record under key if it is of subject; "" takes any.
func (s *Store) delete(ctx context.Context, key store.Key, subject string) error {
	wrote := s.writes(key)
	_, err := s.run(ctx, job{
		script: deleteScript, names: []string{s.name(key)},
		args: func(e entered) []string {
			reach, _ := e.args()
			return []string{milliseconds(store.Grace), reach, subject}
		},
	})
	wrote(ended, 0, err)
	return err
}

// writes notes, for the near cache, that a write of key is under way, and
// returns what notes its outcome. After one that failed, for whatever reason, the
// cache is not asked: what it has may be why.
func (s *Store) writes(key store.Key) (wrote func(v verdict, version uint64, err error)) {
	if s.near == nil {
		return func(verdict, uint64, error) {}
	}
	end := s.near.begin(key)
	return func(v verdict, version uint64, err error) {
		if err != nil {
			v = nothing
		}
		end(note{verdict: v, version: version})
	}
}

// DeleteExpired returns 0, and the error of ctx if it has ended: Redis removes
// by itself what has expired.
func (s *Store) DeleteExpired(ctx context.Context, _ int) (int, error) { return 0, ctx.Err() }

// name gives the key in Redis. It is hexadecimal, for 16 bytes more than the
// bare key would take, so that the handle of a session that was logged or shown
// to a user can be looked up with any tool, and patterns of access rules and of
// SCAN match it.
func (s *Store) name(key store.Key) string { return s.namespace + key.String() }
