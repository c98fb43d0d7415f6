package fxsession_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/fx"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
)

// The tests of this file look at the goroutines and the connections of the
// whole process, so they do not run in parallel.

// startTimeout leaves a busy machine the time to say what it could not reach.
const startTimeout = 3 * time.Second

// failed starts an application that must not start, and gives how long it took
// and the error.
func failed(t *testing.T, within time.Duration, opts ...fx.Option) (took time.Duration, err error) {
	t.Helper()
	app := fx.New(fx.NopLogger, fx.Options(opts...))
	if err := app.Err(); err != nil {
		t.Fatalf("it failed before the start: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	began := time.Now()
	err = app.Start(ctx)
	took = time.Since(began)
	if err == nil {
		t.Error("it started")
		_ = app.Stop(context.Background())
	}
	return took, err
}

// nothingRemains fails the test when goroutines are left that were not there
// when it was called.
func nothingRemains(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before, rueidisSleeps) })
}

// connections counts the clients of a Redis.
func connections(t *testing.T, watcher rueidis.Client) int {
	t.Helper()
	list, err := watcher.Do(t.Context(), watcher.B().ClientList().Build()).ToString()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(list, "\n")
}

// eventually waits until the server has noticed.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(5*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not come true")
		}
	}
}

// F5: a Redis that is not there is named, well inside the start timeout.
func TestF5_ARedisThatIsAbsentFailsTheStart(t *testing.T) {
	nothingRemains(t)
	took, err := failed(t, startTimeout, fxsession.Module, onRedis("redis://:s3cret@127.0.0.1:1"))
	if !strings.Contains(err.Error(), "redis at 127.0.0.1:1 could not be reached") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the password is in the error: %v", err)
	}
	if took > startTimeout {
		t.Errorf("it took %s", took)
	}
}

// F5: so is one that accepts and says nothing.
func TestF5_ARedisThatHangsFailsTheStart(t *testing.T) {
	redis := testserver.Redis(t)
	redis.Pause()
	nothingRemains(t)
	took, err := failed(t, startTimeout, fxsession.Module, onRedis(redis.URL(), "SESSION_STORE_TIMEOUT=200ms"))
	if want := "redis at " + redis.Addr() + " could not be reached"; !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	if took > startTimeout {
		t.Errorf("it took %s", took)
	}
}

// F5: a Redis that comes up while the application starts is waited for.
func TestF5_ARedisThatComesLateIsWaitedFor(t *testing.T) {
	redis := testserver.Redis(t)
	redis.Stop()
	core, logs := observer.New(zap.WarnLevel)
	app := fx.New(fx.NopLogger, fxsession.Module, onRedis(redis.URL()), fx.Supply(zap.New(core)))
	started := make(chan error, 1)
	go func() { started <- app.Start(within(t)) }()
	eventually(t, func() bool { return logs.Len() > 0 })
	redis.Start()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	if err := app.Stop(within(t)); err != nil {
		t.Error(err)
	}
}

// F5: a password that is wrong is not in the error either.
func TestF5_ARedisThatRefusesFailsTheStart(t *testing.T) {
	redis := testserver.Redis(t, "--requirepass", "hunter2")
	nothingRemains(t)
	_, err := failed(t, time.Second, fxsession.Module, onRedis(redis.URL(), "SESSION_STORE_REDIS_PASSWORD=hunter3"))
	if !strings.Contains(err.Error(), "WRONGPASS") || strings.Contains(err.Error(), "hunter") {
		t.Errorf("got %v", err)
	}
	app := fx.New(fx.NopLogger, fxsession.Module, onRedis(redis.URL(), "SESSION_STORE_REDIS_PASSWORD=hunter2"))
	if err := app.Start(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := app.Stop(within(t)); err != nil {
		t.Error(err)
	}
}

// A start context without a deadline is one that is ended by hand.
func TestAStartWithoutADeadline(t *testing.T) {
	nothingRemains(t)
	app := fx.New(fx.NopLogger, fxsession.Module, environment())
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := app.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// F5: so does a file of authorities that is not there.
func TestF5_ATLSFileThatIsAbsentFailsTheStart(t *testing.T) {
	nothingRemains(t)
	_, err := failed(t, 200*time.Millisecond, fxsession.Module,
		onRedis("rediss://127.0.0.1:1", "SESSION_STORE_REDIS_TLS_CA_FILE=not-there.pem"))
	if !strings.Contains(err.Error(), "not-there.pem") {
		t.Errorf("got %v", err)
	}
}

// F5: the same for a client from the graph, which the store only asks, each time
// for as long as store.timeout allows.
func TestF5_AClientOfTheGraphThatGetsNoAnswerFailsTheStart(t *testing.T) {
	redis := testserver.Redis(t)
	client := connect(t, redis.URL())
	redis.Pause()
	t.Cleanup(redis.Resume) // the client closes in order
	_, err := failed(t, time.Second, fxsession.Module, onRedis("", "SESSION_STORE_TIMEOUT=200ms"),
		fx.Supply(fx.Annotate(client, fx.As(new(rueidis.Client)))))
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// F5: what comes after the store cannot start: the store is released.
func TestF5_AStartThatFailsHalfWayLeavesNothing(t *testing.T) {
	redis := testserver.Redis(t)
	watcher := connect(t, redis.URL())
	before := connections(t, watcher)
	nothingRemains(t)

	taken := errors.New("the address is taken")
	_, err := failed(t, 10*time.Second, fxsession.Module, onRedis(redis.URL()),
		fx.Invoke(func(lc fx.Lifecycle, _ fxsession.Chain) {
			lc.Append(fx.Hook{OnStart: func(context.Context) error {
				if connections(t, watcher) == before {
					t.Error("there is no connection to be released")
				}
				return taken
			}})
		}))
	if !errors.Is(err, taken) {
		t.Errorf("got %v", err)
	}
	eventually(t, func() bool { return connections(t, watcher) == before })
}

// F5: the store answers to the connection and not to the question whether it
// is ready.
func TestF5_AStoreThatIsNotReadyIsReleased(t *testing.T) {
	nothingRemains(t)
	closed := 0
	_, err := failed(t, time.Second, fxsession.Module, environment(),
		fxsession.UseBackend(func() store.Backend {
			return &notReady{closeRecorder{Backend: newFake(), onClose: func() { closed++ }}}
		}))
	if !errors.Is(err, errNotReady) {
		t.Errorf("got %v", err)
	}
	if closed != 1 {
		t.Errorf("closed %d times, want once", closed)
	}
}

type notReady struct{ closeRecorder }

var errNotReady = errors.New("loading")

func (*notReady) Ping(context.Context) error { return errNotReady }

// F5: an application that is made and never started, because a constructor
// failed, has connected to nothing.
func TestF5_AnApplicationThatIsNotStartedHoldsNothing(t *testing.T) {
	redis := testserver.Redis(t)
	watcher := connect(t, redis.URL())
	before := connections(t, watcher)
	nothingRemains(t)
	boom := errors.New("boom")
	err := fx.New(fx.NopLogger, fxsession.Module, onRedis(redis.URL()),
		fx.Invoke(func(fxsession.Chain) error { return boom })).Err()
	if !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	if got := connections(t, watcher); got != before {
		t.Errorf("%d connections, %d before", got, before)
	}
}

// F5: stop twice is fine, and an application that has stopped holds nothing.
func TestF5_StopTwice(t *testing.T) {
	redis := testserver.Redis(t)
	watcher := connect(t, redis.URL())
	before := connections(t, watcher)
	for name, opts := range map[string]fx.Option{
		"memory": environment("SESSION_STORE_SWEEP_INTERVAL=1ms"),
		"redis":  onRedis(redis.URL()),
		"redis, decorated": fx.Options(onRedis(redis.URL()),
			fx.Decorate(func(b store.Backend) store.Backend { return &fake{b} })),
	} {
		t.Run(name, func(t *testing.T) {
			nothingRemains(t)
			var s *store.SessionStore
			app := fx.New(fx.NopLogger, fxsession.Module, opts, fx.Populate(&s))
			if err := app.Start(within(t)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Load(t.Context(), aKey); !errors.Is(err, store.ErrNotFound) {
				t.Error(err)
			}
			for range 2 {
				if err := app.Stop(within(t)); err != nil {
					t.Error(err)
				}
			}
			eventually(t, func() bool { return connections(t, watcher) == before })
		})
	}
}
