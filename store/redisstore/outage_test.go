package redisstore_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// tooLate is for what must not be what ends a call: no test waits for so long.
const tooLate = time.Minute

// unavailable fails the test unless every operation says that the backend is
// unavailable.
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
	s := store.New(open(t, redisstore.Connection{URL: server.URL()}), store.WithTimeout(tooLate))
	ofTheApplication := redisstore.New(newClient(t, server.Addr()))
	if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}

	server.Kill()
	unavailable(t, s)
	unavailable(t, store.New(ofTheApplication, store.WithTimeout(300*time.Millisecond))) // its client tries again and again

	server.Start()
	for _, s := range []*store.SessionStore{s, store.New(ofTheApplication, store.WithTimeout(tooLate))} {
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
// wait longer than they are allowed to, over a connection that nobody has given up
// yet and while one is made.
func TestC8_RedisHangs(t *testing.T) {
	t.Parallel()
	proxy := testserver.NewProxy(t, shared.Get(t).Addr())
	backend := open(t, redisstore.Connection{URL: proxy.URL(), DialTimeout: tooLate, IOTimeout: tooLate}, redisstore.WithNamespace(newNamespace()))
	s := store.New(backend, store.WithTimeout(100*time.Millisecond))
	eventually(t, func() error { return s.Ping(t.Context()) })

	proxy.Stall()
	for _, when := range []func(){func() {}, proxy.Cut} {
		when()
		unavailable(t, s)
		const calls = 3000
		outcomes := make(chan error, calls)
		for range calls {
			go func() { outcomes <- s.Update(t.Context(), key(1), store.Change{}) }()
		}
		for range calls {
			if err := testkit.Receive(t, "the end of an update", outcomes); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("update: %v, want ErrUnavailable", err)
			}
		}
	}

	proxy.Resume()
	eventually(t, func() error { return s.Ping(t.Context()) })
}

// C8: a caller that gives up is not kept by another one that is connecting.
func TestC8_ACallerDoesNotWaitForTheConnectionOfAnother(t *testing.T) {
	t.Parallel()
	proxy := testserver.NewProxy(t, shared.Get(t).Addr())
	s := open(t, redisstore.Connection{URL: proxy.URL(), DialTimeout: tooLate}, redisstore.WithNamespace(newNamespace()))
	if err := s.Create(t.Context(), key(1), record()); err != nil {
		t.Fatal(err)
	}
	proxy.Stall()
	proxy.Cut() // the next call connects, and gets no greeting

	before := proxy.Commands()
	patient := testkit.Begin(func() error { _, err := s.Load(t.Context(), key(1)); return err })
	eventually(t, func() error {
		if proxy.Commands() == before {
			return errors.New("the patient one is not connecting")
		}
		return nil
	})

	ctx, cancel := context.WithCancel(t.Context())
	const many = 16 // so that some need the same connection
	impatient := make(chan error, many)
	for range many {
		go func() { _, err := s.Load(ctx, key(1)); impatient <- err }()
	}
	cancel()
	for range many {
		if err := testkit.Receive(t, "the end of a load whose context ended", impatient); !errors.Is(err, context.Canceled) {
			t.Errorf("load: %v, want context.Canceled", err)
		}
	}

	proxy.Resume()
	if err := testkit.Receive(t, "the end of the load of the patient one", patient); err != nil {
		t.Errorf("the load of the patient one: %v", err)
	}
}

// C8: a connection that is being made when its caller gives up is made all the
// same, for the others.
func TestC8_AConnectionOutlivesTheCallerThatNeedsItFirst(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	proxy := testserver.NewProxy(t, server.Addr())
	s := open(t, redisstore.Connection{URL: proxy.URL(), DialTimeout: tooLate}, redisstore.WithNamespace(newNamespace()))
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
	conn, err := redisstore.Dial("tcp")(ctx, server.Addr(), &net.Dialer{}, nil)
	if err != nil {
		t.Fatalf("dial for a caller that has given up: %v", err)
	}
	_ = conn.Close()
}

// C8: one caller connects for all that wait; when it gives up, the others go on.
func TestC8_ACallerThatGivesUpTakesNobodyAlong(t *testing.T) {
	t.Parallel()
	address := shared.Get(t).Addr()
	synctest.Test(t, func(t *testing.T) {
		var dials atomic.Int64
		goOn := make(chan struct{})
		client, err := rueidis.NewClient(rueidis.ClientOption{
			InitAddress:       []string{address},
			ForceSingleClient: true, // there is a client even though it cannot connect at first
			PipelineMultiplex: -1,   // one connection
			DialCtxFn: func(ctx context.Context, address string, dialer *net.Dialer, _ *tls.Config) (net.Conn, error) {
				switch dials.Add(1) {
				case 1:
					return nil, errors.New("not yet")
				case 2:
					<-goOn
				}
				return dialer.DialContext(context.WithoutCancel(ctx), "tcp", address)
			},
		})
		if err == nil {
			t.Fatal("the client has connected before its time")
		}
		s := redisstore.New(client, redisstore.WithNamespace(newNamespace()))

		ctx, giveUp := context.WithCancel(t.Context())
		first := testkit.Begin(func() error { return s.Ping(ctx) })
		synctest.Wait() // it connects
		const others = 50
		outcomes := make(chan error, others)
		for n := range others {
			go func() { outcomes <- s.Create(t.Context(), key(n), record()) }()
		}
		synctest.Wait() // the others wait for it
		if got := dials.Load(); got != 2 || len(outcomes) > 0 {
			t.Errorf("%d connections were begun, and %d others are done", got, len(outcomes))
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
		client.Close()
		time.Sleep(time.Minute) // what it leaves behind for a while
	})
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
	lost := testkit.Begin(func() error { return s.Update(t.Context(), key(1), store.Change{Set: state("a", `1`)}) })
	eventually(t, func() error {
		if rec, err := direct.Load(t.Context(), key(1)); err != nil || rec.Version != before+1 {
			return errors.New("the update did not arrive")
		}
		return nil
	})
	proxy.Cut()
	proxy.Resume()
	if err := testkit.Receive(t, "the end of the update", lost); err == nil || errors.Is(err, store.ErrConflict) {
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
	loaded := testkit.Begin(func() error { _, err := s.Load(t.Context(), key(1)); return err })
	eventually(t, func() error {
		if proxy.Commands() == before {
			return errors.New("the load did not arrive")
		}
		return nil
	})
	proxy.Cut()
	proxy.Resume()
	if err := testkit.Receive(t, "the end of the load", loaded); err != nil {
		t.Errorf("load: %v", err)
	}
}

// Redis repeats the arguments of a command that it does not know: keys, what they
// are to hold, passwords.
func TestAnErrorDoesNotRepeatWhatRedisWasTold(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--rename-command", "EVALSHA", "")
	older := testserver.Redis(t, "--rename-command", "HELLO", "", "--rename-command", "AUTH", "")
	s := store.New(redisstore.New(newClient(t, server.Addr())))
	rec := record("cart", `"hush"`)
	rec.Subject = "ada"
	_, open := redisstore.Open(t.Context(), redisstore.Connection{URL: older.URL(), Password: "hush"})
	for what, err := range map[string]error{
		"create": s.Create(t.Context(), key(1), rec),
		"update": s.Update(t.Context(), key(1), store.Change{Set: state("cart", `"hush"`), Subject: &rec.Subject}),
		"delete": s.Delete(t.Context(), key(1)),
		"open":   open,
	} {
		if err == nil || !strings.Contains(err.Error(), "unknown command") {
			t.Errorf("%s: %v", what, err)
			continue
		}
		for _, told := range []string{key(1).String(), "ada", "hush"} {
			if strings.Contains(err.Error(), told) {
				t.Errorf("%s repeats %s", what, told)
			}
		}
	}
}
