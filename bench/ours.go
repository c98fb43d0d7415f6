package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
	"github.com/fxsession/sessions/store/redisstore"
)

const (
	oursModule = "github.com/fxsession/sessions"
	oursMemory = "fxsession, memory"
	oursRedis  = "fxsession, redis"
	oursNear   = "fxsession, redis with near cache"

	oursMemorySignedIn = "fxsession, memory, signed in"
	oursRedisSignedIn  = "fxsession, redis, signed in"
)

// ours is this library with its default configuration.
func ours() []library {
	return []library{
		{oursMemory, oursModule, "memory", scenarios, func(string) (*site, error) {
			return openOurs(config.DriverMemory, memstore.New(), serveOurs)
		}},
		{oursRedis, oursModule, "redis", scenarios, func(redis string) (*site, error) {
			return openOursOnRedis(redis, serveOurs)
		}},
		{oursNear, oursModule, "redis", scenarios, func(redis string) (*site, error) {
			return openOursOnRedis(redis, serveOurs, redisstore.WithClientCache(config.Default().Store.Redis.ClientCache.TTL))
		}},
	}
}

// signedInOnRedis is this library with people who are signed in. No peer knows
// who that is, and what is compared with them is without.
func signedInOnRedis() library {
	return library{oursRedisSignedIn, oursModule, "redis", scenarios, func(redis string) (*site, error) {
		return openOursOnRedis(redis, serveSignedIn)
	}}
}

func openOursOnRedis(redis string, serve func(*http.Request) error, opts ...redisstore.Option) (*site, error) {
	backend, err := redisstore.Open(context.Background(), redisstore.Connection{URL: "redis://" + redis}, opts...)
	if err != nil {
		return nil, err
	}
	return openOurs(config.DriverRedis, backend, serve)
}

func openOurs(driver config.StoreDriver, backend store.Backend, serve func(*http.Request) error) (*site, error) {
	cfg := config.Default()
	cfg.Store.Driver = driver
	cfg.Cookie.Keys = []config.Key{config.NewKey()}
	s := store.New(backend)
	m, err := session.NewManager(cfg, s)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	handler := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, serve(r))
	}))
	return &site{Handler: handler, Close: func() { _ = s.Close() }}, nil
}

var (
	userField    = session.NewField[string](keyUser)
	visitsField  = session.NewField[int](keyVisits)
	profileField = session.NewField[profile](keyProfile)
	rolesField   = session.NewField[[]string](keyRoles)
	sinceField   = session.NewField[time.Time](keySince)
)

func serveOurs(r *http.Request) error {
	ctx := r.Context()
	s := session.FromContext(ctx)
	switch scenario(r.URL.Path[1:]) {
	case s1, s2:
		return nil
	case s3:
		user, _, err := userField.Get(ctx, s)
		if err != nil {
			return err
		}
		return checkUser(user)
	case s4:
		var got state
		var errs [5]error
		got.User, _, errs[0] = userField.Get(ctx, s)
		got.Visits, _, errs[1] = visitsField.Get(ctx, s)
		got.Profile, _, errs[2] = profileField.Get(ctx, s)
		got.Roles, _, errs[3] = rolesField.Get(ctx, s)
		got.Since, _, errs[4] = sinceField.Get(ctx, s)
		if err := errors.Join(errs[:]...); err != nil {
			return err
		}
		return got.check()
	case s5, s7:
		return visitsField.Set(ctx, s, 43)
	case s6:
		return errors.Join(s.CycleID(), userField.Set(ctx, s, otherUser), visitsField.Set(ctx, s, 1))
	case "fill":
		return errors.Join(
			userField.Set(ctx, s, initial.User), visitsField.Set(ctx, s, initial.Visits), profileField.Set(ctx, s, initial.Profile),
			rolesField.Set(ctx, s, initial.Roles), sinceField.Set(ctx, s, initial.Since),
		)
	}
	return unknownPath(r.URL.Path)
}

// serveSignedIn serves the same, for people who sign in where a session or an ID
// begins, each time as somebody else.
func serveSignedIn(r *http.Request) error {
	ctx := r.Context()
	switch scenario(r.URL.Path[1:]) {
	case s6, s7, "fill":
		if err := session.FromContext(ctx).SignIn(ctx, subject(int(signedIn.Add(1)))); err != nil {
			return err
		}
	}
	return serveOurs(r)
}

var signedIn atomic.Int64

// subject is the ID of the nth who signs in.
func subject(n int) string { return fmt.Sprintf("u-%08d", n) }

// crowdOurs keeps many sessions in memory.
func crowdOurs(time.Duration) (crowd, error) {
	rec, err := ourRecord(serveOurs)
	return &oursCrowd{memstore.New(), rec}, err
}

// crowdOursSignedIn keeps many, each of somebody else who is signed in.
func crowdOursSignedIn(time.Duration) (crowd, error) {
	rec, err := ourRecord(serveSignedIn)
	return &oursCrowd{memstore.New(), rec}, err
}

type oursCrowd struct {
	store *memstore.Store
	rec   store.Record
}

func (c *oursCrowd) put(n int, ttl time.Duration) error {
	rec := c.rec
	rec.TTL = ttl
	if rec.Subject != "" {
		rec.Subject = subject(n)
	}
	return c.store.Create(context.Background(), testkit.Scattered(n), rec)
}

func (c *oursCrowd) update(n int) error {
	return c.store.Update(context.Background(), testkit.Scattered(n), oneWrite)
}

var oneWrite = store.Change{Set: map[string]json.RawMessage{keyVisits: json.RawMessage("43")}, TTL: time.Hour}

func (c *oursCrowd) reader(n int) func() error {
	key := testkit.Scattered(n)
	return func() error {
		_, err := c.store.Load(context.Background(), key)
		return err
	}
}

func (c *oursCrowd) sweep() error {
	_, err := c.store.DeleteExpired(context.Background(), 0)
	return err
}

func (c *oursCrowd) close() {}

// ourRecord is the record that a request to /fill leaves.
func ourRecord(serve func(*http.Request) error) (rec store.Record, err error) {
	spy := &recordSpy{Store: memstore.New()}
	s, err := openOurs(config.DriverMemory, spy, serve)
	if err != nil {
		return rec, err
	}
	defer s.Close()
	_, err = newCookie(s)
	return spy.rec, err
}

type recordSpy struct {
	*memstore.Store
	rec store.Record
}

func (s *recordSpy) Create(ctx context.Context, key store.Key, rec store.Record) error {
	s.rec = rec
	return s.Store.Create(ctx, key, rec)
}
