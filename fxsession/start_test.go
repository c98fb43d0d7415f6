package fxsession_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/fx"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
)

// The tests of this file look at the goroutines and the connections of the
// whole process, so they do not run in parallel.

// failed starts an application that must not start, and gives the error. While
// anybody is at work the time stands still, so that what the store answers comes
// before the start context ends, however busy the machine is.
func failed(t *testing.T, opts ...fx.Option) (err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), fx.DefaultTimeout)
		defer cancel()
		err = failedWithin(ctx, t, opts...)
		time.Sleep(time.Minute) // what rueidis does not cut short
	})
	return err
}

// failedForLackOfAnswer is failed where the store never answers, which the time
// would stand still for.
func failedForLackOfAnswer(t *testing.T, opts ...fx.Option) error {
	t.Helper()
	return failedWithin(promise{within(t), time.Now().Add(time.Second)}, t, opts...)
}

// promise is a context that is said to end earlier than it does: fx is not to find
// it over before it hears what those say who kept to it.
type promise struct {
	context.Context
	end time.Time
}

func (p promise) Deadline() (time.Time, bool) { return p.end, true }

func failedWithin(ctx context.Context, t *testing.T, opts ...fx.Option) error {
	t.Helper()
	app := fx.New(fx.NopLogger, fx.Options(opts...))
	if err := app.Err(); err != nil {
		t.Fatalf("it failed before the start: %v", err)
	}
	err := app.Start(ctx)
	if err == nil {
		t.Error("it started")
		_ = app.Stop(context.Background())
	}
	return err
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

// awaitConnections waits until the server has noticed that there are so many.
func awaitConnections(t *testing.T, watcher rueidis.Client, want int) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if got := connections(t, watcher); got != want {
			return fmt.Errorf("there are %d connections, want %d", got, want)
		}
		return nil
	})
}

// F5: a Redis that is not there is named.
func TestF5_ARedisThatIsAbsentFailsTheStart(t *testing.T) {
	nothingRemains(t)
	err := failed(t, fxsession.Module, onRedis("redis://:s3cret@127.0.0.1:1"))
	if !strings.Contains(err.Error(), "redis at 127.0.0.1:1 could not be reached") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the password is in the error: %v", err)
	}
}

// F5: so is one that accepts and says nothing.
func TestF5_ARedisThatHangsFailsTheStart(t *testing.T) {
	redis := testserver.Redis(t)
	redis.Pause()
	nothingRemains(t)
	err := failedForLackOfAnswer(t, fxsession.Module, onRedis(redis.URL(), "SESSION_STORE_TIMEOUT=200ms"))
	if want := "redis at " + redis.Addr() + " could not be reached"; !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
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
	testkit.Eventually(t, func() error {
		if logs.Len() == 0 {
			return errors.New("it has not tried")
		}
		return nil
	})
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
	err := failed(t, fxsession.Module, onRedis(redis.URL(), "SESSION_STORE_REDIS_PASSWORD=hunter3"))
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

// What no waiting would mend fails fx.New: a URL that is none, a file of
// authorities that is not there.
func TestAConnectionThatCannotBeMadeIsFoundBeforeTheStart(t *testing.T) {
	nothingRemains(t)
	for want, environ := range map[string][]string{
		"is not of the form": {"SESSION_STORE_REDIS_URL=redis://:s3cret@127.0.0.1/abc"},
		"not-there.pem":      {"SESSION_STORE_REDIS_URL=rediss://:s3cret@127.0.0.1", "SESSION_STORE_REDIS_TLS_CA_FILE=not-there.pem"},
	} {
		err := fx.New(fx.NopLogger, fxsession.Module, onRedis("", environ...)).Err()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v, want that it %s", err, want)
		}
	}
}

// F5: the same for a client from the graph, which the store only asks, each time
// for as long as store.timeout allows.
func TestF5_AClientOfTheGraphThatGetsNoAnswerFailsTheStart(t *testing.T) {
	redis := testserver.Redis(t)
	client := connect(t, redis.URL())
	redis.Pause()
	t.Cleanup(redis.Resume) // the client closes in order
	err := failedForLackOfAnswer(t, fxsession.Module, onRedis("", "SESSION_STORE_TIMEOUT=200ms"),
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
	err := failed(t, fxsession.Module, onRedis(redis.URL()),
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
	awaitConnections(t, watcher, before)
}

// F5: the store answers to the connection and not to the question whether it
// is ready.
func TestF5_AStoreThatIsNotReadyIsReleased(t *testing.T) {
	nothingRemains(t)
	closed := 0
	err := failed(t, fxsession.Module, environment(),
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
			awaitConnections(t, watcher, before)
		})
	}
}
