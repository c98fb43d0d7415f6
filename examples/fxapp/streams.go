package main

import (
	"net/http"
	"sync"

	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// Streams are the responses of this instance that last, by their sessions. It
// is safe for concurrent use.
type Streams struct {
	sessions *session.Manager
	closed   chan struct{} // closed when the shop closes
	close    func()

	mu    sync.Mutex
	byKey map[store.Key]map[chan struct{}]struct{}
}

func newStreams(sessions *session.Manager) *Streams {
	closed := make(chan struct{})
	return &Streams{
		sessions: sessions,
		closed:   closed,
		close:    sync.OnceFunc(func() { close(closed) }),
		byKey:    map[store.Key]map[chan struct{}]struct{}{},
	}
}

// key is that of the session that a request comes with.
func (x *Streams) key(r *http.Request) store.Key {
	cookie, _ := x.sessions.Incoming(r)
	return cookie.ID().Key()
}

// watch gives a channel that says when a session may have changed, once for
// all that happens before it is looked at, until stop is called.
func (x *Streams) watch(key store.Key) (changed <-chan struct{}, stop func()) {
	bell := make(chan struct{}, 1)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.byKey[key] == nil {
		x.byKey[key] = map[chan struct{}]struct{}{}
	}
	x.byKey[key][bell] = struct{}{}
	return bell, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if delete(x.byKey[key], bell); len(x.byKey[key]) == 0 {
			delete(x.byKey, key)
		}
	}
}

// ring tells the streams of r's session to look at it. What is to be seen must
// be stored by then: call it after the response was written.
func (x *Streams) ring(r *http.Request) {
	key := x.key(r)
	x.mu.Lock()
	defer x.mu.Unlock()
	for bell := range x.byKey[key] {
		select {
		case bell <- struct{}{}:
		default: // it has rung, and nobody has looked yet
		}
	}
}
