package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// direct is a second connection to a single server, for a call that is the only
// one at its time. Such a call is made in the goroutine of its caller: a server
// nearby answers before two goroutines have changed places and back. Where it has
// to end before there is an answer, the connection is closed, which is nobody
// else's then.
//
// No call waits for the connection to be made: it is used while calls follow each
// other, and after a pause a goroutine of its own makes it, or looks whether it
// still stands, while calls go the other way.
type direct struct {
	option rueidis.ClientOption
	clock  func() time.Time

	mu     sync.Mutex
	calls  int       // under way, over whichever connection
	came   time.Time // when the last call that was alone did
	line   *line     // nil where there is none
	inUse  bool      // by a call, or by the goroutine that looks after it
	caring bool      // there is that goroutine
	closed bool

	ends context.Context // with close
	end  context.CancelFunc
	all  sync.WaitGroup
}

// line is a client with one connection.
type line struct {
	client   rueidis.Client
	conn     net.Conn
	answered time.Time // the last time
	idle     *time.Timer
}

// freshFor is how long a line that has answered is taken to stand, and for how
// long after a call another one follows it.
const freshFor = time.Second

// idleFor is how long nothing may come over a line before it is closed; twice
// that at the most.
const idleFor = 10 * time.Second

// lineBuffer is the size of each of the client's two buffers, in bytes: a line
// carries one call at a time.
const lineBuffer = 16 << 10

// errOneDial is for the client of a line that was lost: it is not to make
// another connection.
var errOneDial = errors.New("redis: a direct connection is made only once")

func newDirect(o rueidis.ClientOption) *direct {
	o.DisableCache = true
	o.ForceSingleClient = true
	o.PipelineMultiplex = -1 // one connection
	o.RingScaleEachConn = 1
	o.ReadBufferEachConn, o.WriteBufferEachConn = lineBuffer, lineBuffer
	o.Dialer.KeepAlive = -1 // no pings that a call would have to wait for
	o.RetryDelay = func(attempts int, _ rueidis.Completed, _ error) time.Duration {
		return time.Duration(1 - attempts) // once, which finds out that the line is lost
	}
	d := &direct{option: o, clock: time.Now}
	d.ends, d.end = context.WithCancel(context.Background())
	return d
}

// enter is the beginning of a call, of which leave is the end. It gives the line,
// where the call is the only one and there is one to use.
func (d *direct) enter() *line {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	if d.calls > 1 || d.inUse || d.closed {
		return nil
	}
	now := d.clock()
	follows := now.Sub(d.came) < freshFor
	d.came = now
	if d.line != nil && now.Sub(d.line.answered) < freshFor {
		d.inUse = true
		return d.line
	}
	if follows && !d.caring {
		d.caring, d.inUse = true, true
		l := d.line
		d.all.Go(func() { d.care(l) })
	}
	return nil
}

func (d *direct) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls--
}

// do makes a call over l, which enter has given. ok is false where nothing was
// done, or nothing that must not be done again.
func (d *direct) do(ctx context.Context, l *line, f attempt) (r reply, ok bool) {
	hangUp := afterFunc(ctx, func() { l.conn.Close() })
	result := f(ending{ctx}, l.client)
	stands := hangUp()
	err := result.Error()
	if _, refused := rueidis.IsRedisErr(err); stands && (err == nil || refused || rueidis.IsRedisNil(err)) {
		l.answered = d.clock()
		d.release(l)
		return newReply(result), true
	}
	l.close()
	d.release(nil)
	switch {
	case err == nil:
		return newReply(result), true
	case ctx.Err() != nil:
		return reply{err: ctx.Err()}, true
	case d.ends.Err() != nil:
		return reply{err: fmt.Errorf("redis: %w", rueidis.ErrClosing)}, true
	}
	return newReply(result), !errors.Is(err, errOneDial)
}

// afterFunc is context.AfterFunc, without the context that it makes in between
// where ctx can do the same itself, as those of [store.SessionStore] can.
func afterFunc(ctx context.Context, f func()) (stop func() bool) {
	if c, ok := ctx.(afterFuncer); ok {
		return c.AfterFunc(f)
	}
	return context.AfterFunc(ctx, f)
}

// release ends the use of the line, which is l from now on.
func (d *direct) release(l *line) {
	d.mu.Lock()
	d.inUse = false
	if !d.closed {
		d.line, l = l, nil
	}
	d.mu.Unlock()
	if l != nil {
		l.close()
	}
}

// care makes the line, or looks whether l still stands. After a failure it
// waits before it lets another one try.
func (d *direct) care(l *line) {
	switch {
	case l == nil:
		l = d.dial()
	case !l.answers(d.ends):
		l.close()
		l = nil
	}
	failed := l == nil
	if !failed {
		l.answered = d.clock()
	}
	d.release(l)
	if failed {
		again := time.NewTimer(freshFor)
		defer again.Stop()
		select {
		case <-again.C:
		case <-d.ends.Done():
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.caring = false
}

// dial makes a line; nil where that fails.
func (d *direct) dial() *line {
	l := &line{}
	o, made := d.option, false
	greeted := func() bool { return true } // by the server, before close
	o.DialCtxFn = func(_ context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
		if made {
			return nil, errOneDial
		}
		made = true
		conn, err := d.option.DialCtxFn(withItsOwnEnd(d.ends), address, dialer, config)
		if err != nil {
			return nil, err
		}
		l.conn = conn
		if secure, ok := conn.(*tls.Conn); ok {
			l.conn = secure.NetConn() // whose Close waits for nothing
		}
		greeted = context.AfterFunc(d.ends, func() { l.conn.Close() })
		return conn, nil
	}
	client, err := rueidis.NewClient(o)
	inTime := greeted()
	if err != nil {
		return nil
	}
	l.client = client
	if !inTime {
		l.close()
		return nil
	}
	l.idle = time.AfterFunc(idleFor, func() { d.tidy(l) })
	return l
}

// tidy closes l where nothing has come over it for long.
func (d *direct) tidy(l *line) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.line != l: // it is closed
	case d.inUse || d.clock().Sub(l.answered) < idleFor:
		l.idle.Reset(idleFor)
	default:
		d.line = nil
		go l.close()
	}
}

func (l *line) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, freshFor)
	defer cancel()
	hangUp := context.AfterFunc(ctx, func() { l.conn.Close() })
	err := l.client.Do(ending{ctx}, l.client.B().Ping().Build()).Error()
	return hangUp() && err == nil
}

// close ends what comes over the line. The client alone would wait for a server
// that hangs.
func (l *line) close() {
	if l.idle != nil {
		l.idle.Stop()
	}
	l.conn.Close()
	l.client.Close()
}

// close ends the call that is under way, and waits for the goroutine.
func (d *direct) close() {
	d.mu.Lock()
	l, inUse := d.line, d.inUse
	d.line, d.closed = nil, true
	d.mu.Unlock()
	d.end()
	if l != nil && inUse {
		l.conn.Close() // release does the rest
	} else if l != nil {
		l.close()
	}
	d.all.Wait()
}
