package redisstore_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// lined is a store behind a proxy, with a session under key(1) and a direct
// connection.
type lined struct {
	*store.SessionStore
	backend *redisstore.Store
	proxy   *testserver.Proxy
	t       *testing.T
}

func newLined(t *testing.T) *lined {
	t.Helper()
	proxy := testserver.NewProxy(t, shared.Get(t).Addr())
	backend := open(t, redisstore.Connection{URL: proxy.URL()}, redisstore.WithNamespace(newNamespace()))
	s := &lined{store.New(backend, store.WithTimeout(10*time.Second)), backend, proxy, t}
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
		before := s.backend.Line()
		if err := s.read(); err != nil {
			s.t.Fatal(err)
		}
		if after := s.backend.Line(); before.IsZero() || !after.After(before) {
			return errors.New("no call goes over a direct connection")
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

// under begins a call that stays under way until the proxy resumes, and returns
// when it is.
func (s *lined) under(all *sync.WaitGroup, call func() error, err *error) {
	before := s.proxy.Commands()
	all.Go(func() { *err = call() })
	eventually(s.t, func() error {
		if s.proxy.Commands() == before {
			return errors.New("it is not under way")
		}
		return nil
	})
}

func TestACallThatIsAloneGoesDirectlyAndOthersTogether(t *testing.T) {
	t.Parallel()
	s := newLined(t)
	if err := s.write(); err != nil { // Redis gets to know the script
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{"read": s.read, "write": s.write} {
		eventually(t, func() error { // unless a second has passed since the last
			trips := s.proxy.RoundTrips()
			if got := s.goes(call); got != "directly" || s.proxy.RoundTrips()-trips != 1 {
				return fmt.Errorf("a %s went %s, in %d round trips", name, got, s.proxy.RoundTrips()-trips)
			}
			return nil
		})
	}
	s.awaitLine()
	// While one is under way, the next goes the other way.
	s.proxy.Stall()
	var all sync.WaitGroup
	var first, second error
	s.under(&all, s.read, &first)
	if !s.backend.LineInUse() {
		t.Error("the call that is alone does not go directly")
	}
	s.under(&all, s.write, &second)
	s.proxy.Resume()
	all.Wait()
	if first != nil || second != nil {
		t.Errorf("two at once: %v, %v", first, second)
	}
	s.awaitLine()
}

// C8: a direct call ends with its context, and takes no other along.
func TestC8_ADirectCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(ctx context.Context, s *store.SessionStore) error{
		"read":  func(ctx context.Context, s *store.SessionStore) error { _, err := s.Load(ctx, key(1)); return err },
		"write": func(ctx context.Context, s *store.SessionStore) error { return s.Update(ctx, key(1), store.Change{}) },
	} {
		for _, end := range []string{"its caller gives up", "its time is over"} {
			t.Run(name+", "+end, func(t *testing.T) {
				t.Parallel()
				s := newLined(t)
				sessions, want := s.SessionStore, context.Canceled
				if end == "its time is over" {
					sessions, want = store.New(s.backend, store.WithTimeout(soon/4)), store.ErrUnavailable
				}
				s.proxy.Stall()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var all sync.WaitGroup
				var err, other error
				s.under(&all, func() error { return call(ctx, sessions) }, &err)
				if !s.backend.LineInUse() {
					t.Error("it does not go directly")
				}
				began := time.Now()
				if want == context.Canceled {
					s.under(&all, s.write, &other)
					cancel()
					eventually(t, func() error {
						if s.backend.LineInUse() {
							return errors.New("it goes on after its caller has given up")
						}
						return nil
					})
					s.proxy.Resume()
				}
				all.Wait()
				if took := time.Since(began); !errors.Is(err, want) || other != nil || took > soon {
					t.Errorf("it ended after %s with %v, and another with %v", took, err, other)
				}
				s.proxy.Resume()
				eventually(t, s.read)
				s.awaitLine()
			})
		}
	}
}

// What only reads goes the other way at once where the direct connection was
// lost, and what writes where nothing came over it for long. A write that is lost
// with it may have been done, and says so.
func TestALostDirectConnection(t *testing.T) {
	t.Parallel()
	s := newLined(t)
	s.backend.LoseLine(false)
	if got := s.goes(s.read); got != "with the others" {
		t.Errorf("a read over a lost one: %s", got)
	}
	s.awaitLine()
	s.backend.LoseLine(false)
	eventually(t, func() error { // unless a second has passed since the last
		err := s.write()
		if got := s.goes(s.write); got != "with the others" {
			t.Errorf("a write after one over a lost one: %s", got)
		}
		if errors.Is(err, store.ErrUnavailable) {
			return nil
		}
		s.awaitLine()
		s.backend.LoseLine(false)
		return fmt.Errorf("a write over a lost one: %v, want ErrUnavailable", err)
	})
	s.awaitLine()
	s.backend.LoseLine(true)
	for range 100 {
		if err := s.write(); err != nil {
			t.Fatalf("a write after a long time: %v", err)
		}
	}
	s.awaitLine()
	line := s.backend.AgeLine()
	s.awaitLine()
	if s.backend.AgeLine() != line {
		t.Error("one that still stood after a long time was made anew")
	}
}

// Where Redis is gone, nobody waits for a direct connection to be made, and it is
// made when Redis is back.
func TestADirectConnectionComesBackWithRedis(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	backend := open(t, redisstore.Connection{URL: server.URL()})
	s := &lined{store.New(backend, store.WithTimeout(10*time.Second)), backend, nil, t}
	if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s.awaitLine()
		server.Kill()
		for range 3 {
			began := time.Now()
			if err := s.read(); !errors.Is(err, store.ErrUnavailable) || time.Since(began) > soon {
				t.Errorf("without Redis a read took %s: %v", time.Since(began), err)
			}
		}
		server.Start()
		eventually(t, s.read)
	}
}

// Close ends a direct call, and leaves neither a connection nor a goroutine.
func TestCloseEndsADirectCall(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	proxy := testserver.NewProxy(t, server.Addr())
	for _, underWay := range []bool{false, true} {
		backend, err := redisstore.Open(t.Context(), redisstore.Connection{URL: proxy.URL()})
		if err != nil {
			t.Fatal(err)
		}
		s := &lined{store.New(backend, store.WithTimeout(10*time.Second)), backend, proxy, t}
		if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil && !errors.Is(err, store.ErrDuplicateKey) {
			t.Fatal(err)
		}
		s.awaitLine()
		var all sync.WaitGroup
		err = errors.New("none was under way")
		began := time.Now()
		ended := began
		if underWay {
			proxy.Stall()
			s.under(&all, func() error { defer func() { ended = time.Now() }(); return s.read() }, &err)
			began = time.Now()
		}
		if closing := s.backend.Close(); closing != nil {
			t.Error(closing)
		}
		all.Wait()
		if took := ended.Sub(began); took > soon || err == nil {
			t.Errorf("a call under way: %v, ended after %s: %v", underWay, took, err)
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

// Close does not wait for a direct connection that is being made, whether the
// server does not greet or does not even answer, and leaves none behind.
func TestCloseEndsTheMakingOfADirectConnection(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	var second atomic.Bool
	dialing := make(chan struct{})
	var gone sync.WaitGroup
	gone.Add(1)
	backend, err := redisstore.OpenWith(t.Context(), rueidis.ClientOption{
		InitAddress: []string{server.Addr()},
		DialCtxFn: func(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
			if second.Swap(true) { // the direct one
				defer gone.Done()
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
	for range 2 {
		if err := backend.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	<-dialing
	if err := backend.Close(); err != nil {
		t.Error(err)
	}
	gone.Wait()

	proxy := testserver.NewProxy(t, server.Addr())
	s := open(t, redisstore.Connection{URL: proxy.URL()})
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	proxy.Stall()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ping of a server that hangs: %v", err)
	}
	if !s.MakesLine() {
		t.Error("no connection is being made")
	}
	began := time.Now()
	s.EndDirect()
	if took := time.Since(began); took > soon {
		t.Errorf("it took %s to give up a connection that is being made", took)
	}
}

// A direct connection that nothing comes over is closed.
func TestAnIdleDirectConnectionIsClosed(t *testing.T) {
	t.Parallel()
	s := newLined(t)
	s.backend.TidyLine()
	if s.backend.Line().IsZero() {
		t.Error("one that was used a moment ago is closed")
	}
	s.backend.AgeLine()
	s.backend.TidyLine()
	if s.backend.HasLine() {
		t.Error("one that was not used for long is there")
	}
	s.awaitLine()
}

// A call now and then makes no connection; one that follows another does.
func TestADirectConnectionIsMadeWhereCallsFollowEachOther(t *testing.T) {
	t.Parallel()
	s := open(t, redisstore.Connection{URL: shared.Get(t).URL()}, redisstore.WithNamespace(newNamespace()))
	for n, want := range []bool{false, true} {
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.MakesLine() || !s.Line().IsZero(); got != want {
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
