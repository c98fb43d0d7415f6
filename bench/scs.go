package main

import (
	"bytes"
	"encoding/gob"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	scsredigo "github.com/alexedwards/scs/redisstore"
	"github.com/alexedwards/scs/v2"
	scsmemory "github.com/alexedwards/scs/v2/memstore"
	"github.com/gomodule/redigo/redis"
	goredis "github.com/redis/go-redis/v9"
)

const (
	scsModule  = "github.com/alexedwards/scs/v2"
	scsMemory  = "scs, memory"
	scsRedigo  = "scs, redigo"
	scsGoRedis = "scs, go-redis"
)

// connections is how many connections the pools of peers may hold: enough for
// every client of the load test, so that none is dialled anew for a request.
const connections = 64

func scsLibraries() []library {
	return []library{
		{scsMemory, scsModule, "memory", scenarios, func(string) (*site, error) {
			s := scsmemory.NewWithCleanupInterval(0) // crowdSCS measures its sweep
			return openSCS(s, func() {})
		}},
		{scsRedigo, scsModule, "redis", scenarios, func(address string) (*site, error) {
			pool := &redis.Pool{MaxIdle: connections, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", address) }}
			return openSCS(scsredigo.New(pool), func() { _ = pool.Close() })
		}},
		{scsGoRedis, scsModule, "redis", scenarios, func(address string) (*site, error) {
			client := goredis.NewClient(&goredis.Options{Addr: address, PoolSize: connections})
			return openSCS(goredisstore.New(client), func() { _ = client.Close() })
		}},
	}
}

func openSCS(s scs.Store, closeStore func()) (*site, error) {
	registerGob()
	m := scs.New()
	m.Store = s
	handler := m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, serveSCS(m, r))
	}))
	return &site{Handler: handler, Close: closeStore}, nil
}

// registerGob names the types that sessions hold to encoding/gob, as libraries
// that use it ask for. Doing so again changes nothing.
func registerGob() {
	gob.Register(profile{})
	gob.Register([]string{})
	gob.Register(time.Time{})
}

func serveSCS(m *scs.SessionManager, r *http.Request) error {
	ctx := r.Context()
	switch scenario(r.URL.Path[1:]) {
	case s1, s2:
		return nil
	case s3:
		return checkUser(m.GetString(ctx, keyUser))
	case s4:
		p, _ := m.Get(ctx, keyProfile).(profile)
		roles, _ := m.Get(ctx, keyRoles).([]string)
		return state{m.GetString(ctx, keyUser), m.GetInt(ctx, keyVisits), p, roles, m.GetTime(ctx, keySince)}.check()
	case s5, s7:
		m.Put(ctx, keyVisits, 43)
		return nil
	case s6:
		if err := m.RenewToken(ctx); err != nil {
			return err
		}
		m.Put(ctx, keyUser, otherUser)
		m.Put(ctx, keyVisits, 1)
		return nil
	case "fill":
		m.Put(ctx, keyUser, initial.User)
		m.Put(ctx, keyVisits, initial.Visits)
		m.Put(ctx, keyProfile, initial.Profile)
		m.Put(ctx, keyRoles, initial.Roles)
		m.Put(ctx, keySince, initial.Since)
		return nil
	}
	return unknownPath(r.URL.Path)
}

// crowdSCS keeps many sessions in scs's memory store, which sweeps by itself.
func crowdSCS(sweepEvery time.Duration) (crowd, error) {
	data, err := scsData()
	return &scsCrowd{scsmemory.NewWithCleanupInterval(sweepEvery), data}, err
}

type scsCrowd struct {
	store *scsmemory.MemStore
	data  []byte
}

func (c *scsCrowd) put(n int, ttl time.Duration) error {
	return c.store.Commit(longToken(n), bytes.Clone(c.data), time.Now().Add(ttl))
}

func (c *scsCrowd) update(n int) error { return c.put(n, time.Hour) }

func (c *scsCrowd) reader(n int) func() error {
	token := longToken(n)
	return func() error {
		_, found, err := c.store.Find(token)
		if err == nil && !found {
			err = errors.New("scs lost a session")
		}
		return err
	}
}

func (c *scsCrowd) sweep() error { return errSweepsByItself }
func (c *scsCrowd) close()       { c.store.StopCleanup() }

// scsData is what scs keeps of a request to /fill.
func scsData() ([]byte, error) {
	memory := scsmemory.NewWithCleanupInterval(0)
	s, err := openSCS(memory, func() {})
	if err != nil {
		return nil, err
	}
	if _, err := newCookie(s); err != nil {
		return nil, err
	}
	all, err := memory.All()
	if err != nil {
		return nil, err
	}
	for _, data := range all {
		return data, nil
	}
	return nil, errors.New("scs kept no session")
}
