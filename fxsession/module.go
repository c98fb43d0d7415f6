package fxsession

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/lifecycle"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// Module gives an application its sessions. It provides
//
//   - config.SessionConfig, read by config.Load with the options of [Config];
//   - store.Backend, the one that session.store.driver names, or that of
//     [UseBackend];
//   - *store.SessionStore over it, with a lifecycle: the store is reached, and
//     migrated where the configuration says so, before anything that depends
//     on it starts; a store that does not answer is asked again, and fails the
//     start before fx.StartTimeout; expired records are swept; the store
//     closes after everything that depends on it has stopped;
//   - *session.Manager;
//   - the session middleware, in the value group http.middleware, and the
//     [Chain] of that group;
//   - the [Handler] that serves the routes of the application behind the Chain.
//
// From the graph it takes, if they are there, a *zap.Logger, which also gets
// the audit log (session.AuditLog, under the name session.audit), a
// metric.MeterProvider, a trace.TracerProvider, a session.ErrorHandler, a
// session.Observer, a [RemoteAddr] and a [Clock]; for session.store.driver
// redis also a rueidis.Client, and for sql a *sql.DB (if the graph has one, fx
// makes it for the other drivers as well). fx silently leaves out an optional
// value like these when its constructor needs something that is missing; an
// option such as
//
//	fx.Invoke(func(session.ErrorHandler) {})
//
// makes that an error.
//
// Do not fx.Provide or fx.Supply what Module provides: fx fails with "already
// provided". fx.Replace and fx.Decorate work on all of it, next to Module or in a
// module around it: fx.Replace(cfg) for a configuration that was built in code,
// [UseBackend] or fx.Replace for a store.Backend. What is replaced is never
// made: a store.Backend that replaces the one on Redis connects to nothing. The
// lifecycle works on the resulting store.Backend, and closes it if it is an
// io.Closer.
var Module = fx.Module(
	"fxsession",
	fx.Provide(newConfig, newBackend, newStore, newManager, newSessionMiddleware, newChain, newHandler),
	fx.Invoke(ready),
)

// ready makes everything, so that a mistake is found at start also where
// nothing uses a session yet.
func ready(Chain) {}

// RemoteAddr returns the address of a request's client, as
// [session.WithRemoteAddr] needs it behind a proxy.
type RemoteAddr func(*http.Request) string

// Clock replaces time.Now, for tests.
type Clock func() time.Time

type newStoreParams struct {
	fx.In

	Config    config.SessionConfig
	Backend   store.Backend
	Lifecycle fx.Lifecycle
	Logger    *zap.Logger          `optional:"true"`
	Meters    metric.MeterProvider `optional:"true"`
	Tracers   trace.TracerProvider `optional:"true"`
}

// newStore makes the store, and appends its hook: what depends on the store
// appends its own hooks later, so it starts after the store and stops before it.
func newStore(p newStoreParams) (*store.SessionStore, error) {
	if isNil(p.Backend) {
		return nil, errors.New("fxsession: the store.Backend is nil: return one, or an error, from the constructor given to UseBackend, " +
			"and from whatever replaces or decorates the Backend")
	}
	s := store.New(p.Backend,
		store.WithTimeout(p.Config.Store.Timeout),
		store.WithMeterProvider(p.Meters),
		store.WithTracerProvider(p.Tracers))
	l := lifecycle.New(s, p.Config.Store,
		lifecycle.WithLogger(p.Logger),
		lifecycle.WithMeterProvider(p.Meters))
	p.Lifecycle.Append(fx.Hook{
		OnStart: func(ctx context.Context) error {
			ctx, cancel := early(ctx)
			defer cancel()
			return l.Start(ctx)
		},
		OnStop: l.Stop,
	})
	return s, nil
}

// isNil says whether b is no Backend: nil, or a pointer that is.
func isNil(b store.Backend) bool {
	v := reflect.ValueOf(b)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// early gives nine tenths of the time that ctx leaves. Once the start context
// has ended, fx says no more than that it has, and stops nothing of what was
// started.
func early(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	left := time.Until(deadline)
	return context.WithTimeout(ctx, left-left/10)
}

type newManagerParams struct {
	fx.In

	Config       config.SessionConfig
	Store        *store.SessionStore
	ErrorHandler session.ErrorHandler `optional:"true"`
	Observer     session.Observer     `optional:"true"`
	RemoteAddr   RemoteAddr           `optional:"true"`
	Clock        Clock                `optional:"true"`
	Logger       *zap.Logger          `optional:"true"`
	Meters       metric.MeterProvider `optional:"true"`
}

func newManager(p newManagerParams) (*session.Manager, error) {
	opts := []session.Option{
		session.WithErrorHandler(staged(p.ErrorHandler)),
		session.WithMeterProvider(p.Meters),
		session.WithObserver(p.Observer),
		session.WithRemoteAddr(p.RemoteAddr),
		session.WithClock(p.Clock),
		session.WithLogger(p.Logger),
	}
	if p.Logger != nil {
		opts = append(opts, session.WithObserver(session.AuditLog(p.Logger)))
	}
	return session.NewManager(p.Config, p.Store, opts...)
}
