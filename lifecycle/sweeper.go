package lifecycle

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/guarded"
	"github.com/fxsession/sessions/store"
)

// scope names this package to OpenTelemetry.
const scope = "github.com/fxsession/sessions/lifecycle"

// maxBackOff is how long the sweeper waits at most after errors, where the
// interval itself is not longer.
const maxBackOff = time.Hour

// sweeper removes expired records, time and again. Every instance of a program
// has one; they keep out of each other's way by chance, and by what the store
// does about it.
type sweeper struct {
	store    *store.SessionStore
	cfg      config.SweepConfig
	log      *zap.Logger
	removed  metric.Int64Counter
	duration metric.Float64Histogram

	ctx      context.Context // of the batches: ends when Stop has no more time
	cancel   context.CancelFunc
	stopping chan struct{}
	done     chan struct{}
}

func newSweeper(s *store.SessionStore, cfg config.SweepConfig, log *zap.Logger, meters metric.MeterProvider) *sweeper {
	w := &sweeper{store: s, cfg: cfg, log: log, stopping: make(chan struct{}), done: make(chan struct{})}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	// Names and units are constants, so that the errors cannot occur.
	w.removed, _ = meters.Meter(scope).Int64Counter("session.store.sweep.removed",
		metric.WithUnit("{record}"),
		metric.WithDescription("How many expired records the sweeper removed."))
	w.duration, _ = meters.Meter(scope).Float64Histogram("session.store.sweep.duration",
		metric.WithUnit("s"),
		metric.WithDescription("How long a sweep of expired records took, by outcome."),
		metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60))
	return w
}

func (w *sweeper) start() { go w.run() }

// stop ends the sweeper and waits for the batch under way.
func (w *sweeper) stop() {
	close(w.stopping)
	<-w.done
	w.cancel()
}

func (w *sweeper) run() {
	defer close(w.done)
	for failures := 0; ; {
		pause := jittered(doubled(w.cfg.Interval, failures, max(maxBackOff, w.cfg.Interval)))
		select {
		case <-w.stopping:
			return
		case <-time.After(pause):
		}
		if w.sweep() {
			failures = 0
		} else {
			failures++
		}
	}
}

// sweep removes what has expired, and says whether that went well.
func (w *sweeper) sweep() bool {
	begin := time.Now()
	removed, err := w.batches()
	took := time.Since(begin)

	outcome := "ok"
	fields := []zap.Field{zap.Int("removed", removed), zap.Duration("took", took)}
	switch {
	case w.ctx.Err() != nil:
		outcome = "canceled"
		w.log.Info("removing expired sessions was cut short by the end of the program", fields...)
	case err != nil:
		outcome = "error"
		w.log.Error("removing expired sessions failed; it will be tried again", append(fields, zap.Error(err))...)
	case removed == 0:
		w.log.Debug("no session has expired", fields...)
	default:
		w.log.Info("removed expired sessions", fields...)
	}
	w.removed.Add(context.Background(), int64(removed))
	w.duration.Record(context.Background(), took.Seconds(), metric.WithAttributes(attribute.String("outcome", outcome)))
	return err == nil
}

// batches removes batch after batch until one is not full.
func (w *sweeper) batches() (removed int, err error) {
	for {
		var n int
		err := guarded.Call(func() (err error) {
			n, err = w.store.DeleteExpired(w.ctx, w.cfg.Batch)
			return err
		})
		removed += n
		if err != nil || n < w.cfg.Batch || w.isStopping() {
			return removed, err
		}
	}
}

func (w *sweeper) isStopping() bool {
	select {
	case <-w.stopping:
		return true
	default:
		return false
	}
}
