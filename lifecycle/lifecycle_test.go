package lifecycle_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/lifecycle"
	"github.com/fxsession/sessions/store"
)

// quiet is a configuration without a sweeper.
func quiet() config.StoreConfig {
	cfg := config.Default().Store
	cfg.Sweep.Interval = 0
	return cfg
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func wantOps(t *testing.T, b *backend, want ...string) {
	t.Helper()
	if got := b.ops(); !slices.Equal(got, want) {
		t.Errorf("the store was asked for %q, want %q", got, want)
	}
}

func TestStartReachesTheStoreAndStopClosesIt(t *testing.T) {
	t.Parallel()
	b := &backend{}
	l := lifecycle.New(store.New(b), quiet())

	if err := l.Ready(t.Context()); !errors.Is(err, lifecycle.ErrNotRunning) {
		t.Errorf("before start, Ready says %v", err)
	}
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Ready(t.Context()); err != nil {
		t.Errorf("Ready says %v", err)
	}
	if err := l.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Ready(t.Context()); !errors.Is(err, lifecycle.ErrNotRunning) {
		t.Errorf("after stop, Ready says %v", err)
	}
	wantOps(t, b, "ping", "load", "ping", "close")
}

func TestStartMigratesWhereTheConfigurationSaysSo(t *testing.T) {
	t.Parallel()
	b := &backend{}
	cfg := quiet()
	cfg.SQL.Migrate = true
	l := lifecycle.New(store.New(b), cfg)
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantOps(t, b, "ping", "migrate", "load")
	if err := l.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestStartWaitsForAStoreThatComesUpLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, logs := observed(zap.WarnLevel)
		up := time.Now().Add(7 * time.Second)
		b := &backend{ping: func(context.Context) error {
			if time.Now().Before(up) {
				return errRefused
			}
			return nil
		}}
		l := lifecycle.New(store.New(b), quiet(), lifecycle.WithLogger(log))
		if err := l.Start(within(t, time.Minute)); err != nil {
			t.Fatal(err)
		}
		if late := time.Since(up); late > 2200*time.Millisecond {
			t.Errorf("it was noticed %s later", late)
		}
		pings := b.times("ping")
		if len(pings) < 6 || len(pings) > 12 {
			t.Errorf("%d attempts", len(pings))
		}
		for i := 2; i < 5; i++ {
			if pings[i].Sub(pings[i-1]) <= pings[i-1].Sub(pings[i-2]) {
				t.Errorf("attempt %d did not wait longer than the one before", i)
			}
		}
		if logs.Len() != len(pings)-1 {
			t.Errorf("%d attempts failed and %d are in the log", len(pings)-1, logs.Len())
		}
		if err := l.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestF5_StartThatCannotReachTheStoreSaysWhyAndClosesIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &backend{ping: func(context.Context) error { return errRefused }}
		cfg := config.Default().Store
		cfg.Driver = config.DriverRedis
		l := lifecycle.New(store.New(b), cfg)

		begin := time.Now()
		err := l.Start(within(t, 15*time.Second))
		if took := time.Since(begin); took != 15*time.Second {
			t.Errorf("it gave up after %s", took)
		}
		for _, cause := range []error{errRefused, store.ErrUnavailable, context.DeadlineExceeded} {
			if !errors.Is(err, cause) {
				t.Errorf("%q is not in %v", cause, err)
			}
		}
		for _, text := range []string{"session lifecycle: start: ", "redis", "ping", "connection refused"} {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%q is not in the text: %v", text, err)
			}
		}
		if ops := b.ops(); ops[len(ops)-1] != "close" {
			t.Errorf("the store was not closed: %q", ops)
		}
		if err := l.Ready(t.Context()); !errors.Is(err, lifecycle.ErrNotRunning) {
			t.Errorf("Ready says %v", err)
		}
		if err := l.Stop(t.Context()); err != nil {
			t.Errorf("Stop after that says %v", err)
		}
		if err := l.Start(t.Context()); !errors.Is(err, lifecycle.ErrStopped) {
			t.Errorf("another Start says %v", err)
		}
		if closes := b.times("close"); len(closes) != 1 {
			t.Errorf("closed %d times", len(closes))
		}
	})
}

func TestF5_AStoreThatHangsIsGivenUpWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &backend{ping: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		l := lifecycle.New(store.New(b, store.WithTimeout(0)), quiet())
		if err := l.Start(within(t, time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		wantOps(t, b, "ping", "close")
	})
}

func TestF5_TheErrorOfStartIsTheReasonAndNotThatTimeRanOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := false
		b := &backend{ping: func(ctx context.Context) error {
			if !refused {
				refused = true
				return errRefused
			}
			<-ctx.Done()
			return ctx.Err()
		}}
		l := lifecycle.New(store.New(b, store.WithTimeout(0)), quiet())
		if err := l.Start(within(t, time.Second)); !errors.Is(err, errRefused) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		wantOps(t, b, "ping", "ping", "close")
	})
}

// A database answers though nobody has made the table yet.
func TestF5_AStoreThatAnswersAndCannotBeReadIsNotReady(t *testing.T) {
	t.Parallel()
	errNoTable := errors.New("the table is not there")
	synctest.Test(t, func(t *testing.T) {
		b := &backend{load: func(context.Context) error { return errNoTable }}
		err := lifecycle.New(store.New(b), quiet()).Start(within(t, 15*time.Second))
		if !errors.Is(err, errNoTable) || !strings.Contains(err.Error(), "cannot be read") {
			t.Errorf("got %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		made := time.Now().Add(3 * time.Second) // by a migration elsewhere
		b := &backend{load: func(context.Context) error {
			if time.Now().Before(made) {
				return errNoTable
			}
			return store.ErrNotFound
		}}
		l := lifecycle.New(store.New(b), quiet())
		if err := l.Start(within(t, 15*time.Second)); err != nil {
			t.Fatal(err)
		}
		if err := l.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestF5_AFailedStartWaitsForAStoreThatDoesNotCloseNoLongerThanASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		closing := make(chan struct{})
		b := &backend{
			ping:  func(context.Context) error { return errRefused },
			close: func() error { <-closing; return nil },
		}
		begin := time.Now()
		if err := lifecycle.New(store.New(b), quiet()).Start(within(t, 5*time.Second)); !errors.Is(err, errRefused) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begin); took != 6*time.Second {
			t.Errorf("it took %s", took)
		}
		close(closing)
	})
}

func TestF5_StartThatFailsToMigrateClosesTheStore(t *testing.T) {
	t.Parallel()
	errDenied, errClose := errors.New("permission denied"), errors.New("close failed")
	b := &backend{
		migrate: func(context.Context) error { return errDenied },
		close:   func() error { return errClose },
	}
	cfg := config.Default().Store
	cfg.SQL.Migrate = true
	l := lifecycle.New(store.New(b), cfg)
	err := l.Start(t.Context())
	if !errors.Is(err, errDenied) || !errors.Is(err, errClose) || !strings.Contains(err.Error(), "cannot be migrated") {
		t.Errorf("got %v", err)
	}
	wantOps(t, b, "ping", "migrate", "close")
}

func TestTheStartContextIsADeadlineAndNoLifetime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &backend{deleteExpired: func(ctx context.Context, _ int) (int, error) { return 0, ctx.Err() }}
		log, logs := observed(zap.WarnLevel)
		l := lifecycle.New(store.New(b), config.Default().Store, lifecycle.WithLogger(log))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := l.Start(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		pass(10 * time.Minute)
		if sweeps := len(b.times("delete expired")); sweeps < 9 || sweeps > 11 || logs.Len() > 0 {
			t.Errorf("%d sweeps in ten minutes, %d of them went wrong", sweeps, logs.Len())
		}
		if err := l.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestStartTwiceAndStartAfterStopAreErrors(t *testing.T) {
	t.Parallel()
	b := &backend{}
	l := lifecycle.New(store.New(b), quiet())
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Start(t.Context()); !errors.Is(err, lifecycle.ErrStarted) {
		t.Errorf("the second Start says %v", err)
	}
	if err := l.Ready(t.Context()); err != nil {
		t.Errorf("the second Start has stopped it: %v", err)
	}
	if err := l.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Start(t.Context()); !errors.Is(err, lifecycle.ErrStopped) {
		t.Errorf("Start after Stop says %v", err)
	}
}

func TestF5_StopTwiceAndStopWithoutStartAreFine(t *testing.T) {
	t.Parallel()
	b := &backend{}
	l := lifecycle.New(store.New(b), config.Default().Store)
	for range 2 {
		if err := l.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wantOps(t, b, "close")
}

func TestStopSaysWhenTheStoreCouldNotBeClosed(t *testing.T) {
	t.Parallel()
	for name, closing := range map[string]func() error{
		"an error": func() error { return errRefused },
		"a panic":  func() error { panic("secret") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lifecycle.New(store.New(&backend{close: closing}), quiet())
			if err := l.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			first, second := l.Stop(t.Context()), l.Stop(t.Context())
			if first == nil || first != second || strings.Contains(first.Error(), "secret") {
				t.Errorf("the first Stop says %v\nthe second %v", first, second)
			}
		})
	}
}

func TestStopIsBoundedByItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := &backend{close: func() error { <-release; return nil }}
		l := lifecycle.New(store.New(b), quiet())
		if err := l.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := l.Stop(within(t, 5*time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("it took %s", took)
		}
		close(release)
		if err := l.Stop(t.Context()); err != nil {
			t.Errorf("once the store is closed, Stop says %v", err)
		}
		wantOps(t, b, "ping", "load", "close")
	})
}

func TestStopWaitsForTheStartUnderWayInsideItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &backend{ping: func(context.Context) error { return errRefused }}
		l := lifecycle.New(store.New(b), quiet())
		started := make(chan error)
		go func() { started <- l.Start(within(t, 10*time.Second)) }()
		synctest.Wait()

		if err := l.Stop(within(t, time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an impatient Stop says %v", err)
		}
		if err := l.Start(within(t, time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an impatient Start says %v", err)
		}
		stopped := make(chan error)
		go func() { stopped <- l.Stop(within(t, time.Minute)) }()
		if err := <-started; !errors.Is(err, errRefused) {
			t.Errorf("Start says %v", err)
		}
		if err := <-stopped; err != nil {
			t.Errorf("a patient Stop says %v", err)
		}
	})
}

// Whoever calls Stop but once gets it, though there was no time to wait for the
// Start.
func TestAStopThatCouldNotWaitEndsWhatHasStarted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		up := make(chan struct{})
		b := &backend{ping: func(context.Context) error { <-up; return nil }}
		cfg := config.Default().Store
		cfg.Timeout = time.Hour
		l := lifecycle.New(store.New(b, store.WithTimeout(time.Hour)), cfg)
		started := make(chan error)
		go func() { started <- l.Start(t.Context()) }()
		synctest.Wait()
		if err := l.Stop(within(t, time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an impatient Stop says %v", err)
		}
		close(up)
		if err := <-started; err != nil {
			t.Errorf("Start says %v", err)
		}
		synctest.Wait()
		wantOps(t, b, "ping", "load", "close")
		if err := l.Ready(t.Context()); !errors.Is(err, lifecycle.ErrNotRunning) {
			t.Errorf("Ready says %v", err)
		}
	})
}

func TestALifecycleWithoutAStoreDoesNotStart(t *testing.T) {
	t.Parallel()
	l := lifecycle.New(nil, config.Default().Store)
	if err := l.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "without a store") {
		t.Errorf("Start says %v", err)
	}
	if err := l.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "without a store") {
		t.Errorf("Stop says %v", err)
	}
}

func TestStopWithAContextThatHasEndedStillEndsEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for range 20 { // what is left to chance shows
			b := &backend{}
			l := lifecycle.New(store.New(b), config.Default().Store)
			if err := l.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = l.Stop(ctx) // whether there was time enough is not to be known
			synctest.Wait()
			wantOps(t, b, "ping", "load", "close")
		}
	})
}

func observed(level zapcore.Level) (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(level)
	return zap.New(core), logs
}
