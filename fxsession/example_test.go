package fxsession_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

// run starts and stops an application.
func run(opts ...fx.Option) {
	app := fx.New(fx.NopLogger, fx.Options(opts...))
	if err := app.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	if err := app.Stop(context.Background()); err != nil {
		fmt.Println(err)
	}
}

// A handler that remembers, behind the chain.
func Example() {
	greet := func(w http.ResponseWriter, r *http.Request, s *session.Session) error {
		name := session.NewField[string]("name")
		if posted := r.FormValue("name"); posted != "" {
			return name.Set(r.Context(), s, posted)
		}
		known, _, err := name.Get(r.Context(), s)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "Hello, %s!", known)
		return err
	}
	visit := func(chain fxsession.Chain) error {
		server := httptest.NewTLSServer(chain.Then(fxsession.HandlerFunc(greet)))
		defer server.Close()
		browser := server.Client()
		browser.Jar, _ = cookiejar.New(nil)
		for _, path := range []string{"/?name=Ada", "/"} {
			res, err := browser.Get(server.URL + path)
			if err != nil {
				return err
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil {
				return err
			}
			if len(body) > 0 {
				fmt.Println(string(body))
			}
		}
		return nil
	}
	run(fxsession.Module, fx.Invoke(visit))
	// Output: Hello, Ada!
}

// The configuration is read from a file, and the environment goes over it.
func ExampleConfig() {
	file := []byte("session: {cookie: {name: shop}, state: {ttl: 1h}}")
	run(
		fxsession.Module,
		fxsession.Config(config.WithBytes("app.yaml", file), config.WithEnviron([]string{"SESSION_STATE_TTL=2h"})),
		fx.Invoke(func(cfg config.SessionConfig, m *session.Manager) {
			fmt.Println(m.CookieName(), cfg.State.TTL)
		}),
	)
	// Output: __Host-shop 2h0m0s
}

// The configuration is read from a file. This example is compiled and not run, as
// are those below that have no output.
func ExampleConfig_file() {
	fx.New(
		fxsession.Module,
		fxsession.Config(config.WithFile("app.yaml")),
		// and the rest of the application
	).Run()
}

// A program builds its configuration; nothing is read.
func ExampleConfig_replaced() {
	cfg := config.Default()
	fx.New(
		fxsession.Module,
		fx.Replace(cfg),
		// and the rest of the application
	).Run()
}

// A program changes the configuration that was loaded.
func ExampleConfig_decorated() {
	fx.New(
		fxsession.Module,
		fx.Decorate(func(cfg config.SessionConfig) config.SessionConfig {
			cfg.Cookie.Name = "shop"
			return cfg
		}),
		// and the rest of the application
	).Run()
}

// What is wrong with the configuration is printed without fx's account of what
// needed it.
func ExampleConfig_invalid() {
	app := fx.New(
		fxsession.Module,
		// and the rest of the application
	)
	if err := app.Err(); err != nil {
		var invalid *config.Error
		if errors.As(err, &invalid) {
			err = invalid
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	app.Run()
}

// An engine of the application's own keeps the sessions.
func ExampleUseBackend() {
	newBackend := func() store.Backend {
		fmt.Println("made")
		return memstore.New()
	}
	run(fxsession.Module, fxsession.UseBackend(newBackend))
	// Output: made
}

// recovery is a constructor of a middleware.
type recoveryResult struct {
	fx.Out

	Middleware fxsession.Middleware `group:"http.middleware"`
}

func newRecovery() recoveryResult {
	return recoveryResult{Middleware: fxsession.Middleware{
		Name:  "recovery",
		Order: fxsession.SessionOrder - 100, // around the session middleware
		Wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() {
					if recover() != nil {
						http.Error(w, "sorry", http.StatusInternalServerError)
					}
				}()
				next.ServeHTTP(w, r)
			})
		},
	}}
}

// A middleware of the application's own takes its place in the chain.
func ExampleChain() {
	run(fxsession.Module, fx.Provide(newRecovery), fx.Invoke(func(chain fxsession.Chain) {
		h := chain.Then(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oops") }))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		fmt.Println(w.Code)
	}))
	// Output: 500
}

// A test gives the configuration itself: nothing is read.
func Example_replaceConfiguration() {
	cfg := config.Default()
	cfg.Cookie.Name = "test"
	run(fxsession.Module, fx.Replace(cfg), fx.Invoke(func(m *session.Manager) {
		fmt.Println(m.CookieName())
	}))
	// Output: __Host-test
}

// A test keeps the sessions of an application on Redis in memory: nothing
// connects.
func Example_replaceBackend() {
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{config.NewKey()}
	cfg.Store.Driver = config.DriverRedis
	cfg.Store.Redis.URL = config.NewSecret("redis://redis.example.com")
	fake := memstore.New()
	run(
		fxsession.Module, fx.Replace(cfg),
		fx.Replace(fx.Annotate(fake, fx.As(new(store.Backend)))),
		fx.Invoke(func(b store.Backend) { fmt.Println(b == fake) }),
	)
	// Output: true
}

// loud is a Backend that says what it does. It embeds the Backend around which
// it is; where that has more abilities, such as store.Pinger, a decoration that
// is to keep them passes them on.
type loud struct{ store.Backend }

func (l loud) Delete(ctx context.Context, key store.Key) error {
	fmt.Println("delete")
	return l.Backend.Delete(ctx, key)
}

// A decoration goes around the Backend, whichever it is.
func Example_decorateBackend() {
	run(
		fxsession.Module,
		fx.Decorate(func(b store.Backend) store.Backend { return loud{b} }),
		fx.Invoke(func(s *store.SessionStore) {
			fmt.Println(s.Delete(context.Background(), store.Key{}))
		}),
	)
	// Output:
	// delete
	// session store: delete: no record is there
}
