package fxsession_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// F1: Module alone is a whole application.
func TestF1_ModuleAloneStartsAndStops(t *testing.T) {
	// Not in parallel: it reads the environment.
	app := fx.New(fx.NopLogger, fxsession.Module)
	if err := app.Start(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := app.Stop(within(t)); err != nil {
		t.Fatal(err)
	}
}

// F1: without keys a key is made for the memory store, and the log says so.
func TestF1_AKeyThatWasMadeIsAWarning(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		variables []string
		warnings  int
	}{
		"no keys": {nil, 1},
		"a key":   {[]string{"SESSION_COOKIE_KEYS=" + config.NewKey().Reveal()}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			core, logs := observer.New(zap.WarnLevel)
			start(t, fxsession.Module, environment(test.variables...), fx.Supply(zap.New(core)))
			if got := logs.FilterMessageSnippet("session.cookie.keys").Len(); got != test.warnings {
				t.Errorf("%d warnings, want %d: %v", got, test.warnings, logs.All())
			}
		})
	}
}

// A store that is configured and not chosen is a warning: sessions that were to
// be shared would be this process's own.
func TestAStoreThatIsNotChosenIsAWarning(t *testing.T) {
	t.Parallel()
	for setting, variables := range map[string][]string{
		"session.store.redis.url": {"SESSION_STORE_REDIS_URL=redis://:top-secret@localhost"},
		"session.store.sql.dsn":   {"SESSION_STORE_SQL_DSN=top-secret", "SESSION_STORE_SQL_DRIVER=sqlite"},
		"":                        nil,
	} {
		core, logs := observer.New(zap.WarnLevel)
		variables = append(variables, "SESSION_COOKIE_KEYS="+config.NewKey().Reveal())
		start(t, fxsession.Module, environment(variables...), fx.Supply(zap.New(core)))
		got := ""
		for _, line := range logs.All() {
			got, _ = line.ContextMap()["setting"].(string)
			if strings.Contains(fmt.Sprint(line), "top-secret") {
				t.Errorf("the secret is in %v", line)
			}
		}
		if got != setting || setting == "" && logs.Len() > 0 {
			t.Errorf("the warning is about %q, want %q: %v", got, setting, logs.All())
		}
	}
}

type missing struct{}

// F1: fx.ValidateApp finds what fx.New finds, without making anything.
func TestF1_ValidateAppFindsWhatNewFinds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		opts fx.Option
		want string // "" is no error
	}{
		"nothing wrong": {fx.Options(), ""},
		"a second store": {
			fx.Provide(func() *store.SessionStore { return nil }),
			"already provided",
		},
		"a middleware that cannot be made": {
			fx.Provide(fx.Annotated{Group: "http.middleware", Target: func(missing) fxsession.Middleware { return mark("m", 1) }}),
			"missing type: fxsession_test.missing",
		},
		"a backend that cannot be made": {
			fxsession.UseBackend(newBackendThatNeeds),
			"fxsession_test\".newBackendThatNeeds",
		},
		"a decoration that cannot be made": {
			fx.Decorate(func(b store.Backend, _ missing) store.Backend { return b }),
			"missing type: fxsession_test.missing",
		},
		"a backend that is none": {
			fxsession.UseBackend(func() int { return 0 }),
			"UseBackend needs a constructor",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := fx.Options(fx.NopLogger, fxsession.Module, environment(), test.opts)
			for what, err := range map[string]error{"New": fx.New(app).Err(), "ValidateApp": fx.ValidateApp(app)} {
				if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("%s: got %v, want %q", what, err, test.want)
				}
			}
		})
	}
}

func TestABadConfigurationFailsAtStart(t *testing.T) {
	t.Parallel()
	short := config.Default()
	short.State.TTL = -time.Second
	unknown := config.Default()
	unknown.Store.Driver = "etcd"
	for name, test := range map[string]struct {
		opts fx.Option
		want string
	}{
		"from the environment": {environment("SESSION_STATE_TTL=soon"), "session.state.ttl"},
		"in code":              {fx.Replace(short), "session.state.ttl"},
		"unknown driver":       {fx.Replace(unknown), "session.store.driver"},
		"a file that is not there": {
			fxsession.Config(config.WithFile("not-there.yaml"), config.WithEnviron(nil)),
			"not-there.yaml",
		},
		"two sources": {
			fx.Options(environment(), fxsession.Config(config.WithFile("app.yaml"))),
			"Config is there more than once",
		},
		"redis without keys": {
			environment("SESSION_STORE_DRIVER=redis", "SESSION_STORE_REDIS_URL=redis://127.0.0.1:1"),
			"session.cookie.keys",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := fx.New(fx.NopLogger, fxsession.Module, test.opts).Err()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestConfigGivesItsOptionsToLoad(t *testing.T) {
	t.Parallel()
	var cfg config.SessionConfig
	start(t, fxsession.Module, fx.Populate(&cfg), fxsession.Config(
		config.WithBytes("first.yaml", []byte("session: {cookie: {name: first, path: /first}}")),
		config.WithBytes("second.yaml", []byte("session: {cookie: {name: second}}")),
		config.WithEnviron([]string{"SESSION_STATE_TTL=1h"}),
	))
	if cfg.Cookie.Name != "second" || cfg.Cookie.Path != "/first" || cfg.State.TTL != time.Hour {
		t.Errorf("got %+v", cfg)
	}
}

// The values of the graph that Module takes where they are there.
func TestModuleUsesWhatIsInTheGraph(t *testing.T) {
	t.Parallel()
	metrics := sdkmetric.NewManualReader()
	spans := tracetest.NewSpanRecorder()
	var now atomic.Int64
	now.Store(time.Now().UnixMilli())
	var chain fxsession.Chain
	start(t, fxsession.Module, environment("SESSION_STATE_TTL=1h"), fx.Populate(&chain), fx.Provide(
		func() metric.MeterProvider { return sdkmetric.NewMeterProvider(sdkmetric.WithReader(metrics)) },
		func() trace.TracerProvider { return sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)) },
		func() fxsession.Clock { return func() time.Time { return time.UnixMilli(now.Load()) } },
	))

	// The clock is that of the cookie and of the store.
	client, url := browser(t, chain.Then(fxsession.HandlerFunc(countVisits)))
	get(t, client, url)
	now.Add(time.Hour.Milliseconds() - 1)
	if _, body := get(t, client, url); body != "II" {
		t.Errorf("a millisecond before the TTL is over: got %q, want II", body)
	}
	now.Add(time.Hour.Milliseconds())
	if _, body := get(t, client, url); body != "I" {
		t.Errorf("after the TTL: got %q, want I", body)
	}

	// A cookie that does not open is counted by the manager.
	tampered, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	tampered.Header.Set("Cookie", "__Host-session=AAAA")
	res, err := client.Transport.RoundTrip(tampered)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()

	if len(spans.Ended()) == 0 {
		t.Error("no spans")
	}
	var collected metricdata.ResourceMetrics
	if err := metrics.Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	var scopes []string
	for _, scope := range collected.ScopeMetrics {
		scopes = append(scopes, scope.Scope.Name)
	}
	for _, want := range []string{"sessions/store", "sessions/session"} {
		if !strings.Contains(strings.Join(scopes, " "), want) {
			t.Errorf("no metrics of %s, only of %v", want, scopes)
		}
	}
}

type observerFunc func(session.Event)

func (f observerFunc) Observe(_ context.Context, e session.Event) { f(e) }

// An observer of the graph gets what happens to sessions, and the logger of the
// graph the audit log, with the address that the graph says how to find.
func TestModuleTellsWhatHappens(t *testing.T) {
	t.Parallel()
	events := make(chan session.Event, 10)
	core, logs := observer.New(zap.InfoLevel)
	var chain fxsession.Chain
	start(t, fxsession.Module, environment(), fx.Populate(&chain), fx.Supply(zap.New(core)), fx.Provide(
		func() session.Observer { return observerFunc(func(e session.Event) { events <- e }) },
		func() fxsession.RemoteAddr { return func(r *http.Request) string { return r.Header.Get("X-Client") } },
	))
	client, url := browser(t, chain.Then(fxsession.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request, s *session.Session) error {
			return s.SignIn(r.Context(), "ada")
		})))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Client", "192.0.2.8")
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	for _, want := range []session.EventKind{session.EventCreated, session.EventSignedIn} {
		e := <-events
		if e.Kind != want || e.Subject != "ada" || e.RemoteAddr != "192.0.2.8" {
			t.Errorf("got %v, want %v of ada at 192.0.2.8: %+v", e.Kind, want, e)
		}
		if got := logs.FilterMessage("session " + want.String()).FilterField(zap.String("session", e.Key.String())).All(); len(got) != 1 || got[0].LoggerName != "session.audit" {
			t.Errorf("%v: the audit log is %v", want, logs.All())
		}
	}
}

// What fx does with an optional value whose constructor needs something that
// is missing, and the line that makes it an error.
func TestAnErrorHandlerThatCannotBeMade(t *testing.T) {
	t.Parallel()
	broken := fx.Options(fx.NopLogger, fxsession.Module, environment(),
		fx.Provide(func(missing) session.ErrorHandler { return nil }))
	if err := fx.New(broken).Err(); err != nil {
		t.Errorf("fx no longer leaves it out, change the documentation of Module: %v", err)
	}
	asked := fx.Options(broken, fx.Invoke(func(session.ErrorHandler) {}))
	for what, err := range map[string]error{"New": fx.New(asked).Err(), "ValidateApp": fx.ValidateApp(asked)} {
		if err == nil || !strings.Contains(err.Error(), "missing type: fxsession_test.missing") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A constructor in the graph that fails is never passed over.
func TestAnErrorHandlerThatFails(t *testing.T) {
	t.Parallel()
	boom := errors.New("no templates")
	err := fx.New(fx.NopLogger, fxsession.Module, environment(),
		fx.Provide(func() (session.ErrorHandler, error) { return nil, boom })).Err()
	if !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
}

// The server's hook comes after the store's, because it depends on it: it
// starts when the store is ready and has drained when the store closes.
func TestTheServerStopsBeforeTheStore(t *testing.T) {
	t.Parallel()
	var events []string
	b := &closeRecorder{Backend: newFake(), onClose: func() { events = append(events, "store closed") }}
	serve := func(lc fx.Lifecycle, chain fxsession.Chain) {
		_ = chain.Then(http.NotFoundHandler())
		lc.Append(fx.Hook{
			OnStart: func(context.Context) error { events = append(events, "server started"); return nil },
			OnStop:  func(context.Context) error { events = append(events, "server stopped"); return nil },
		})
	}
	app := fx.New(
		fx.NopLogger,
		fx.Module("server", fx.Invoke(serve)), // its place in the list says nothing
		fxsession.Module, environment(),
		fxsession.UseBackend(func() store.Backend { return b }),
	)
	if err := app.Start(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := app.Stop(within(t)); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(events, ", "), "server started, server stopped, store closed"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The clock of the graph is that of the records in memory, too, and not of
// their cookies alone.
func TestTheClockOfTheGraphIsThatOfTheMemoryStore(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(time.Now().UnixMilli())
	var s *store.SessionStore
	start(t, fxsession.Module, environment(), fx.Populate(&s),
		fx.Supply(fxsession.Clock(func() time.Time { return time.UnixMilli(now.Load()) })))
	if err := s.Create(t.Context(), aKey, aRecord); err != nil {
		t.Fatal(err)
	}
	now.Add(aRecord.TTL.Milliseconds() - 1)
	if _, err := s.Load(t.Context(), aKey); err != nil {
		t.Errorf("a millisecond before its TTL is over: %v", err)
	}
	now.Add(1)
	if _, err := s.Load(t.Context(), aKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after its TTL: %v", err)
	}
}

// The sweeper is measured, by the provider of the graph.
func TestTheSweeperIsMeasured(t *testing.T) {
	t.Parallel()
	metrics := sdkmetric.NewManualReader()
	start(t, fxsession.Module, environment("SESSION_STORE_SWEEP_INTERVAL=1ms"), fx.Provide(
		func() metric.MeterProvider { return sdkmetric.NewMeterProvider(sdkmetric.WithReader(metrics)) },
	))
	testkit.Eventually(t, func() error {
		var collected metricdata.ResourceMetrics
		if err := metrics.Collect(t.Context(), &collected); err != nil {
			return err
		}
		for _, scope := range collected.ScopeMetrics {
			if strings.HasSuffix(scope.Scope.Name, "sessions/lifecycle") {
				return nil
			}
		}
		return errors.New("no metrics of the sweeper")
	})
}

// The near cache of Redis is there where the configuration says so, and is
// measured by the provider of the graph.
func TestTheNearCacheOfRedisIsUsedAndMeasured(t *testing.T) {
	t.Parallel()
	metrics := sdkmetric.NewManualReader()
	namespace, _ := apart()
	var s *store.SessionStore
	start(t, fxsession.Module, fx.Populate(&s),
		onRedis(sharedRedis.Get(t).URL(), namespace, "SESSION_STORE_REDIS_CLIENT_CACHE_ENABLED=true"),
		fx.Provide(func() metric.MeterProvider { return sdkmetric.NewMeterProvider(sdkmetric.WithReader(metrics)) }))
	if err := s.Create(t.Context(), aKey, aRecord); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), aKey); err != nil {
		t.Fatal(err)
	}
	var collected metricdata.ResourceMetrics
	if err := metrics.Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			names = append(names, m.Name)
		}
	}
	if want := "session.store.near_cache.loads"; !slices.Contains(names, want) {
		t.Errorf("%s is not among %v", want, names)
	}
}
