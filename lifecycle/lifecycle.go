package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/guarded"
	"github.com/fxsession/sessions/store"
)

var (
	// ErrStarted is the error of Start when it has succeeded before.
	ErrStarted = errors.New("session lifecycle: has been started already")
	// ErrStopped is the error of Start after Stop, or after a Start that
	// failed: the store is closed by then.
	ErrStopped = errors.New("session lifecycle: has been stopped, and its store is closed; make a new one")
	// ErrNotRunning is the error of Ready before Start and after Stop.
	ErrNotRunning = errors.New("session lifecycle: is not running")
)

var errNoStore = errors.New("it was made without a store")

// Lifecycle starts and stops what a store needs around the requests. It owns
// the store: however it ends, the store is closed. It is safe for concurrent
// use; Start and Stop wait for each other.
type Lifecycle struct {
	store   *store.SessionStore
	cfg     config.StoreConfig
	log     *zap.Logger
	sweeper *sweeper // nil: none is wanted

	turn    chan struct{} // held by the Start or the Stop under way
	started bool          // guarded by turn
	running atomic.Bool
	closed  chan struct{} // nil until the end begins, closed when it is over; guarded by turn
	err     error         // of the end; to be read when closed is closed
}

// Option changes what [New] makes.
type Option func(*options)

type options struct {
	log    *zap.Logger
	meters metric.MeterProvider
}

// WithLogger logs what happens: an attempt to reach the store that failed, what
// the sweeper removed, and why it could not. nil, the default, logs nothing.
func WithLogger(log *zap.Logger) Option { return func(o *options) { o.log = log } }

// WithMeterProvider measures the sweeper: session.store.sweep.removed counts
// the records that it removed, session.store.sweep.duration (seconds) takes how
// long each sweep took, by outcome. nil, the default, measures nothing.
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meters = p } }

// New makes the Lifecycle of s; with nil, Start and Stop are errors. Of the
// configuration it uses Sweep and SQL.Migrate, and Driver for error messages.
// Nothing happens before Start.
func New(s *store.SessionStore, cfg config.StoreConfig, opts ...Option) *Lifecycle {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if o.log == nil {
		o.log = zap.NewNop()
	}
	if o.meters == nil {
		o.meters = metricnoop.NewMeterProvider()
	}
	l := &Lifecycle{store: s, cfg: cfg, log: o.log, turn: make(chan struct{}, 1)}
	if cfg.Sweep.Interval > 0 {
		l.sweeper = newSweeper(s, cfg.Sweep, o.log, o.meters)
	}
	return l
}

// Start waits until the store answers, migrates it if the configuration says
// so, waits until it can be read, and starts the sweeper, unless its interval is
// 0. The context bounds Start and nothing beyond it.
//
// When Start fails, nothing is left running and the store is closed. Start waits
// for that, at most a second beyond its context; after that the store goes on
// closing by itself. The error wraps that of the store ([store.ErrUnavailable]
// where it could not be reached) and, if the context ended first, the context's
// error. ErrStarted and ErrStopped are for a second Start and for one that comes
// too late.
func (l *Lifecycle) Start(ctx context.Context) error {
	if l.store == nil {
		return fmt.Errorf("session lifecycle: start: %w", errNoStore)
	}
	if err := l.enter(ctx); err != nil {
		return fmt.Errorf("session lifecycle: start: %w", err)
	}
	defer l.leave()
	if l.closed != nil {
		return ErrStopped
	}
	if l.started {
		return ErrStarted
	}

	if err := l.prepare(ctx); err != nil {
		err = fmt.Errorf("session lifecycle: start: %w", err)
		l.end()
		select {
		case <-l.closed:
		case <-ctx.Done():
			select {
			case <-l.closed:
			case <-time.After(closing):
				return err
			}
		}
		return errors.Join(err, l.err)
	}
	if l.sweeper != nil {
		l.sweeper.start()
	}
	l.started = true
	l.running.Store(true)
	return nil
}

// closing is how long a Start that has failed waits, beyond its context, for
// the store to close.
const closing = time.Second

func (l *Lifecycle) prepare(ctx context.Context) error {
	if err := l.await(ctx, l.store.Ping); err != nil {
		return fmt.Errorf("the store (session.store.driver: %s) cannot be reached: %w", l.cfg.Driver, err)
	}
	if l.cfg.SQL.Migrate {
		if err := l.store.Migrate(ctx); err != nil {
			return fmt.Errorf("the store (session.store.driver: %s) cannot be migrated: %w", l.cfg.Driver, err)
		}
	}
	if err := l.await(ctx, l.read); err != nil {
		return fmt.Errorf("the store (session.store.driver: %s) cannot be read: %w", l.cfg.Driver, err)
	}
	return nil
}

// read asks for a record that is not there. Where there is no table, or no right
// to read it, a store answers a Ping all the same.
func (l *Lifecycle) read(ctx context.Context) error {
	_, err := l.store.Load(ctx, store.Key{})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// await waits until ask succeeds.
func (l *Lifecycle) await(ctx context.Context, ask func(context.Context) error) error {
	var cause error // why it did not succeed, while there was time
	for failures := 1; ; failures++ {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if cause == nil || ctx.Err() == nil {
			cause = err
		}
		pause := jittered(doubled(100*time.Millisecond, failures-1, 2*time.Second))
		l.log.Warn("the session store is not ready", zap.Error(err), zap.Int("failures", failures), zap.Duration("retry_in", pause))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%w; gave up: %w", cause, ctx.Err())
		}
	}
}

// Ready returns nil when the program has started and the store answers, for an
// endpoint that says whether the program can serve requests. ErrNotRunning
// before Start and after Stop.
func (l *Lifecycle) Ready(ctx context.Context) error {
	if !l.running.Load() {
		return ErrNotRunning
	}
	return l.store.Ping(ctx)
}

// Stop ends the sweeper and then closes the store. It waits for the batch that
// the sweeper is at. When the context ends first, Stop cancels that batch and
// returns an error that wraps the context's; the store is closed all the same,
// as soon as the batch, or a Start that is under way, is over.
//
// Stop without Start closes the store, and a second Stop waits for the first
// one's end and returns the same.
func (l *Lifecycle) Stop(ctx context.Context) error {
	if err := l.enter(ctx); err != nil {
		go func() { // when the turn comes
			l.turn <- struct{}{}
			l.stop()
		}()
		return fmt.Errorf("session lifecycle: stop: %w", err)
	}
	l.stop()

	select {
	case <-l.closed:
	case <-ctx.Done():
		if l.sweeper != nil {
			l.sweeper.cancel()
		}
	}
	select {
	case <-l.closed:
		return l.err
	default:
		return fmt.Errorf("session lifecycle: stop: %w", ctx.Err())
	}
}

// stop begins the end, unless it has begun, and leaves.
func (l *Lifecycle) stop() {
	defer l.leave()
	l.running.Store(false)
	if l.closed == nil {
		l.end()
	}
}

// end begins the end, which is over when l.closed is closed.
func (l *Lifecycle) end() {
	l.closed = make(chan struct{})
	go func() {
		defer close(l.closed)
		if l.started && l.sweeper != nil {
			l.sweeper.stop()
		}
		if l.store == nil {
			l.err = fmt.Errorf("session lifecycle: stop: %w", errNoStore)
			return
		}
		if err := guarded.Call(l.store.Close); err != nil {
			l.err = fmt.Errorf("session lifecycle: stop: %w", err)
		}
	}()
}

// enter waits for the turn, for which a context that has ended already is no
// obstacle.
func (l *Lifecycle) enter(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *Lifecycle) leave() { <-l.turn }
