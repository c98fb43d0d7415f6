package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/lifecycle"
	"github.com/fxsession/sessions/store"
)

// sweeping starts a Lifecycle over b, which ends with the test.
func sweeping(t *testing.T, b *backend, sweep config.SweepConfig, opts ...lifecycle.Option) *lifecycle.Lifecycle {
	t.Helper()
	cfg := config.Default().Store
	cfg.Sweep = sweep
	l := lifecycle.New(store.New(b), cfg, opts...)
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

// pass lets fake time pass, and then everything come to rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func gaps(times []time.Time) []time.Duration {
	var gaps []time.Duration
	for i := 1; i < len(times); i++ {
		gaps = append(gaps, times[i].Sub(times[i-1]))
	}
	return gaps
}

func TestC7_TheSweeperRemovesABatchAfterTheOtherUntilOneIsNotFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		expired := 25
		b := &backend{deleteExpired: func(_ context.Context, limit int) (int, error) {
			n := min(limit, expired)
			expired -= n
			return n, nil
		}}
		sweeping(t, b, config.SweepConfig{Interval: time.Minute, Batch: 10})
		pass(70 * time.Second)
		if expired != 0 {
			t.Errorf("%d are left", expired)
		}
		if calls := b.times("delete expired"); len(calls) != 3 {
			t.Errorf("%d batches", len(calls))
		}
	})
}

func TestTheSweeperKeepsToItsIntervalWithJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		begin := time.Now()
		sweeping(t, b, config.SweepConfig{Interval: time.Minute, Batch: 10})
		pass(100 * time.Minute)

		different := map[time.Duration]bool{}
		for _, gap := range gaps(append([]time.Time{begin}, b.times("delete expired")...)) {
			if gap < 54*time.Second || gap > 66*time.Second {
				t.Errorf("a pause of %s", gap)
			}
			different[gap] = true
		}
		if len(different) < 50 {
			t.Errorf("%d different pauses in a hundred", len(different))
		}
	})
}

func TestAnIntervalOfZeroIsNoSweeper(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		sweeping(t, b, config.SweepConfig{Interval: 0, Batch: 10})
		pass(24 * time.Hour)
		wantOps(t, b, "ping", "load")
	})
}

func TestAnEnormousIntervalNeverComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for range 20 { // each with a jitter of its own
			b := &backend{}
			sweeping(t, b, config.SweepConfig{Interval: 1<<63 - 1, Batch: 10})
			pass(365 * 24 * time.Hour)
			wantOps(t, b, "ping", "load")
		}
	})
}

func TestTheSweeperBacksOffWhileTheStoreFailsAndHeals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, logs := observed(zap.InfoLevel)
		var healthy atomic.Bool
		b := &backend{deleteExpired: func(context.Context, int) (int, error) {
			if healthy.Load() {
				return 0, nil
			}
			return 0, errRefused
		}}
		sweeping(t, b, config.SweepConfig{Interval: time.Minute, Batch: 10}, lifecycle.WithLogger(log))

		pass(12 * time.Hour)
		failing := gaps(b.times("delete expired"))
		for i, gap := range failing {
			want := min(time.Minute<<min(i+1, 10), time.Hour)
			if gap < want*9/10 || gap > want*11/10 {
				t.Errorf("after %d failures a pause of %s, want about %s", i+1, gap, want)
			}
		}
		if len(failing) < 10 {
			t.Errorf("%d attempts in 12 hours", len(failing)+1)
		}
		if errs := logs.FilterLevelExact(zap.ErrorLevel); errs.Len() != len(failing)+1 {
			t.Errorf("%d failures and %d of them in the log", len(failing)+1, errs.Len())
		}

		healthy.Store(true)
		pass(2 * time.Hour)
		healed := gaps(b.times("delete expired")[len(failing)+1:])
		if len(healed) < 50 {
			t.Fatalf("%d sweeps since the store is back", len(healed)+1)
		}
		for _, gap := range healed {
			if gap > 66*time.Second {
				t.Errorf("a pause of %s, though the store is back", gap)
			}
		}
	})
}

func TestAPanicOfTheBackendIsAnErrorInTheLogAndTheSweeperGoesOn(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		panics     func()
		told, kept string
	}{
		"a value":              {func() { panic("secret") }, "with a string", "secret"},
		"one from the runtime": {func() { var v any = "secret"; _ = v.(int) }, "interface conversion", "secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log, logs := observed(zap.InfoLevel)
				calls := 0
				b := &backend{deleteExpired: func(context.Context, int) (int, error) {
					if calls++; calls == 1 {
						row.panics()
					}
					return 7, nil
				}}
				sweeping(t, b, config.SweepConfig{Interval: time.Minute, Batch: 10}, lifecycle.WithLogger(log))
				pass(5 * time.Minute)

				entries := logs.AllUntimed()
				if len(entries) < 2 || entries[0].Level != zap.ErrorLevel || entries[1].Level != zap.InfoLevel {
					t.Fatalf("the log has %v", entries)
				}
				text := fmt.Sprint(entries[0].ContextMap())
				if !strings.Contains(text, row.told) || strings.Contains(text, row.kept) || !strings.Contains(text, "sweeper_test.go") {
					t.Errorf("the log has %s", text)
				}
			})
		})
	}
}

func TestTheSweeperLogsAndCountsWhatItRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, logs := observed(zap.DebugLevel)
		reader := metric.NewManualReader()
		answers := []struct {
			n   int
			err error
		}{{10, nil}, {3, nil}, {0, nil}, {10, nil}, {4, errRefused}}
		b := &backend{deleteExpired: func(context.Context, int) (int, error) {
			<-time.After(100 * time.Millisecond)
			next := answers[0]
			answers = answers[1:]
			return next.n, next.err
		}}
		sweeping(t, b, config.SweepConfig{Interval: time.Minute, Batch: 10},
			lifecycle.WithLogger(log), lifecycle.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
		pass(200 * time.Second)

		var got []string
		for _, e := range logs.AllUntimed() {
			m := e.ContextMap()
			got = append(got, fmt.Sprint(e.Level, " ", m["removed"], " ", m["took"], " ", m["error"] != nil))
		}
		want := []string{"info 13 200ms false", "debug 0 100ms false", "error 14 200ms true"}
		if strings.Join(got, "; ") != strings.Join(want, "; ") {
			t.Errorf("the log has %q, want %q", got, want)
		}

		var rm metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &rm); err != nil {
			t.Fatal(err)
		}
		metrics := map[string]metricdata.Aggregation{}
		for _, scope := range rm.ScopeMetrics {
			for _, m := range scope.Metrics {
				metrics[m.Name+" "+m.Unit] = m.Data
			}
		}
		removed, _ := metrics["session.store.sweep.removed {record}"].(metricdata.Sum[int64])
		if len(removed.DataPoints) != 1 || removed.DataPoints[0].Value != 27 || !removed.IsMonotonic {
			t.Errorf("removed: %+v", removed)
		}
		duration, _ := metrics["session.store.sweep.duration s"].(metricdata.Histogram[float64])
		outcomes := map[string]string{}
		for _, point := range duration.DataPoints {
			outcome, _ := point.Attributes.Value(attribute.Key("outcome"))
			outcomes[outcome.AsString()] = fmt.Sprintf("%d in %.1f s", point.Count, point.Sum)
		}
		if fmt.Sprint(outcomes) != "map[error:1 in 0.2 s ok:2 in 0.3 s]" {
			t.Errorf("duration: %v", outcomes)
		}
	})
}

func TestStopWaitsForTheBatchUnderWayAndNoFurther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		b.deleteExpired = func(ctx context.Context, limit int) (int, error) {
			<-time.After(2 * time.Second)
			b.note("batch over")
			return limit, ctx.Err()
		}
		l := sweeping(t, b, config.SweepConfig{Interval: time.Minute, Batch: 10})
		for len(b.times("delete expired")) == 0 {
			pass(time.Second)
		}
		if err := l.Stop(within(t, 15*time.Second)); err != nil {
			t.Fatal(err)
		}
		wantOps(t, b, "ping", "load", "delete expired", "batch over", "close")
	})
}

func TestStopCancelsTheBatchWhenItsContextEndsAndClosesTheStoreAfterIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, logs := observed(zap.InfoLevel)
		b := &backend{}
		b.deleteExpired = func(ctx context.Context, _ int) (int, error) {
			<-ctx.Done()
			<-time.After(time.Second) // it is not that prompt
			b.note("batch over")
			return 0, ctx.Err()
		}
		cfg := config.Default().Store
		l := lifecycle.New(store.New(b, store.WithTimeout(0)), cfg, lifecycle.WithLogger(log))
		if err := l.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(70 * time.Second)

		begin := time.Now()
		err := l.Stop(within(t, 5*time.Second))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 5*time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
		wantOps(t, b, "ping", "load", "delete expired")
		if err := l.Stop(t.Context()); err != nil {
			t.Errorf("a second, patient Stop says %v", err)
		}
		wantOps(t, b, "ping", "load", "delete expired", "batch over", "close")
		if errs := logs.FilterLevelExact(zap.ErrorLevel); errs.Len() > 0 {
			t.Errorf("the log has an error: %v", errs.All())
		}
	})
}

func TestTheSweeperIsAnswerableForNothingAfterStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		l := sweeping(t, b, config.SweepConfig{Interval: time.Minute, Batch: 10})
		if err := l.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		wantOps(t, b, "ping", "load", "close")
	})
}

// Errors do not make it come sooner than its interval does.
func TestASweeperWithALongIntervalKeepsToItAfterErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &backend{deleteExpired: func(context.Context, int) (int, error) { return 0, errors.New("down") }}
		sweeping(t, b, config.SweepConfig{Interval: 3 * time.Hour, Batch: 10})
		pass(24 * time.Hour)
		times := b.times("delete expired")
		if len(times) < 7 {
			t.Errorf("%d attempts in a day", len(times))
		}
		for _, gap := range gaps(times) {
			if gap < 160*time.Minute || gap > 200*time.Minute {
				t.Errorf("%s between two attempts", gap)
			}
		}
	})
}
