package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testbackends"
	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

// A request's state in these measurements: five keys, as an application has them.
type profile struct {
	Name  string `json:"name"`
	Admin bool   `json:"admin"`
}

var (
	userID    = session.NewField[int64]("user_id")
	visits    = session.NewField[int]("visits")
	aProfile  = session.NewField[profile]("profile")
	csrfToken = session.NewField[string]("csrf")
	language  = session.NewField[string]("language")
)

func fill(ctx context.Context, s *session.Session) error {
	return errors.Join(
		userID.Set(ctx, s, 1234567), visits.Set(ctx, s, 42), aProfile.Set(ctx, s, profile{"Ada", true}),
		csrfToken.Set(ctx, s, "0123456789abcdef0123456789abcdef"), language.Set(ctx, s, "en-GB"),
	)
}

func readOne(ctx context.Context, s *session.Session) error {
	v, ok, err := userID.Get(ctx, s)
	if v != 1234567 || !ok {
		return fmt.Errorf("user_id is %d, %v: %w", v, ok, err)
	}
	return nil
}

func readAll(ctx context.Context, s *session.Session) error {
	_, _, err1 := userID.Get(ctx, s)
	_, _, err2 := visits.Get(ctx, s)
	_, _, err3 := aProfile.Get(ctx, s)
	_, _, err4 := csrfToken.Get(ctx, s)
	_, ok, err5 := language.Get(ctx, s)
	if !ok {
		return errors.New("language is not there")
	}
	return errors.Join(err1, err2, err3, err4, err5)
}

func writeOne(ctx context.Context, s *session.Session) error { return visits.Set(ctx, s, 43) }

func login(ctx context.Context, s *session.Session) error {
	return errors.Join(s.CycleID(), userID.Set(ctx, s, 7654321), visits.Set(ctx, s, 1))
}

// bench is a request without a server: what is measured is the middleware.
type bench struct {
	m      *session.Manager
	cookie string
}

func newBench(tb testing.TB, b store.Backend) *bench {
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{testKey}
	m, err := session.NewManager(cfg, store.New(b))
	if err != nil {
		tb.Fatal(err)
	}
	return &bench{m: m, cookie: newCookie(tb, m)}
}

// newCookie is the cookie of a new session of five keys.
func newCookie(tb testing.TB, m *session.Manager) string {
	s := m.New(nil)
	if err := fill(tb.Context(), s); err != nil {
		tb.Fatal(err)
	}
	cookie, err := m.Finalize(tb.Context(), s)
	if err != nil {
		tb.Fatal(err)
	}
	return cookie.Name + "=" + cookie.Value
}

// request gives a function that makes one request with cookie, "" for none.
func request(tb testing.TB, h http.Handler, cookie string) func() {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := testkit.Sink{}
	return func() {
		clear(w)
		h.ServeHTTP(w, r)
	}
}

func (b *bench) handler(tb testing.TB, handle handler) http.Handler {
	return b.m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := handle(r.Context(), session.FromContext(r.Context())); err != nil {
			tb.Error(err)
		}
	}))
}

func TestAllocationsOfARequest(t *testing.T) { // not parallel: it counts what the whole process allocates
	b := newBench(t, memstore.New())
	bare := testing.AllocsPerRun(200, request(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), b.cookie))
	for _, c := range []struct {
		name   string
		handle handler
		cookie string
		most   float64
	}{
		{"no cookie, untouched", nothing, "", 2},
		{"a session, untouched", nothing, b.cookie, 2},
		{"one key read", readOne, b.cookie, 11},
	} {
		if got := testing.AllocsPerRun(200, request(t, b.handler(t, c.handle), c.cookie)) - bare; got > c.most {
			t.Errorf("%s: %v allocations above the bare handler, at most %v are allowed", c.name, got, c.most)
		}
	}
}

func TestRoundTripsToRedis(t *testing.T) {
	t.Parallel()
	var proxy *testserver.Proxy
	h := testbackends.RedisAt(t, func(server string) string {
		proxy = testserver.NewProxy(t, server)
		return proxy.URL()
	})
	e := newEnvOver(t, h)
	b := e.browser()
	b.visit(then(signIn("ada"), fill)) // the connection is made and the scripts are known
	b.visit(login)
	b.visit(writeOne)
	b.visit(load)
	b.visit(invalidate)
	b.visit(fill)
	for _, c := range []struct {
		name   string
		handle handler
		want   int64
	}{
		{"untouched", nothing, 0},
		{"client state read", readClientKeys, 0},
		{"one key read", readOne, 1},
		{"five keys read", readAll, 1},
		{"one key written", writeOne, 1},
		{"read and written", then(readOne, writeOne), 2},
		{"login: a new ID and two writes", login, 1},
		{"sign-in and five writes", then(signIn("ada"), fill), 1},
		{"logout", invalidate, 1},
		{"a new session", fill, 1},
	} {
		before := proxy.RoundTrips()
		b.visit(c.handle)
		if got := proxy.RoundTrips() - before; got != c.want {
			t.Errorf("%s: %d round trips, want %d", c.name, got, c.want)
		}
	}
	e.advance(20 * time.Hour) // below the threshold
	before := proxy.RoundTrips()
	b.visit(readClientKeys)
	if got := proxy.RoundTrips() - before; got != 1 {
		t.Errorf("a touch below the threshold: %d round trips, want 1", got)
	}
}

func BenchmarkRequest(b *testing.B) {
	run := func(name string, h http.Handler, cookie string) {
		b.Run(name, func(b *testing.B) {
			do := request(b, h, cookie)
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
	run("bare", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), "")
	for name, backend := range map[string]store.Backend{
		"memory": memstore.New(),
		"redis":  testbackends.Redis(b).Open(b),
	} {
		bench := newBench(b, backend)
		run(name+"/no_cookie", bench.handler(b, nothing), "")
		run(name+"/untouched", bench.handler(b, nothing), bench.cookie)
		run(name+"/read_one", bench.handler(b, readOne), bench.cookie)
		run(name+"/read_five", bench.handler(b, readAll), bench.cookie)
		run(name+"/write_one", bench.handler(b, writeOne), bench.cookie)
		run(name+"/new_session", bench.handler(b, writeOne), "")
		b.Run(name+"/login", func(b *testing.B) {
			h := bench.handler(b, login)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer() // each login needs a session of its own
				do := request(b, h, newCookie(b, bench.m))
				b.StartTimer()
				do()
			}
		})
	}
}
