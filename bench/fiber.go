package main

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/session"
	fiberredis "github.com/gofiber/storage/redis/v3"
)

const (
	fiberModule = "github.com/gofiber/fiber/v3"
	fiberMemory = "fiber, memory"
	fiberRedis  = "fiber, redis"
)

func fiberLibraries() []library {
	return []library{
		{fiberMemory, fiberModule, "memory", scenarios, func(string) (*site, error) {
			return openFiber(nil), nil
		}},
		{fiberRedis, fiberModule, "redis", scenarios, func(address string) (*site, error) {
			return openFiber(fiberredis.New(fiberredis.Config{Addrs: []string{address}, PoolSize: connections})), nil
		}},
	}
}

func openFiber(storage fiber.Storage) *site {
	handler, s := session.NewWithStore(session.Config{Storage: storage, IdleTimeout: 24 * time.Hour})
	s.RegisterType(profile{})
	s.RegisterType([]string{})
	s.RegisterType(time.Time{})
	app := fiber.New()
	app.Use(handler)
	app.Get("/:scenario", func(c fiber.Ctx) error {
		if err := serveFiber(c); err != nil {
			return err // fiber answers 500
		}
		return c.Send(okBody)
	})
	return &site{Fiber: app, Close: func() { _ = s.Storage.Close() }}
}

func serveFiber(c fiber.Ctx) error {
	s := session.FromContext(c)
	switch scenario(c.Path()[1:]) {
	case s1, s2:
		return nil
	case s3:
		user, _ := s.Get(keyUser).(string)
		return checkUser(user)
	case s4:
		return stateOf(func(key string) any { return s.Get(key) }).check()
	case s5, s7:
		s.Set(keyVisits, 43)
		return nil
	case s6:
		if err := s.Regenerate(); err != nil {
			return err
		}
		s.Set(keyUser, otherUser)
		s.Set(keyVisits, 1)
		return nil
	case "fill":
		s.Set(keyUser, initial.User)
		s.Set(keyVisits, initial.Visits)
		s.Set(keyProfile, initial.Profile)
		s.Set(keyRoles, initial.Roles)
		s.Set(keySince, initial.Since)
		return nil
	}
	return unknownPath(c.Path())
}

// fiberSweepsEvery is the interval of fiber's own memory storage, which its
// session middleware does not let anybody choose.
const fiberSweepsEvery = 10 * time.Second

// crowdFiber keeps many sessions in the storage that fiber's middleware makes.
func crowdFiber(time.Duration) (crowd, error) {
	data, err := fiberData()
	_, s := session.NewWithStore()
	return &fiberCrowd{s.Storage, data}, err
}

type fiberCrowd struct {
	storage fiber.Storage
	data    []byte
}

func (c *fiberCrowd) put(n int, ttl time.Duration) error {
	return c.storage.Set(longToken(n), c.data, ttl) // it copies both
}

func (c *fiberCrowd) update(n int) error { return c.put(n, time.Hour) }

func (c *fiberCrowd) reader(n int) func() error {
	token := longToken(n)
	return func() error {
		data, err := c.storage.Get(token)
		if err == nil && data == nil {
			err = errors.New("fiber lost a session")
		}
		return err
	}
}

func (c *fiberCrowd) sweep() error { return errSweepsByItself }
func (c *fiberCrowd) close()       { _ = c.storage.Close() }

// fiberData is what fiber stores of a request to /fill.
func fiberData() ([]byte, error) {
	_, s := session.NewWithStore()
	spy := &storageSpy{Storage: s.Storage}
	site := openFiber(spy)
	defer site.Close()
	if _, err := newCookie(site); err != nil {
		return nil, err
	}
	if spy.data == nil {
		return nil, errors.New("fiber stored no session")
	}
	return spy.data, nil
}

// storageSpy keeps what was stored last.
type storageSpy struct {
	fiber.Storage
	data []byte
}

func (s *storageSpy) SetWithContext(ctx context.Context, key string, data []byte, ttl time.Duration) error {
	s.data = bytes.Clone(data)
	return s.Storage.SetWithContext(ctx, key, data, ttl)
}
