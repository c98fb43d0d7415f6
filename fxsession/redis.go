package fxsession

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// newRedis makes the Backend on Redis, over the application's client or one of
// its own.
func newRedis(p newBackendParams) (store.Backend, error) {
	cfg := p.Config.Store.Redis
	opts := []redisstore.Option{redisstore.WithNamespace(cfg.Namespace), redisstore.WithMeterProvider(p.Meters)}
	if cfg.ClientCache.Enabled {
		opts = append(opts, redisstore.WithClientCache(cfg.ClientCache.TTL))
	}
	switch {
	case cfg.URL.IsZero() && p.Redis == nil:
		return nil, errors.New("fxsession: session.store.driver is redis: set session.store.redis.url, or provide a rueidis.Client " +
			"(if there is a constructor of one, fx has left it out because it needs something that is missing)")
	case !cfg.URL.IsZero() && p.Redis != nil:
		return nil, errors.New("fxsession: there are both session.store.redis.url and a rueidis.Client: " +
			"remove the url to use the client, or do not provide the client")
	case p.Redis != nil:
		if set := connectionSettings(cfg); len(set) > 0 {
			return nil, fmt.Errorf("fxsession: a rueidis.Client is connected already, so that %s would have no effect: "+
				"remove what is set, or do not provide the client and set session.store.redis.url", strings.Join(set, ", "))
		}
		return redisstore.New(p.Redis, opts...), nil
	}
	to := connection(p.Config.Store)
	if err := to.Validate(); err != nil {
		return nil, fmt.Errorf("fxsession: session.store.redis: %w", err)
	}
	b := newLazyBackend(func(ctx context.Context) (opened, error) {
		return redisstore.Open(ctx, to, opts...)
	})
	// The store closes its Backend, unless a decoration hides that it can.
	p.Lifecycle.Append(fx.StopHook(b.Close))
	return b, nil
}

// connectionSettings names what is set of how to connect, beside the URL and
// what a valid configuration has with a URL alone.
func connectionSettings(cfg config.RedisConfig) (set []string) {
	for _, s := range []struct {
		name  string
		isSet bool
	}{
		{"username", cfg.Username != ""},
		{"password", !cfg.Password.IsZero()},
		{"tls", cfg.TLS != config.TLSConfig{}},
	} {
		if s.isSet {
			set = append(set, "session.store.redis."+s.name)
		}
	}
	return set
}

func connection(cfg config.StoreConfig) redisstore.Connection {
	c := redisstore.Connection{
		URL:              cfg.Redis.URL.Reveal(),
		Username:         cfg.Redis.Username,
		Password:         cfg.Redis.Password.Reveal(),
		SentinelUsername: cfg.Redis.SentinelUsername,
		SentinelPassword: cfg.Redis.SentinelPassword.Reveal(),
		DialTimeout:      cfg.Timeout,
	}
	if tls := cfg.Redis.TLS; tls.Enabled || strings.HasPrefix(strings.ToLower(c.URL), "rediss:") {
		c.TLS = &redisstore.TLS{CAFile: tls.CAFile, CertFile: tls.CertFile, KeyFile: tls.KeyFile, ServerName: tls.ServerName}
	}
	return c
}
