package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/store"
)

func (s *Store) exec(ctx context.Context, script *rueidis.Lua, keys, args []string) reply {
	return s.call(ctx, func(ctx context.Context, client rueidis.Client) rueidis.RedisResult {
		return script.Exec(ctx, client, keys, args)
	})
}

// reply is what a call of the client came to.
type reply struct {
	message rueidis.RedisMessage
	err     error
}

// call runs f, and returns when ctx ends. A call that is alone may have a
// connection to itself, see [direct]; others share one.
func (s *Store) call(ctx context.Context, f attempt) reply { return s.callOrJoin(ctx, f, nil) }

// callOrJoin is call, for a load that joins others where it is not alone. There are
// three ways, each the cheapest of those that are open: over the connection of a
// call that is alone, see [direct]; as one of several loads, see [batches]; and
// apart, which is for everything else, and for what the others have left undone.
func (s *Store) callOrJoin(ctx context.Context, f attempt, load *plainLoad) reply {
	if s.refused != nil {
		return reply{err: s.refused}
	}
	if err := ctx.Err(); err != nil {
		return reply{err: err}
	}
	if s.direct != nil {
		l := s.direct.enter()
		defer s.direct.leave()
		if l != nil {
			if r, ok := s.direct.do(ctx, l, f); ok && (ctx.Err() != nil || !s.willPass(r.err)) {
				return r
			}
		}
	}
	if load != nil {
		if r, ok := s.loads.do(load, s.client); ok && (ctx.Err() != nil || !s.willPass(r.err)) {
			return r
		}
	}
	return s.apart(ctx, f)
}

// apart runs f in a goroutine of its own that may go on after ctx: the client
// itself does not always look at the context, not while another caller is
// connecting, nor while its queue is full because Redis hangs.
func (s *Store) apart(ctx context.Context, f attempt) reply {
	var r reply
	done := make(chan struct{})
	go func() {
		defer close(done)
		r = s.attempt(ctx, f)
	}()
	if err := wait(ctx, done); err != nil {
		return reply{err: err}
	}
	return r
}

// waiter and afterFuncer are what the contexts of [store.SessionStore] can do.
type (
	waiter interface {
		Wait(done <-chan struct{}) error
	}
	afterFuncer interface {
		AfterFunc(f func()) (stop func() bool)
	}
)

// wait returns nil when done is closed, and the error of ctx when that ends. The
// contexts of [store.SessionStore] can do that themselves, for less.
func wait(ctx context.Context, done <-chan struct{}) error {
	if c, ok := ctx.(waiter); ok {
		return c.Wait(done)
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt is one try of a call, over client.
type attempt func(ctx context.Context, client rueidis.Client) rueidis.RedisResult

// attempt calls f again when nothing was done, for a reason that will pass, so
// that this is safe for writes as well. It gives up after some attempts.
//
// One reason is that another caller gave up: one makes a connection for all that
// wait for it, and when the context of that one ends, its error is everybody's.
// Others are a server that is not ready, or no longer the one to ask.
func (s *Store) attempt(ctx context.Context, f attempt) (r reply) {
	for pause := time.Millisecond; ; pause *= 2 {
		r = newReply(f(ending{ctx}, s.client))
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

// ending is what the client sees of a context: that it has ended, not when it
// will, nor why it has. With a deadline it would make that the one of a
// connection, and end the connection, and with it the calls of others, when it
// passes. And for a context that may end it takes a longer way through goroutines
// of its own, where call waits already.
type ending struct{ context.Context }

// Deadline says that there is none.
func (ending) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done gives nil.
func (ending) Done() <-chan struct{} { return nil }

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
	return reply{err: fmt.Errorf("redis: %w", tellsNothing(err))}
}

// tellsNothing gives err, or what it says without the arguments that Redis repeats
// of a command that it does not know: keys, what they are to hold, a password.
func tellsNothing(err error) error {
	if said, arguments, _ := strings.Cut(err.Error(), ", with args beginning with"); arguments != "" {
		return errors.New(said)
	}
	return err
}
