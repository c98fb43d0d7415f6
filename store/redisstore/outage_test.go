package redisstore_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// soon is far above the timeouts that these tests give to calls, and far below
// what a call without one would take.
const soon = 2 * time.Second

// eventually calls f until it returns nil.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("it never came to be: %v", err)
		}
		runtime.Gosched()
	}
}

// unavailable fails the test unless every operation says, soon, that the
// backend is unavailable.
func unavailable(t *testing.T, s *store.SessionStore) {
	t.Helper()
	_, load := s.Load(t.Context(), key(1))
	for name, err := range map[string]error{
		"load":       load,
		"create":     s.Create(t.Context(), key(3), record("a", `1`)),
		"update":     s.Update(t.Context(), key(1), store.Change{}),
		"change key": s.ChangeKey(t.Context(), key(1), key(2), store.Change{}),
		"delete":     s.Delete(t.Context(), key(1)),
		"ping":       s.Ping(t.Context()),
	} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
}

// C8: Redis ends and comes back, and the same store goes on.
func TestC8_RedisGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	s := store.New(open(t, redisstore.Connection{URL: server.URL()}), store.WithTimeout(300*time.Millisecond))
	ofTheApplication := store.New(redisstore.New(newClient(t, server.Addr())), store.WithTimeout(300*time.Millisecond))
	if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}

	server.Kill()
	start := time.Now()
	unavailable(t, s)
	unavailable(t, ofTheApplication)
	if took := time.Since(start); took > 12*soon {
		t.Errorf("it took %s", took)
	}

	server.Start()
	for _, s := range []*store.SessionStore{s, ofTheApplication} {
		eventually(t, func() error {
			_, err := s.Load(t.Context(), key(1))
			return err
		})
		// The server that came back has not seen the script of this one.
		if err := s.Update(t.Context(), key(1), store.Change{Set: state("b", `2`)}); err != nil {
			t.Errorf("update: %v", err)
		}
	}
}

// C8: Redis hangs. Not even more calls than the client's queue has room for
// wait longer than they are allowed to.
func TestC8_RedisHangs(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	backend := open(t, redisstore.Connection{URL: server.URL(), IOTimeout: time.Second})
	s := store.New(backend, store.WithTimeout(100*time.Millisecond))
	if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}

	server.Pause()
	for _, when := range []string{"before anybody knows", "afterwards"} {
		var calls sync.WaitGroup
		start := time.Now()
		for range 3000 {
			calls.Go(func() {
				if err := s.Update(t.Context(), key(1), store.Change{}); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("update: %v, want ErrUnavailable", err)
				}
			})
		}
		calls.Wait()
		if took := time.Since(start); took > soon {
			t.Errorf("%s: 3000 updates at once took %s, each was to take 100 ms", when, took)
		}
		start = time.Now()
		unavailable(t, s)
		if took := time.Since(start); took > 6*soon {
			t.Errorf("%s: six operations took %s", when, took)
		}
	}

	server.Resume()
	eventually(t, func() error { return s.Ping(t.Context()) })
}

// C8: a caller that gives up is not kept by another one that is connecting.
func TestC8_ACallerDoesNotWaitForTheConnectionOfAnother(t *testing.T) {
	t.Parallel()
	proxy := testserver.NewProxy(t, shared.Get(t).Addr())
	s := open(t, redisstore.Connection{URL: proxy.URL(), DialTimeout: 10 * time.Second}, redisstore.WithNamespace(newNamespace()))
	if err := s.Create(t.Context(), key(1), record()); err != nil {
		t.Fatal(err)
	}
	proxy.Stall()
	proxy.Cut() // the next call connects, and gets no greeting

	before := proxy.Commands()
	patient := make(chan error, 1)
	go func() { _, err := s.Load(t.Context(), key(1)); patient <- err }()
	eventually(t, func() error {
		if proxy.Commands() == before {
			return errors.New("the patient one is not connecting")
		}
		return nil
	})

	ctx, cancel := context.WithCancel(t.Context())
	impatient := make(chan error)
	const many = 16 // so that some need the same connection
	for range many {
		go func() { _, err := s.Load(ctx, key(1)); impatient <- err }()
	}
	cancel()
	late := time.After(soon)
	for range many {
		select {
		case err := <-impatient:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("load: %v, want context.Canceled", err)
			}
		case <-late:
			t.Fatal("a load whose context ended is still under way")
		}
	}

	proxy.Resume()
	if err := <-patient; err != nil {
		t.Errorf("the load of the patient one: %v", err)
	}
}

// C8: a connection that is being made when its caller gives up is made all the
// same, for the others.
func TestC8_AConnectionOutlivesTheCallerThatNeedsItFirst(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	proxy := testserver.NewProxy(t, server.Addr())
	s := open(t, redisstore.Connection{URL: proxy.URL(), DialTimeout: 10 * time.Second}, redisstore.WithNamespace(newNamespace()))
	proxy.Stall()
	proxy.Cut() // the next calls connect, and get no greeting
	giveUp := func() {
		var calls sync.WaitGroup
		for range 64 { // so that the client needs every connection that it may make
			calls.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				if _, err := s.Load(ctx, key(1)); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("load: %v, want context.DeadlineExceeded", err)
				}
			})
		}
		calls.Wait()
	}
	// Some rounds may pass until the client has seen the cut and has begun to
	// connect; then it waits for those greetings, whoever gives up.
	giveUp()
	for round, greetings := 0, int64(-1); greetings != proxy.Commands(); round++ {
		if round == 20 {
			t.Fatal("the client begins every connection anew")
		}
		greetings = proxy.Commands()
		giveUp()
	}
	proxy.Resume()
	if err := s.Create(t.Context(), key(1), record()); err != nil {
		t.Errorf("create: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	conn, err := redisstore.Dial("tcp")(ctx, server.Addr(), &net.Dialer{Timeout: soon}, nil)
	if err != nil {
		t.Fatalf("dial for a caller that has given up: %v", err)
	}
	_ = conn.Close()
}

// C8: one caller connects for all that wait; when it gives up, the others go on.
func TestC8_ACallerThatGivesUpTakesNobodyAlong(t *testing.T) {
	t.Parallel()
	var dials atomic.Int64
	dialing, goOn := make(chan struct{}), make(chan struct{})
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:       []string{shared.Get(t).Addr()},
		ForceSingleClient: true, // there is a client even though it cannot connect at first
		PipelineMultiplex: -1,   // one connection
		DialCtxFn: func(ctx context.Context, address string, dialer *net.Dialer, _ *tls.Config) (net.Conn, error) {
			switch dials.Add(1) {
			case 1:
				return nil, errors.New("not yet")
			case 2:
				close(dialing)
				<-goOn
			}
			return dialer.DialContext(context.WithoutCancel(ctx), "tcp", address)
		},
	})
	if err == nil {
		t.Fatal("the client has connected before its time")
	}
	t.Cleanup(client.Close)
	s := redisstore.New(client, redisstore.WithNamespace(newNamespace()))

	ctx, giveUp := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- s.Ping(ctx) }()
	<-dialing
	const others = 50
	outcomes := make(chan error, others)
	for n := range others {
		go func() { outcomes <- s.Create(t.Context(), key(n), record()) }()
	}
	for range 10_000 {
		runtime.Gosched() // the others come to where they wait
	}
	giveUp()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that gives up: %v, want context.Canceled", err)
	}
	close(goOn)
	for range others {
		if err := <-outcomes; err != nil {
			t.Errorf("one of the others: %v", err)
		}
	}
}

// A write whose answer was lost may have taken place. It is not sent again:
// the outcome is an error, and one version.
func TestAWriteWhoseAnswerIsLostIsNotRepeated(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	namespace := redisstore.WithNamespace(newNamespace())
	direct := open(t, redisstore.Connection{URL: server.URL()}, namespace)
	proxy := testserver.NewProxy(t, server.Addr())
	s := open(t, redisstore.Connection{URL: proxy.URL()}, namespace)
	if err := s.Create(t.Context(), key(1), record()); err != nil {
		t.Fatal(err)
	}
	const before = 33
	for range before - 1 { // until Redis knows the script, and the client has all of its connections
		if err := s.Update(t.Context(), key(1), store.Change{}); err != nil {
			t.Fatal(err)
		}
	}

	proxy.Stall()
	lost := make(chan error, 1)
	go func() { lost <- s.Update(t.Context(), key(1), store.Change{Set: state("a", `1`)}) }()
	eventually(t, func() error {
		if rec, err := direct.Load(t.Context(), key(1)); err != nil || rec.Version != before+1 {
			return errors.New("the update did not arrive")
		}
		return nil
	})
	proxy.Cut()
	proxy.Resume()
	if err := <-lost; err == nil || errors.Is(err, store.ErrConflict) {
		t.Errorf("update: %v, want the error of a lost connection", err)
	}
	if rec, err := s.Load(t.Context(), key(1)); err != nil || rec.Version != before+1 {
		t.Errorf("error %v: the write took place %d times", err, rec.Version-before)
	}
}

func TestALoadWhoseAnswerIsLostIsRepeated(t *testing.T) {
	t.Parallel()
	proxy := testserver.NewProxy(t, shared.Get(t).Addr())
	s := open(t, redisstore.Connection{URL: proxy.URL()}, redisstore.WithNamespace(newNamespace()))
	if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	before := proxy.Commands()
	proxy.Stall()
	loaded := make(chan error, 1)
	go func() { _, err := s.Load(t.Context(), key(1)); loaded <- err }()
	eventually(t, func() error {
		if proxy.Commands() == before {
			return errors.New("the load did not arrive")
		}
		return nil
	})
	proxy.Cut()
	proxy.Resume()
	if err := <-loaded; err != nil {
		t.Errorf("load: %v", err)
	}
}
