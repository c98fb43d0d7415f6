package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/fxsession/sessions/internal/guarded"
	"github.com/fxsession/sessions/store"
)

// Done returns a channel that is closed when the session ends, for long
// responses such as server-sent events and WebSockets: the handler should then
// close them. It is also closed when ctx is done and after the request, so that
// nothing is left behind. It can be called in a loop: calls with one ctx give
// one channel, and for each different ctx there is a goroutine that asks the store.
//
// The session ends when it is signed out, revoked, evicted, expired or renewed
// by another request, because its ID is dead then: a client that connects again
// sends the cookie that it has by then. A renewal by the session's own request
// ends nothing. An end through the same Manager is noticed at once, any other
// after state.watch_interval at most, which is how often the store is asked,
// and once at the beginning. A store that does not answer ends no session
// before it is known to expire. While the session has no record, only its own
// expiry ends it.
//
// After the request, and without the middleware, the channel is closed already. A
// session of [Manager.Open] or [Manager.New] has no request that ends: there the
// channel is closed when ctx is done or the session ends.
func (s *Session) Done(ctx context.Context) <-chan struct{} {
	w := &watch{ctx: ctx, done: make(chan struct{})}
	if s.lock() != nil {
		w.end()
		return w.done
	}
	defer s.unlock()
	if s.ended != nil || s.invalidated {
		w.end()
		return w.done
	}
	s.watching = slices.DeleteFunc(s.watching, (*watch).ended)
	for _, other := range s.watching {
		if other.ctx.Done() == ctx.Done() {
			return other.done
		}
	}
	w.session, w.key = s, s.key()
	s.watching = append(s.watching, w)
	s.m.watches.add(w)
	go w.run()
	return w.done
}

// endWatches ends what waits for the end of the session.
func (s *Session) endWatches() {
	if s.touched == nil {
		return
	}
	for _, w := range s.watching {
		w.end()
	}
	s.watching = nil
}

// watch is what waits for the end of a session.
type watch struct {
	ctx     context.Context
	session *Session
	key     store.Key // guarded by the lock of watches
	once    sync.Once
	done    chan struct{}
}

func (w *watch) ended() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

func (w *watch) end() { w.once.Do(func() { close(w.done) }) }

// run asks the store from time to time, until the watch ends.
func (w *watch) run() {
	m := w.session.m
	defer m.watches.remove(w)
	defer w.end()
	for expires := int64(0); ; {
		var over bool
		if expires, over = w.session.look(w.ctx, expires); over {
			return
		}
		pause := m.watchInterval - rand.N(m.watchInterval/10+1) // instances do not ask in step
		if expires > 0 {
			pause = min(pause, max(milliseconds(expires-m.now()), time.Millisecond))
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-w.done:
			timer.Stop()
			return
		case <-w.ctx.Done():
			timer.Stop()
			return
		}
	}
}

// look asks the store whether the session lives. expires is when it will not
// any more, as far as is known, in Unix milliseconds; 0 while it has not begun.
func (s *Session) look(ctx context.Context, known int64) (expires int64, over bool) {
	s.mu.Lock()
	id, record, begun, expires := s.id, s.record, s.begun, max(s.expires, known)
	s.mu.Unlock()
	now := s.m.now()
	if !record {
		return expires, begun && now >= expires
	}
	var rec store.Record
	err := guarded.Call(func() (err error) {
		rec, err = s.m.store.Load(ctx, id.key())
		return err
	})
	if err == nil { // other requests may have extended it
		return max(expires, now+rec.TTL.Milliseconds()), false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id != id { // its own request has renewed it meanwhile
		return s.expires, false
	}
	if _, panicked := errors.AsType[*guarded.PanicError](err); panicked {
		s.m.logger.Error("session: the store could not be asked whether a session still lives", zap.Error(err))
	}
	return expires, gone(err) || ended(err) || now >= expires
}

// watches are the watches of a Manager by the key that each waits on.
type watches struct {
	mu    sync.Mutex
	byKey map[store.Key]map[*watch]struct{}
}

func (x *watches) add(w *watch) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.put(w)
}

func (x *watches) put(w *watch) {
	if x.byKey == nil {
		x.byKey = map[store.Key]map[*watch]struct{}{}
	}
	if x.byKey[w.key] == nil {
		x.byKey[w.key] = map[*watch]struct{}{}
	}
	x.byKey[w.key][w] = struct{}{}
}

func (x *watches) remove(w *watch) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(w)
}

func (x *watches) drop(w *watch) {
	if delete(x.byKey[w.key], w); len(x.byKey[w.key]) == 0 {
		delete(x.byKey, w.key)
	}
}

// move lets watches go on under the key that their own request has given the
// session.
func (x *watches) move(all []*watch, key store.Key) {
	if len(all) == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, w := range all {
		if _, waits := x.byKey[w.key][w]; !waits {
			continue
		}
		x.drop(w)
		w.key = key
		x.put(w)
	}
}

// end ends the watches of what has ended under key.
func (x *watches) end(key store.Key) {
	if key == (store.Key{}) {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for w := range x.byKey[key] {
		w.end()
	}
}
