package fxsession

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// newRedis makes the Backend on Redis, over the application's client or one of
// its own.
func newRedis(p newBackendParams) (store.Backend, error) {
	cfg := p.Config.Store.Redis
	namespace := redisstore.WithNamespace(cfg.Namespace)
	switch {
	case cfg.URL.IsZero() && p.Redis == nil:
		return nil, errors.New("fxsession: session.store.driver is redis: set session.store.redis.url, or provide a rueidis.Client " +
			"(if there is a constructor of one, fx has left it out because it needs something that is missing)")
	case !cfg.URL.IsZero() && p.Redis != nil:
		return nil, errors.New("fxsession: there are both session.store.redis.url and a rueidis.Client: " +
			"remove the url to use the client, or do not provide the client")
	case p.Redis != nil:
		return redisstore.New(p.Redis, namespace), nil
	}
	b := &redisBackend{
		open: func(ctx context.Context) (*redisstore.Store, error) {
			return redisstore.Open(ctx, connection(p.Config.Store), namespace)
		},
		turn: make(chan struct{}, 1),
	}
	// The store closes its Backend, unless a decoration hides that it can.
	p.Lifecycle.Append(fx.StopHook(b.Close))
	return b, nil
}

func connection(cfg config.StoreConfig) redisstore.Connection {
	c := redisstore.Connection{
		URL:         cfg.Redis.URL.Reveal(),
		Username:    cfg.Redis.Username,
		Password:    cfg.Redis.Password.Reveal(),
		DialTimeout: cfg.Timeout,
	}
	if tls := cfg.Redis.TLS; tls.Enabled || strings.HasPrefix(c.URL, "rediss:") {
		c.TLS = &redisstore.TLS{CAFile: tls.CAFile, CertFile: tls.CertFile, KeyFile: tls.KeyFile, ServerName: tls.ServerName}
	}
	return c
}

// redisBackend is a redisstore.Store that is opened by the first call, which
// is the one that asks at start whether the store is ready. A constructor could
// not open it: it has no context to bound that, and nobody closes what it has
// opened when another constructor fails.
type redisBackend struct {
	open   func(context.Context) (*redisstore.Store, error)
	opened atomic.Pointer[redisstore.Store]
	turn   chan struct{} // held while it is opened or closed
	closed bool          // guarded by turn
}

var (
	_ store.Backend = (*redisBackend)(nil)
	_ store.Pinger  = (*redisBackend)(nil)
)

var errClosed = errors.New("redis: the store is closed")

// store gives the open store.
func (b *redisBackend) store(ctx context.Context) (*redisstore.Store, error) {
	if s := b.opened.Load(); s != nil {
		return s, nil
	}
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b.closed {
		return nil, errClosed
	}
	if s := b.opened.Load(); s != nil {
		return s, nil
	}
	s, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	b.opened.Store(s)
	return s, nil
}

func (b *redisBackend) Create(ctx context.Context, key store.Key, rec store.Record) error {
	s, err := b.store(ctx)
	if err != nil {
		return err
	}
	return s.Create(ctx, key, rec)
}

func (b *redisBackend) Load(ctx context.Context, key store.Key) (store.Record, error) {
	s, err := b.store(ctx)
	if err != nil {
		return store.Record{}, err
	}
	return s.Load(ctx, key)
}

func (b *redisBackend) Update(ctx context.Context, key store.Key, ch store.Change) error {
	s, err := b.store(ctx)
	if err != nil {
		return err
	}
	return s.Update(ctx, key, ch)
}

func (b *redisBackend) ChangeKey(ctx context.Context, from, to store.Key, ch store.Change) error {
	s, err := b.store(ctx)
	if err != nil {
		return err
	}
	return s.ChangeKey(ctx, from, to, ch)
}

func (b *redisBackend) Delete(ctx context.Context, key store.Key) error {
	s, err := b.store(ctx)
	if err != nil {
		return err
	}
	return s.Delete(ctx, key)
}

func (b *redisBackend) DeleteExpired(ctx context.Context, limit int) (int, error) {
	s, err := b.store(ctx)
	if err != nil {
		return 0, err
	}
	return s.DeleteExpired(ctx, limit)
}

func (b *redisBackend) Ping(ctx context.Context) error {
	s, err := b.store(ctx)
	if err != nil {
		return err
	}
	return s.Ping(ctx)
}

// Close closes the connection, if there is one; again is fine.
func (b *redisBackend) Close() error {
	b.turn <- struct{}{}
	defer func() { <-b.turn }()
	b.closed = true
	if s := b.opened.Swap(nil); s != nil {
		return s.Close()
	}
	return nil
}
