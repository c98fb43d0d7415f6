package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/store"
)

func (s *Store) exec(ctx context.Context, script *rueidis.Lua, keys, args []string) reply {
	return s.call(ctx, func(ctx context.Context) rueidis.RedisResult {
		return script.Exec(ctx, s.client, keys, args)
	})
}

// reply is what a call of the client came to.
type reply struct {
	message rueidis.RedisMessage
	err     error
}

// call runs f and returns when ctx ends, whether f has returned or not. The
// client itself does not always look at the context: not while another caller
// is connecting, nor while its queue is full because Redis hangs. So f has a
// goroutine of its own, unless the line is known to be open.
func (s *Store) call(ctx context.Context, f func(context.Context) rueidis.RedisResult) reply {
	if s.refused != nil {
		return reply{err: s.refused}
	}
	if err := ctx.Err(); err != nil {
		return reply{err: err}
	}
	if ctx.Done() == nil {
		return s.attempt(ctx, f)
	}
	if s.line.enter() {
		r := s.attempt(ctx, f)
		s.line.leave()
		s.line.note(r.err)
		return r
	}
	done := make(chan reply, 1)
	go func() {
		r := s.attempt(ctx, f)
		if s.single {
			s.line.note(r.err)
		}
		done <- r
	}()
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
		return reply{err: ctx.Err()}
	}
}

// line is what is known of the way to a single Redis. It is open when the last
// call was answered; then the client is called without a goroutine, which is
// most of what a call costs this side. No more callers do so at once than find
// room in its queue, so that none waits for a place in it when Redis hangs; and
// the first that gives up closes the line for those to come. Only one that comes
// in the very moment in which the connection is lost may wait for the next one,
// for the time that is given to connect.
type line struct {
	open    atomic.Bool
	callers atomic.Int64
}

// maxCallers is far less than the 1024 that the client's queue holds, unless an
// application has chosen another length.
const maxCallers = 64

func (l *line) enter() bool {
	if !l.open.Load() {
		return false
	}
	if l.callers.Add(1) > maxCallers {
		l.callers.Add(-1)
		return false
	}
	return true
}

func (l *line) leave() { l.callers.Add(-1) }

// note says what a call came to.
func (l *line) note(err error) {
	answered := err == nil || errors.Is(err, store.ErrFull) || errors.As(err, new(*rueidis.RedisError))
	if l.open.Load() != answered { // written seldom, as all callers read it
		l.open.Store(answered)
	}
}

// attempt calls f again when nothing was done, for a reason that will pass, so
// that this is safe for writes as well. It gives up after some attempts.
//
// One reason is that another caller gave up: one makes a connection for all that
// wait for it, and when the context of that one ends, its error is everybody's.
// Others are a server that is not ready, or no longer the one to ask.
func (s *Store) attempt(ctx context.Context, f func(context.Context) rueidis.RedisResult) (r reply) {
	for pause := time.Millisecond; ; pause *= 2 {
		r = newReply(f(ending{ctx}))
		if ctx.Err() != nil && errors.Is(r.err, context.Canceled) {
			return reply{err: ctx.Err()}
		}
		if !s.willPass(r.err) || pause > 512*time.Millisecond {
			return r
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return reply{err: ctx.Err()}
		}
	}
}

// willPass says of an error that nothing was done, and that it will be gone in
// a moment.
func (s *Store) willPass(err error) bool {
	if err == nil {
		return false
	}
	var refusal *rueidis.RedisError
	if errors.As(err, &refusal) {
		return refusal.IsTryAgain() || refusal.IsClusterDown() || refusal.IsLoading() ||
			!s.single && (strings.HasPrefix(refusal.Error(), "READONLY") || strings.HasPrefix(refusal.Error(), "NOREPLICAS"))
	}
	var dial *net.OpError
	return errors.Is(err, context.Canceled) || !s.single && errors.As(err, &dial) && dial.Op == "dial"
}

// ending is what the client sees of a context: that it ends, not when and why.
// It would make the deadline of one caller that of a connection, and end the
// connection, and with it the calls of others, when it passes.
type ending struct{ context.Context }

// Deadline says that there is none.
func (ending) Deadline() (time.Time, bool) { return time.Time{}, false }

// Err is nil or context.Canceled, so that nothing but a caller that has given
// up gives this error; a server that does not answer gives another.
func (e ending) Err() error {
	if e.Context.Err() != nil {
		return context.Canceled
	}
	return nil
}

func newReply(result rueidis.RedisResult) reply {
	message, err := result.ToMessage()
	if err == nil {
		return reply{message: message}
	}
	// Redis refuses to write more than its maxmemory; older versions wrap the
	// words in others.
	if e, ok := rueidis.IsRedisErr(err); ok && strings.Contains(e.Error(), "OOM command not allowed") {
		return reply{err: store.ErrFull}
	}
	return reply{err: fmt.Errorf("redis: %w", err)}
}
