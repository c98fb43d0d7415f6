package main

import (
	"fmt"
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

// servers are a Redis and a proxy in front of it that counts.
type servers struct {
	host  *host
	redis string // host and port
	proxy *testserver.Proxy
}

func startServers() (s *servers, err error) {
	h := &host{}
	defer func() {
		if cause := recover(); cause != nil {
			h.end()
			message, ok := cause.(failed)
			if !ok {
				panic(cause)
			}
			err = fmt.Errorf("%s", message)
		}
	}()
	redis := testserver.Redis(h)
	// The plain one counts every command, PINGs as well: libraries that send
	// one before each of their own pay for it.
	return &servers{h, redis.Addr(), testserver.NewPlainProxy(h, redis.Addr())}, nil
}

func (s *servers) stop() { s.host.end() }
