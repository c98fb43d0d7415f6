package fxsession

import (
	"database/sql"
	"errors"
	"fmt"
	"reflect"

	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

// UseBackend keeps the sessions in the Backend that ctor makes, whatever
// session.store.driver says. ctor is a constructor as for fx.Provide that
// returns a store.Backend, or a type that implements it, and optionally an
// error. fx.Replace and fx.Decorate work on this Backend as on any other. A
// Backend that is nil fails the start. A Backend that is an io.Closer is closed
// when the application stops.
//
// Set session.cookie.keys. Without them, session.store.driver decides what
// happens, as [session.NewManager] says: with memory, its default, sessions end
// with the process, even if the Backend keeps their records longer.
func UseBackend(ctor any) fx.Option {
	made, err := backendType(ctor)
	if err != nil {
		return fx.Error(err)
	}
	// ctor itself is what fx gets, so that fx's errors name it; a second
	// constructor puts what it makes into the group.
	asBackend := reflect.MakeFunc(
		reflect.FuncOf([]reflect.Type{made}, []reflect.Type{reflect.TypeFor[store.Backend]()}, false),
		func(args []reflect.Value) []reflect.Value {
			return []reflect.Value{args[0].Convert(reflect.TypeFor[store.Backend]())}
		})
	return fx.Provide(
		fx.Annotated{Name: "fxsession.backend", Target: ctor},
		fx.Annotate(asBackend.Interface(),
			fx.ParamTags(`name:"fxsession.backend"`),
			fx.ResultTags(`group:"fxsession.backend"`)),
	)
}

// backendType gives what ctor makes.
func backendType(ctor any) (reflect.Type, error) {
	t := reflect.TypeOf(ctor)
	if t == nil || t.Kind() != reflect.Func {
		return nil, fmt.Errorf("fxsession: UseBackend needs a constructor, not a %T", ctor)
	}
	ok := t.NumOut() == 1 || t.NumOut() == 2 && t.Out(1) == reflect.TypeFor[error]()
	if !ok || !t.Out(0).Implements(reflect.TypeFor[store.Backend]()) || reflect.ValueOf(ctor).IsNil() {
		return nil, fmt.Errorf("fxsession: UseBackend needs a constructor that returns a store.Backend, or one and an error, not a %T", ctor)
	}
	return t.Out(0), nil
}

type newBackendParams struct {
	fx.In

	Config    config.SessionConfig
	Own       []store.Backend `group:"fxsession.backend"`
	Lifecycle fx.Lifecycle
	Clock     Clock                `optional:"true"`
	Logger    *zap.Logger          `optional:"true"`
	Meters    metric.MeterProvider `optional:"true"`
	Redis     rueidis.Client       `optional:"true"`
	DB        *sql.DB              `optional:"true"`
}

// newBackend makes the Backend that the application has put in place, or that
// the configuration names.
func newBackend(p newBackendParams) (store.Backend, error) {
	switch len(p.Own) {
	case 0:
	case 1:
		return p.Own[0], nil
	default:
		return nil, errors.New("fxsession: UseBackend is there more than once")
	}
	switch driver := p.Config.Store.Driver; driver {
	case config.DriverMemory:
		return newMemory(p), nil
	case config.DriverRedis:
		return newRedis(p)
	case config.DriverSQL:
		return newSQL(p)
	default:
		return nil, fmt.Errorf("fxsession: session.store.driver %q is none of ours", driver)
	}
}

func newMemory(p newBackendParams) store.Backend {
	if set := elsewhere(p.Config.Store); set != "" && p.Logger != nil {
		p.Logger.Warn("session: session.store.driver is memory, so that the sessions are kept in this process, and what is set here has no effect",
			zap.String("setting", set))
	}
	return memstore.New(memstore.WithMaxSessions(p.Config.Store.Memory.MaxSessions), memstore.WithClock(p.Clock))
}

// elsewhere names what is set of a store beside memory; "" for nothing.
func elsewhere(cfg config.StoreConfig) string {
	switch {
	case !cfg.Redis.URL.IsZero():
		return "session.store.redis.url"
	case !cfg.SQL.DSN.IsZero():
		return "session.store.sql.dsn"
	}
	return ""
}
