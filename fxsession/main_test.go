package fxsession_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/internal/testserver"
)

var sharedRedis testserver.SharedRedis

// rueidisSleeps is a single sleep, which rueidis does not cut short when it is
// closed.
var rueidisSleeps = goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")

func TestMain(m *testing.M) {
	code := m.Run()
	sharedRedis.Stop()
	if err := goleak.Find(rueidisSleeps); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// environment keeps what is set on the machine out of a test, and puts what
// the test needs in its place.
func environment(variables ...string) fx.Option {
	return fxsession.Config(config.WithEnviron(variables))
}

// onRedis is the environment for sessions in the Redis of a URL.
func onRedis(url string, more ...string) fx.Option {
	return environment(append([]string{
		"SESSION_STORE_DRIVER=redis",
		"SESSION_STORE_REDIS_URL=" + url,
		"SESSION_COOKIE_KEYS=" + config.NewKey().Reveal(),
	}, more...)...)
}

// apart keeps the keys of a test apart from those of all others on the shared
// Redis.
func apart() (variable, namespace string) {
	namespace = rand.Text() + ":"
	return "SESSION_STORE_REDIS_NAMESPACE=" + namespace, namespace
}

// start starts an application, and stops it with the test.
func start(t *testing.T, opts ...fx.Option) *fx.App {
	t.Helper()
	app := fx.New(fx.NopLogger, fx.Options(opts...))
	if err := app.Start(within(t)); err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := app.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return app
}

// within is a context that is long enough for anything that a test starts.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// browser gives a client with a cookie jar for h on a server of its own.
func browser(t *testing.T, h http.Handler) (client *http.Client, url string) {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	client = server.Client()
	client.Jar, _ = cookiejar.New(nil)
	return client, server.URL
}
