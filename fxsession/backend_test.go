package fxsession_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/fx"

	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

// fake is a Backend that is not one of ours to the eye of fx.
type fake struct{ store.Backend }

func newFake() *fake { return &fake{memstore.New()} }

func newBackendThatNeeds(missing) store.Backend { return newFake() }

// closeRecorder is a Backend that is an io.Closer.
type closeRecorder struct {
	store.Backend
	onClose func()
}

func (b *closeRecorder) Close() error { b.onClose(); return nil }

// holds reports whether b has a record under key.
func holds(t *testing.T, b store.Backend, key store.Key) bool {
	t.Helper()
	_, err := b.Load(t.Context(), key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

var (
	aKey    = store.Key{1}
	aRecord = store.Record{Subject: "ada", TTL: time.Minute}
)

func TestUseBackendPutsTheApplicationsOwnInPlace(t *testing.T) {
	t.Parallel()
	own := newFake()
	for name, ctor := range map[string]any{
		"interface":         func() store.Backend { return own },
		"type of its own":   func() *fake { return own },
		"with an error":     func() (*fake, error) { return own, nil },
		"with a dependency": func(string) *fake { return own },
		"with several":      func(fx.Lifecycle, string) (store.Backend, error) { return own, nil },
		"with a params struct": func(struct {
			fx.In
			Name string
		},
		) *fake {
			return own
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s *store.SessionStore
			// Under any driver: the Redis of the configuration does not exist.
			start(t, fxsession.Module, onRedis("redis://127.0.0.1:1"), fx.Supply("a dependency"),
				fxsession.UseBackend(ctor), fx.Populate(&s))
			key := store.Key{byte(len(name))}
			if err := s.Create(t.Context(), key, aRecord); err != nil {
				t.Fatal(err)
			}
			if !holds(t, own, key) {
				t.Error("the record is somewhere else")
			}
		})
	}
}

func TestUseBackendSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		opts fx.Option
		want string
	}{
		"nil":          {fxsession.UseBackend(nil), "UseBackend needs a constructor, not a <nil>"},
		"nil function": {fxsession.UseBackend((func() store.Backend)(nil)), "UseBackend needs a constructor that returns"},
		"a value":      {fxsession.UseBackend(newFake()), "UseBackend needs a constructor, not a *fxsession_test.fake"},
		"nothing":      {fxsession.UseBackend(func() {}), "UseBackend needs a constructor that returns"},
		"no error":     {fxsession.UseBackend(func() (*fake, int) { return nil, 0 }), "UseBackend needs a constructor that returns"},
		"twice": {
			fx.Options(fxsession.UseBackend(newFake), fxsession.UseBackend(memstoreBackend)),
			"UseBackend is there more than once",
		},
		"the same twice": {
			fx.Options(fxsession.UseBackend(newFake), fxsession.UseBackend(newFake)),
			"already provided",
		},
		"it fails": {fxsession.UseBackend(func() (*fake, error) { return nil, boom }), "boom"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := fx.New(fx.NopLogger, fxsession.Module, environment(), test.opts).Err()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// A Backend that is nil would panic at the first request.
func TestABackendThatIsNilFailsTheStart(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]fx.Option{
		"an interface":      fxsession.UseBackend(func() store.Backend { return nil }),
		"a pointer":         fxsession.UseBackend(func() (*fake, error) { return nil, nil }),
		"by a decoration":   fx.Decorate(func(store.Backend) store.Backend { return nil }),
		"by a replacement":  fx.Replace(fx.Annotate((*fake)(nil), fx.As(new(store.Backend)))),
		"decorated to none": fx.Options(fxsession.UseBackend(newFake), fx.Decorate(func(store.Backend) store.Backend { return (*fake)(nil) })),
	} {
		err := fx.New(fx.NopLogger, fxsession.Module, environment(), opt).Err()
		if want := "fxsession: the store.Backend is nil"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

func memstoreBackend() store.Backend { return memstore.New() }

// F2: the error names the constructor, its file and what is missing.
func TestF2_ABackendWithAMissingDependencyIsNamed(t *testing.T) {
	t.Parallel()
	err := fx.New(fx.NopLogger, fxsession.Module, environment(), fxsession.UseBackend(newBackendThatNeeds)).Err()
	for _, want := range []string{"newBackendThatNeeds", "backend_test.go", "fxsession_test.missing"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

func TestTheMemoryStoreIsBoundedByTheConfiguration(t *testing.T) {
	t.Parallel()
	var s *store.SessionStore
	start(t, fxsession.Module, environment("SESSION_STORE_MEMORY_MAX_SESSIONS=1"), fx.Populate(&s))
	if err := s.Create(t.Context(), store.Key{1}, aRecord); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), store.Key{2}, aRecord); !errors.Is(err, store.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
}

// Every operation reaches the Redis of the configuration, with the first call,
// and nothing does after the stop.
func TestTheStoreOnRedis(t *testing.T) {
	t.Parallel()
	redis := sharedRedis.Get(t)
	namespace, _ := apart()
	var s *store.SessionStore
	app := fx.New(fx.NopLogger, fxsession.Module, onRedis(redis.URL(), namespace), fx.Populate(&s))
	if err := app.Start(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), aKey, aRecord); err != nil {
		t.Fatal(err)
	}
	operations := func() map[string]error {
		_, load := s.Load(t.Context(), aKey)
		_, sweep := s.DeleteExpired(t.Context(), 0)
		return map[string]error{
			"create":         s.Create(t.Context(), store.Key{2}, aRecord),
			"load":           load,
			"update":         s.Update(t.Context(), aKey, store.Change{TTL: time.Hour}),
			"change key":     s.ChangeKey(t.Context(), aKey, store.Key{3}, store.Change{}),
			"delete":         s.Delete(t.Context(), store.Key{3}),
			"delete expired": sweep,
			"ping":           s.Ping(t.Context()),
		}
	}
	for name, err := range operations() {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := app.Stop(within(t)); err != nil {
		t.Fatal(err)
	}
	for name, err := range operations() {
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "the store is closed") {
			t.Errorf("%s after the stop: got %v", name, err)
		}
	}
}

// The first calls may be many at once: they share one client, and one that
// gives up does not wait for the others.
func TestTheFirstCallsShareTheClient(t *testing.T) {
	t.Parallel()
	redis := testserver.Redis(t)
	proxy := testserver.NewProxy(t, redis.Addr())
	var s *store.SessionStore
	app := fx.New(fx.NopLogger, fxsession.Module, onRedis(proxy.URL()), fx.Populate(&s))
	if err := app.Err(); err != nil {
		t.Fatal(err)
	}

	proxy.Stall()
	var calls sync.WaitGroup
	for range 10 {
		calls.Go(func() {
			if err := s.Ping(t.Context()); err != nil {
				t.Errorf("ping: %v", err)
			}
		})
	}
	impatient, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Ping(impatient); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the one that gives up got %v", err)
	}
	proxy.Resume()
	calls.Wait()

	watcher := connect(t, redis.URL())
	if got := connections(t, watcher); got > 5 { // a client has a few, and there is one
		t.Errorf("%d connections, want those of one client beside the watcher's", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func connect(t *testing.T, url string) rueidis.Client {
	t.Helper()
	option, err := rueidis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// A client from the graph is used, under the configured namespace, and still
// open when the application has stopped.
func TestAClientFromTheGraphIsUsedAndNotClosed(t *testing.T) {
	t.Parallel()
	client := connect(t, sharedRedis.Get(t).URL())
	variable, namespace := apart()
	var s *store.SessionStore
	app := fx.New(fx.NopLogger, fxsession.Module, onRedis("", variable), fx.Populate(&s),
		fx.Supply(fx.Annotate(client, fx.As(new(rueidis.Client)))))
	if err := app.Start(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), aKey, aRecord); err != nil {
		t.Fatal(err)
	}
	if err := app.Stop(within(t)); err != nil {
		t.Fatal(err)
	}
	name := namespace + aKey.String()
	n, err := client.Do(t.Context(), client.B().Exists().Key(name).Build()).AsInt64()
	if n != 1 || err != nil {
		t.Errorf("EXISTS %s: %d, %v", name, n, err)
	}
}

func TestBothOrNeitherOfURLAndClientIsAnError(t *testing.T) {
	t.Parallel()
	url := sharedRedis.Get(t).URL()
	client := fx.Supply(fx.Annotate(connect(t, url), fx.As(new(rueidis.Client))))
	for name, test := range map[string]struct {
		opts fx.Option
		want string
	}{
		"neither": {onRedis(""), "set session.store.redis.url, or provide a rueidis.Client"},
		"both":    {fx.Options(onRedis(url), client), "there are both session.store.redis.url and a rueidis.Client"},
		"a client, and how to connect one": {
			fx.Options(onRedis("", "SESSION_STORE_REDIS_USERNAME=app", "SESSION_STORE_REDIS_PASSWORD=hush", "SESSION_STORE_REDIS_TLS_ENABLED=true"), client),
			"session.store.redis.username, session.store.redis.password, session.store.redis.tls would have no effect: remove what is set",
		},
		"a client that cannot be made": {
			fx.Options(onRedis(""), fx.Provide(func(missing) rueidis.Client { return nil })),
			"fx has left it out because it needs something that is missing",
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
