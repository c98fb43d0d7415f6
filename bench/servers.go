package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fxsession/sessions/internal/testserver"
)

// host lets the servers of the tests run in a program: they ask for a
// testing.TB to say what failed and when to end.
type host struct {
	testing.TB // nil: what is not below is not called
	cleanups   []func()
}

func (*host) Helper()                   {}
func (h *host) Cleanup(f func())        { h.cleanups = append(h.cleanups, f) }
func (*host) Fatalf(f string, a ...any) { panic(failed(fmt.Sprintf(f, a...))) }

// failed is what a server could not do.
type failed string

// end ends the servers, the last one first.
func (h *host) end() {
	for len(h.cleanups) > 0 {
		last := len(h.cleanups) - 1
		cleanup := h.cleanups[last]
		h.cleanups = h.cleanups[:last]
		cleanup()
	}
}

// try calls f, which starts servers, and turns what they could not do into an
// error.
func (h *host) try(f func()) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			message, ok := cause.(failed)
			if !ok {
				panic(cause)
			}
			err = fmt.Errorf("%s", message)
		}
	}()
	f()
	return nil
}

// servers are a Redis and a proxy in front of it that counts.
type servers struct {
	host  *host
	redis string // host and port
	proxy *testserver.Proxy
}

func startServers() (*servers, error) {
	s := &servers{host: &host{}}
	err := s.host.try(func() {
		redis := testserver.Redis(s.host)
		s.redis = redis.Addr()
		// The plain one counts every command, PINGs as well: libraries that send
		// one before each of their own pay for it.
		s.proxy = testserver.NewPlainProxy(s.host, s.redis)
	})
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// startCluster starts a Redis Cluster of three masters with a replica each, which
// keep nothing on disk, as the single Redis does not. It gives its address as a
// library takes it, and those of the masters.
func (s *servers) startCluster() (address string, masters []string, err error) {
	err = s.host.try(func() {
		c := testserver.NewRedisCluster(s.host, "--appendonly", "no")
		address = strings.TrimPrefix(c.URL(), "redis://")
		masters = c.Addrs()[:len(c.Nodes)/2]
	})
	return address, masters, err
}

func (s *servers) stop() { s.host.end() }
