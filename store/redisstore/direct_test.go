package redisstore_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// lined is a store with a session under key(1), a direct connection and, but for
// one test, a proxy before its server. Nothing ends a call that gets no answer but
// what a test does to it.
type lined struct {
	*store.SessionStore
	backend *redisstore.Store
	proxy   *testserver.Proxy
	clock   *slowClock
	t       *testing.T
}

// slowClock moves by a nanosecond when somebody looks, so that what follows is
// later, and when it is told to.
type slowClock struct{ nanos atomic.Int64 }

func (c *slowClock) now() time.Time          { return time.Unix(0, c.nanos.Add(1)) }
func (c *slowClock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

func newLined(t *testing.T) *lined {
	t.Helper()
	proxy := testserver.NewProxy(t, shared.Get(t).Addr())
	return lineUp(t, proxy, open(t, redisstore.Connection{URL: proxy.URL(), IOTimeout: tooLate}, redisstore.WithNamespace(newNamespace())))
}

// lineUp makes calls over backend, which was not called before.
func lineUp(t *testing.T, proxy *testserver.Proxy, backend *redisstore.Store) *lined {
	t.Helper()
	s := &lined{store.New(backend, store.WithTimeout(tooLate)), backend, proxy, new(slowClock), t}
	backend.SetClock(s.clock.now)
	if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	s.awaitLine()
	return s
}

// read and write are two calls that are alone.
func (s *lined) read() error {
	_, err := s.Load(s.t.Context(), key(1))
	return err
}

func (s *lined) write() error {
	return s.Update(s.t.Context(), key(1), store.Change{Set: state("b", `2`)})
}

// awaitLine makes calls until one has gone over the direct connection.
func (s *lined) awaitLine() {
	s.t.Helper()
	eventually(s.t, func() error {
		if got := s.goes(s.read); got != "directly" {
			return fmt.Errorf("a call: %s", got)
		}
		return nil
	})
}

// goes says whether a call went over the direct connection, or how it failed.
func (s *lined) goes(call func() error) string {
	before := s.backend.Line()
	if err := call(); err != nil {
		return err.Error()
	}
	if after := s.backend.Line(); !before.IsZero() && after.After(before) {
		return "directly"
	}
	return "with the others"
}

// under begins a call, and returns when it is under way, which it stays until the
// proxy resumes. The channel gives how it ends.
func (s *lined) under(call func() error) <-chan error {
	s.t.Helper()
	before := s.proxy.Commands()
	outcome := testkit.Begin(call)
	eventually(s.t, func() error {
		if s.proxy.Commands() == before {
			return errors.New("it is not under way")
		}
		return nil
	})
	return outcome
}

func TestACallThatIsAloneGoesDirectlyAndOthersTogether(t *testing.T) {
	t.Parallel()
	s := newLined(t)
	if err := s.write(); err != nil { // Redis gets to know the script
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{"read": s.read, "write": s.write} {
		trips := s.proxy.RoundTrips()
		if got := s.goes(call); got != "directly" || s.proxy.RoundTrips()-trips != 1 {
			t.Errorf("a %s went %s, in %d round trips", name, got, s.proxy.RoundTrips()-trips)
		}
	}
	// While one is under way, the next goes the other way.
	s.proxy.Stall()
	first := s.under(s.read)
	if !s.backend.LineInUse() {
		t.Error("the call that is alone does not go directly")
	}
	second := s.under(s.write)
	s.proxy.Resume()
	for _, outcome := range []<-chan error{first, second} {
		if err := testkit.Receive(t, "the end of two calls at once", outcome); err != nil {
			t.Error(err)
		}
	}
	s.awaitLine()
}

// That there is no record is an answer like any other, to the pipeline alone.
func TestALoadOfNothingGoesDirectlyToo(t *testing.T) {
	t.Parallel()
	s := newLined(t)
	line := s.backend.LineItself()
	for range 3 {
		commands := s.proxy.Commands()
		_, err := s.Load(t.Context(), key(9))
		if n := s.proxy.Commands() - commands; !errors.Is(err, store.ErrNotFound) || n != 2 || s.backend.LineItself() != line {
			t.Errorf("%v, after %d commands; the direct connection still stands: %t", err, n, s.backend.LineItself() == line)
		}
	}
}

// That something is in the way of a new record is one, too.
func TestACreateThatFindsSomethingGoesDirectlyToo(t *testing.T) {
	t.Parallel()
	s := newLined(t)
	line := s.backend.LineItself()
	for range 3 {
		if err := s.Create(t.Context(), key(1), record("a", `1`)); !errors.Is(err, store.ErrDuplicateKey) || s.backend.LineItself() != line {
			t.Errorf("%v; the direct connection still stands: %t", err, s.backend.LineItself() == line)
		}
	}
}

// C8: a direct call ends with its context, and takes no other along.
func TestC8_ADirectCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(ctx context.Context, s *store.SessionStore) error{
		"read":  func(ctx context.Context, s *store.SessionStore) error { _, err := s.Load(ctx, key(1)); return err },
		"write": func(ctx context.Context, s *store.SessionStore) error { return s.Update(ctx, key(1), store.Change{}) },
	} {
		t.Run(name+", its caller gives up", func(t *testing.T) {
			t.Parallel()
			s := newLined(t)
			s.proxy.Stall()
			ctx, giveUp := context.WithCancel(t.Context())
			defer giveUp()
			given := s.under(func() error { return call(ctx, s.SessionStore) })
			if !s.backend.LineInUse() {
				t.Error("it does not go directly")
			}
			other := s.under(s.write)
			giveUp()
			if err := testkit.Receive(t, "the end of a call that was given up", given); !errors.Is(err, context.Canceled) {
				t.Errorf("the call that was given up: %v", err)
			}
			s.proxy.Resume()
			if err := testkit.Receive(t, "the end of another call", other); err != nil {
				t.Errorf("another call: %v", err)
			}
			s.awaitLine()
		})
		t.Run(name+", its time is over", func(t *testing.T) {
			t.Parallel()
			s := newLined(t)
			hasty := store.New(s.backend, store.WithTimeout(50*time.Millisecond))
			s.proxy.Stall()
			eventually(t, func() error { // unless its time is over before it has begun
				err := testkit.Receive(t, "the end of a call", testkit.Begin(func() error { return call(t.Context(), hasty) }))
				if !errors.Is(err, store.ErrUnavailable) {
					t.Fatal(err)
				}
				if s.backend.LineItself() != nil {
					return errors.New("the connection with an answer to come is there")
				}
				return nil
			})
			s.proxy.Resume()
			s.awaitLine()
		})
	}
}

// What only reads goes the other way at once where the direct connection was
// lost, and what writes where nothing came over it for long. A write that is lost
// with it may have been done, and says so.
func TestALostDirectConnection(t *testing.T) {
	t.Parallel()
	s := newLined(t)
	s.backend.LoseLine()
	if got := s.goes(s.read); got != "with the others" {
		t.Errorf("a read over a lost one: %s", got)
	}
	s.awaitLine()
	s.backend.LoseLine()
	if err := s.write(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a write over a lost one: %v, want ErrUnavailable", err)
	}
	if got := s.goes(s.write); got != "with the others" {
		t.Errorf("a write after one over a lost one: %s", got)
	}
	s.awaitLine()
	s.backend.LoseLine()
	s.clock.advance(redisstore.FreshFor)
	for range 100 {
		if err := s.write(); err != nil {
			t.Fatalf("a write after a long time: %v", err)
		}
	}
	s.awaitLine()
	line := s.backend.LineItself()
	s.clock.advance(redisstore.FreshFor)
	s.awaitLine()
	if s.backend.LineItself() != line {
		t.Error("one that still stood after a long time was made anew")
	}
}

// Where Redis is gone, the direct connection is lost with it, and made when Redis
// is back.
func TestADirectConnectionComesBackWithRedis(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	s := lineUp(t, nil, open(t, redisstore.Connection{URL: server.URL()}))
	for range 2 {
		server.Kill()
		for range 3 {
			if err := s.read(); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("a read without Redis: %v", err)
			}
		}
		server.Start()
		s.awaitLine()
	}
}

// Close ends a direct call, and leaves neither a connection nor a goroutine.
func TestCloseEndsADirectCall(t *testing.T) {
	t.Parallel()
	for _, underWay := range []bool{false, true} {
		server := testserver.Redis(t)
		proxy := testserver.NewProxy(t, server.Addr())
		s := lineUp(t, proxy, open(t, redisstore.Connection{URL: proxy.URL(), IOTimeout: tooLate}))
		var call <-chan error
		if underWay {
			proxy.Stall()
			call = s.under(s.read)
		}
		if err := testkit.Receive(t, "Close", testkit.Begin(s.backend.Close)); err != nil {
			t.Error(err)
		}
		if underWay && testkit.Receive(t, "the end of a call", call) == nil {
			t.Error("a call that got no answer has succeeded")
		}
		proxy.Resume()
		eventually(t, func() error {
			clients, err := server.Command("CLIENT", "LIST")
			if n := strings.Count(clients, "id="); err == nil && n > 1 { // the one that asks
				return errors.New("there are connections")
			}
			return err
		})
		if err := s.read(); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("after Close: %v", err)
		}
	}
}

// Nobody waits for a direct connection that is being made, and Close ends it,
// whether the server does not even answer or does not greet, and leaves none
// behind.
func TestCloseEndsTheMakingOfADirectConnection(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	var second atomic.Bool
	dialing, gone := make(chan struct{}), make(chan struct{})
	backend, err := redisstore.OpenWith(t.Context(), rueidis.ClientOption{
		InitAddress: []string{server.Addr()},
		DialCtxFn: func(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
			if second.Swap(true) { // the direct one
				defer close(gone)
				close(dialing)
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return redisstore.Dial("tcp")(ctx, address, dialer, config)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	backend.SetClock(new(slowClock).now)
	for n := range 5 { // the second has it made
		if err := backend.Ping(t.Context()); err != nil {
			t.Fatalf("ping %d: %v", n, err)
		}
	}
	testkit.Receive(t, "a direct connection", dialing)
	if err := testkit.Receive(t, "Close", testkit.Begin(backend.Close)); err != nil {
		t.Error(err)
	}
	select {
	case <-gone:
	default:
		t.Error("it is being made after Close")
	}

	proxy := testserver.NewProxy(t, server.Addr())
	s := open(t, redisstore.Connection{URL: proxy.URL(), DialTimeout: tooLate, IOTimeout: tooLate})
	s.SetClock(new(slowClock).now)
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	proxy.Stall()
	before := proxy.Commands()
	ctx, giveUp := context.WithCancel(t.Context())
	ping := testkit.Begin(func() error { return s.Ping(ctx) })
	eventually(t, func() error {
		if proxy.Commands() == before { // of the greeting
			return errors.New("no connection is being made")
		}
		return nil
	})
	giveUp()
	if err := testkit.Receive(t, "the end of a ping", ping); !errors.Is(err, context.Canceled) {
		t.Errorf("ping of a server that hangs: %v", err)
	}
	if !s.MakesLine() {
		t.Error("no connection is being made any more")
	}
	testkit.Receive(t, "the end of what is being made", testkit.Begin(func() error { s.EndDirect(); return nil }))
}

// A server that takes connections and refuses who greets it, over and over,
// leaves nothing behind.
func TestADirectConnectionThatIsRefusedLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--user", "app", "on", ">before", "~*", "+@all")
	admin := newClient(t, server.Addr())
	s := open(t, redisstore.Connection{URL: server.URL(), Username: "app", Password: "before"})
	command(t, admin, "ACL", "SETUSER", "app", "resetpass", ">after")
	ends := &countedContext{Context: t.Context()}
	for range 3 {
		if s.DialLine(ends) {
			t.Error("the connection was made, with a password that is no longer the one")
		}
	}
	if n := ends.waiting.Load(); n != 0 {
		t.Errorf("%d connections that were never made wait for the end", n)
	}
	command(t, admin, "ACL", "SETUSER", "app", ">before")
	if !s.DialLine(ends) || ends.waiting.Load() != 0 {
		t.Error("the connection was not made")
	}
}

// countedContext counts who waits for its end.
type countedContext struct {
	context.Context
	waiting atomic.Int64
}

func (c *countedContext) AfterFunc(f func()) (stop func() bool) {
	c.waiting.Add(1)
	leave := context.AfterFunc(c.Context, f)
	return func() bool {
		c.waiting.Add(-1)
		return leave()
	}
}

// Value hides what the context is made of, from which package context would take
// a way around.
func (c *countedContext) Value(any) any { return nil }

// A direct connection that nothing comes over is closed.
func TestAnIdleDirectConnectionIsClosed(t *testing.T) {
	t.Parallel()
	s := newLined(t)
	s.clock.advance(redisstore.IdleFor - time.Millisecond)
	s.backend.TidyLine()
	if s.backend.LineItself() == nil {
		t.Error("one that was used a moment ago is closed")
	}
	s.clock.advance(time.Millisecond)
	s.backend.TidyLine()
	if s.backend.LineItself() != nil {
		t.Error("one that was not used for long is there")
	}
	s.awaitLine()
}

// A call now and then makes no connection; one that follows another does.
func TestADirectConnectionIsMadeWhereCallsFollowEachOther(t *testing.T) {
	t.Parallel()
	s := open(t, redisstore.Connection{URL: shared.Get(t).URL()}, redisstore.WithNamespace(newNamespace()))
	clock := new(slowClock)
	s.SetClock(clock.now)
	for n, want := range []bool{false, false, true} {
		if n < 2 {
			clock.advance(redisstore.FreshFor)
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.MakesLine() || s.LineItself() != nil; got != want {
			t.Errorf("call %d has one made: %v", n, got)
		}
	}
}

// A near cache, a cluster and a client of the application have no direct
// connection: a write must come after what the cache was told, there is more than
// one server, and it is the application's to say how many connections it makes.
func TestWhereThereIsNoDirectConnection(t *testing.T) {
	t.Parallel()
	url := shared.Get(t).URL()
	for name, s := range map[string]*redisstore.Store{
		"near cache":                  open(t, redisstore.Connection{URL: url}, redisstore.WithClientCache(time.Minute)),
		"cluster":                     open(t, redisstore.Connection{URL: sharedCluster.Get(t).URL()}),
		"a client of the application": redisstore.New(newClient(t, shared.Get(t).Addr())),
	} {
		if s.HasDirect() {
			t.Errorf("%s: there is one", name)
		}
	}
}
