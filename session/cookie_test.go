package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testbackends"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

func TestB11_ACookieIsSentOnlyWhenSomethingChangedForTheClient(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		for _, step := range []struct {
			name   string
			handle handler
			cookie change
		}{
			{"nothing yet", nothing, noCookie},
			{"a read of nothing", load, noCookie},
			{"a new session", write("k", "v"), aCookie},
			{"untouched", nothing, noCookie},
			{"a read", load, noCookie},
			{"a write of server state", write("k", "w"), noCookie},
			{"a write of client state", writeClient("k", "w"), aCookie},
			{"a read of client state", readClientKeys, noCookie},
			{"a new ID", cycle, aCookie},
			{"a sign-in", signIn("ada"), aCookie},
			{"the end", invalidate, aRemoval},
			{"after the end", load, noCookie},
		} {
			res := b.visit(step.handle)
			b.wantCookie(res, step.cookie)
			vary, cache := res.Header.Get("Vary"), res.Header.Get("Cache-Control")
			if sent := step.cookie != noCookie; sent != (vary == "Cookie") || sent != (cache == "no-store") {
				t.Errorf("%s: Vary is %q, Cache-Control %q", step.name, vary, cache)
			}
		}
	})
}

func TestB11_VaryAndCacheControlOfTheHandlerAreRespectedAndOverruled(t *testing.T) {
	e := newEnv(t)
	for given, want := range map[string]string{
		"":                        "Cookie",
		"Accept-Encoding":         "Accept-Encoding, Cookie",
		"Accept-Encoding, cookie": "Accept-Encoding, cookie",
		"*":                       "*",
	} {
		res := e.browser().serveHTTP(func(w http.ResponseWriter, r *http.Request) {
			if given != "" {
				w.Header().Set("Vary", given)
			}
			w.Header().Set("Cache-Control", "public, max-age=60")
			for _, name := range overruling {
				w.Header().Set(name, "max-age=60")
			}
			if err := session.FromContext(r.Context()).Set(r.Context(), "k", 1); err != nil {
				t.Error(err)
			}
		})
		if got := strings.Join(res.Header["Vary"], ", "); got != want {
			t.Errorf("Vary: %q becomes %q, want %q", given, got, want)
		}
		if got := res.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control is %q", got)
		}
		for _, name := range overruling {
			if got := res.Header.Get(name); got != "" {
				t.Errorf("%s is %q", name, got)
			}
		}
	}
}

// overruling are headers that some caches obey rather than Cache-Control.
var overruling = []string{"CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Surrogate-Control", "X-Accel-Expires"}

func TestB11_SendAlways(t *testing.T) {
	e := newEnv(t, func(cfg *config.SessionConfig) { cfg.Cookie.Send = config.SendAlways })
	b := e.browser()
	b.wantCookie(b.visit(nothing), noCookie)
	b.visit(write("k", "v"))
	end := b.incoming().ExpiresAt()
	e.calls()
	b.wantCookie(b.visit(nothing), aCookie)
	e.wantCalls()
	b.wantCookie(b.visit(load), aCookie)
	if !b.incoming().ExpiresAt().Equal(end) {
		t.Error("sending the cookie has moved its expiry")
	}
	late := b.clone()
	b.visit(invalidate)
	late.wantCookie(late.visit(load), noCookie)
	e.advance(24 * time.Hour)
	late.wantCookie(late.visit(nothing), aRemoval)
}

func TestTheCookieCarriesWhatTheConfigurationSays(t *testing.T) {
	plain := func(cfg *config.SessionConfig) {}
	for name, c := range map[string]struct {
		change func(*config.SessionConfig)
		want   string // of the cookie, without its value
	}{
		"by default":     {plain, "__Host-session=; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
		"without Secure": {func(cfg *config.SessionConfig) { cfg.Cookie.Secure = false }, "session=; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"},
		"with a domain":  {func(cfg *config.SessionConfig) { cfg.Cookie.Domain = "example.com" }, "__Secure-session=; Path=/; Domain=example.com; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
		"with a path":    {func(cfg *config.SessionConfig) { cfg.Cookie.Path = "/app" }, "__Secure-session=; Path=/app; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
		"all else": {func(cfg *config.SessionConfig) {
			cfg.Cookie.Name, cfg.Cookie.Prefix, cfg.Cookie.Kind = "id", config.PrefixNone, config.KindSession
			cfg.Cookie.SameSite, cfg.Cookie.Partitioned, cfg.Cookie.HTTPOnly = config.SameSiteNone, true, false
		}, "id=; Path=/; Secure; SameSite=None; Partitioned"},
		"strict, __Secure- by name": {func(cfg *config.SessionConfig) {
			cfg.Cookie.Prefix, cfg.Cookie.SameSite = config.PrefixSecure, config.SameSiteStrict
		}, "__Secure-session=; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Strict"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, c.change)
			b := e.browser()
			line := b.visit(write("k", "v")).Header.Get("Set-Cookie")
			if got := strings.Replace(line, b.cookie.Value, "", 1); got != c.want {
				t.Errorf("the cookie is\n%s, want\n%s", got, c.want)
			}
			if len(b.cookie.Value) > 120 {
				t.Errorf("the value takes %d bytes", len(b.cookie.Value))
			}
			// The removal carries every attribute of what it removes.
			removal := b.visit(invalidate).Header.Get("Set-Cookie")
			want := strings.Replace(c.want, " Max-Age=86400;", "", 1)
			got := strings.Replace(strings.Replace(removal, " Max-Age=0;", "", 1), " Expires=Thu, 01 Jan 1970 00:00:01 GMT;", "", 1)
			if got != want || got == removal {
				t.Errorf("the removal is\n%s, want\n%s", removal, want)
			}
		})
	}
}

func TestAPersistentCookieCountsDown(t *testing.T) {
	e := newEnv(t, ttl10h)
	b := e.browser()
	b.visit(write("k", "v"))
	e.advance(90 * time.Minute)
	if c := b.setCookie(b.visit(cycle)); c.MaxAge != 510*60 {
		t.Errorf("Max-Age is %d with 510 minutes left", c.MaxAge)
	}
}

func cookieLine(b *browser, values ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	var pairs []string
	for _, v := range values {
		pairs = append(pairs, b.m.CookieName()+"="+v)
	}
	r.Header.Set("Cookie", strings.Join(pairs, "; "))
	return r
}

func TestB12_OfSeveralCookiesTheFirstThatVerifiesCounts(t *testing.T) {
	e := newEnv(t)
	first, second, past := e.browser(), e.browser(), e.browser()
	past.visit(write("k", "past"))
	e.advance(24 * time.Hour)
	first.visit(write("k", "first"))
	second.visit(write("k", "second"))
	a, b, p := first.cookie.Value, second.cookie.Value, past.cookie.Value
	for name, c := range map[string]struct {
		request *http.Request
		want    session.ID
	}{
		"one":                         {cookieLine(first, a), first.incoming().ID()},
		"two":                         {cookieLine(first, b, a), second.incoming().ID()},
		"a bad sibling":               {cookieLine(first, "garbage", a), first.incoming().ID()},
		"an empty sibling":            {cookieLine(first, "", a), first.incoming().ID()},
		"a sibling that has expired":  {cookieLine(first, p, a), first.incoming().ID()},
		"a sibling that is too long":  {cookieLine(first, strings.Repeat("A", 5000), a), first.incoming().ID()},
		"seven bad siblings":          {cookieLine(first, "1", "2", "3", "4", "5", "6", "7", a), first.incoming().ID()},
		"more than anybody has":       {cookieLine(first, append(slices.Repeat([]string{"x"}, 64), a)...), session.ID{}},
		"only an expired one":         {cookieLine(first, p), session.ID{}},
		"in quotes":                   {cookieLine(first, `"`+a+`"`), first.incoming().ID()},
		"among others":                {withHeader("Cookie", "a=b;c ; ="+"x;  "+first.cookie.String()+";d=e"), first.incoming().ID()},
		"in a second header":          {withHeader("Cookie", "a=b", first.cookie.String()), first.incoming().ID()},
		"behind a megabyte of others": {withHeader("Cookie", strings.Repeat("a=b;", 1<<18)+first.cookie.String()), first.incoming().ID()},
		"malformed":                   {withHeader("Cookie", ";;;===;\x00\xff=;"+first.m.CookieName()), session.ID{}},
		"its name in another case":    {withHeader("Cookie", strings.ToUpper(first.m.CookieName())+"="+a), session.ID{}},
	} {
		in, ok := e.Incoming(c.request)
		if in.ID() != c.want || ok != !c.want.IsZero() {
			t.Errorf("%s: another session, or none: %v", name, ok)
		}
	}
}

func withHeader(name string, lines ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header[name] = lines
	return r
}

func TestB13_ACookieThatDoesNotOpenIsNoSessionAndIsCounted(t *testing.T) {
	reader := metric.NewManualReader()
	e := newEnv(t)
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{testKey}
	m, err := session.NewManager(cfg, store.New(e.spy),
		session.WithClock(e.time), session.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
	if err != nil {
		t.Fatal(err)
	}
	e.Manager = m
	b := e.browser()
	b.visit(write("k", "v"))
	good := b.cookie.Value
	foreign := &browser{e: e, m: e.manager(func(cfg *config.SessionConfig) { cfg.Cookie.Keys = []config.Key{config.NewKey()} })}
	foreign.visit(write("k", "v"))
	renamed := &browser{e: e, m: e.manager(func(cfg *config.SessionConfig) { cfg.Cookie.Name = "other" })}
	renamed.visit(write("k", "v"))
	signed := &browser{e: e, m: e.manager(func(cfg *config.SessionConfig) { cfg.Cookie.Crypto = config.CryptoSign })}
	signed.visit(write("k", "v"))
	e.calls()
	bad := []string{foreign.cookie.Value, renamed.cookie.Value, signed.cookie.Value, good + "A", "A" + good, good[:len(good)-1], good[4:], "=", "%", "!", strings.ToLower(good)}
	for i := range good { // every single character tampered with
		c := byte('A')
		if good[i] == c {
			c = 'B'
		}
		bad = append(bad, good[:i]+string(c)+good[i+1:])
	}
	for _, value := range bad {
		b.cookie = &http.Cookie{Name: b.m.CookieName(), Value: value}
		res := b.serve(load)
		if res.StatusCode != 200 {
			t.Errorf("status %d for %q", res.StatusCode, value)
		}
		b.wantCookie(res, noCookie)
	}
	e.wantCalls()
	if got := counted(t, reader, "session.cookies.rejected"); got != int64(len(bad)) {
		t.Errorf("%d of %d are counted", got, len(bad))
	}
}

// Who signs out is to have no cookie left, also where it opens nothing here: it
// may elsewhere, where the keys have been changed already.
func TestASignOutRemovesACookieThatDoesNotOpen(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	for _, end := range []handler{
		func(ctx context.Context, s *session.Session) error { return s.SignOut(ctx) },
		func(ctx context.Context, s *session.Session) error { return s.Reset() },
	} {
		b.cookie = &http.Cookie{Name: b.m.CookieName(), Value: "forged"}
		b.wantCookie(b.serve(load), noCookie)
		b.wantCookie(b.serve(end), aRemoval)
		b.cookie = nil
		b.wantCookie(b.serve(end), noCookie)
	}
	e.wantCalls()
}

// counted sums up a counter.
func counted(t *testing.T, reader metric.Reader, name string) (sum int64) {
	t.Helper()
	for _, n := range countedBy(t, reader, name, "") {
		sum += n
	}
	return sum
}

// countedBy gives what a counter has for each value of an attribute.
func countedBy(t *testing.T, reader metric.Reader, name string, by attribute.Key) map[string]int64 {
	t.Helper()
	counts := map[string]int64{}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name == name {
				for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
					value, _ := point.Attributes.Value(by)
					counts[value.AsString()] += point.Value
				}
			}
		}
	}
	return counts
}

func TestKeysRotate(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(then(write("k", "v"), writeClient("k", "c")))
	next := config.NewKey()
	both := e.manager(func(cfg *config.SessionConfig) { cfg.Cookie.Keys = []config.Key{next, testKey} })
	b.m = both
	b.wantRead("k", "v")
	b.visit(cycle) // sealed with the first key from here on
	b.m = e.manager(func(cfg *config.SessionConfig) { cfg.Cookie.Keys = []config.Key{next} })
	b.wantRead("k", "v")
	if got := b.readClient("k"); got != "c" {
		t.Errorf("the client state is %q", got)
	}
}

func TestASignedCookieHoldsASessionButNoClientState(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(write("k", "v"))
		b.wantRead("k", "v")
		b.visit(func(ctx context.Context, s *session.Session) error {
			for _, err := range []error{
				s.Client().Set(ctx, "k", 1),
				session.NewField[int]("k").Update(ctx, s.Client(), func(n int) (int, error) { return n, nil }),
			} {
				if !errors.Is(err, session.ErrEncryptionRequired) {
					t.Errorf("a write of client state: %v", err)
				}
			}
			return nil
		})
	}, func(cfg *config.SessionConfig) { cfg.Cookie.Crypto = config.CryptoSign })
}

func TestACookieThatWouldBeTooLargeIsAnErrorAtSet(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(writeClient("a", strings.Repeat("x", 1000)))
	b.visit(func(ctx context.Context, s *session.Session) error {
		if err := s.Client().Set(ctx, "b", strings.Repeat("x", 3000)); !errors.Is(err, session.ErrCookieTooLarge) {
			t.Errorf("Set = %v", err)
		}
		keys, err := s.Client().Keys(ctx)
		if fmt.Sprint(keys) != "[a]" {
			t.Errorf("a refused Set leaves %v", keys)
		}
		return errors.Join(err, s.Client().Set(ctx, "a", "small"), s.Client().Set(ctx, "b", strings.Repeat("x", 2800)))
	})
	// As much as fits, to the byte, and never more than a browser takes.
	largest := 0
	b.visit(func(ctx context.Context, s *session.Session) error {
		if err := s.Client().Clear(ctx); err != nil {
			return err
		}
		for n := 2500; n < 3100; n++ {
			if s.Client().Set(ctx, "b", strings.Repeat("x", n)) == nil {
				largest = n
			}
		}
		return nil
	})
	if size := len(b.cookie.Name) + len(b.cookie.Value); largest < 2900 || size > 4096 || size < 4040 {
		t.Errorf("the largest value is %d bytes, in a cookie of %d", largest, size)
	}
	var got string
	b.visit(func(ctx context.Context, s *session.Session) error {
		_, err := s.Client().Get(ctx, "b", &got)
		return err
	})
	if len(got) != largest {
		t.Errorf("%d bytes come back", len(got))
	}
	b.visit(then(cycle, signIn("ada"))) // fits with a record too
}

func TestNewManagerWithoutKeys(t *testing.T) {
	t.Parallel()
	e := newEnvOver(t, testbackends.Memory(t))
	cfg := config.Default()
	core, logs := observer.New(zap.WarnLevel)
	if _, err := session.NewManager(cfg, store.New(e.spy), session.WithLogger(zap.New(core))); err != nil {
		t.Errorf("with the memory store: %v", err)
	}
	if all := logs.All(); len(all) != 1 || !strings.Contains(all[0].Message, "session.cookie.keys") {
		t.Errorf("the log has %v", all)
	}
	for _, driver := range []config.StoreDriver{config.DriverRedis, config.DriverSQL} {
		cfg.Store.Driver, cfg.Store.SQL.Dialect = driver, config.DialectSQLite
		if _, err := session.NewManager(cfg, store.New(e.spy)); !errors.Is(err, session.ErrNoKeys) || !strings.Contains(err.Error(), "openssl rand -base64 32") {
			t.Errorf("with %s: %v", driver, err)
		}
	}
	cfg.State.TTL = 0
	var wrong *config.Error
	if _, err := session.NewManager(cfg, store.New(e.spy)); !errors.As(err, &wrong) {
		t.Errorf("with a configuration that is not valid: %v", err)
	}
	if _, err := session.NewManager(config.Default(), nil); err == nil {
		t.Error("without a store there is no error")
	}
}

func TestNewAndFinalizeServeOtherTransports(t *testing.T) {
	eachBackend(t, func(e *env) {
		ctx := t.Context()
		s := e.New(nil)
		if err := errors.Join(s.Set(ctx, "k", "v"), s.Client().Set(ctx, "c", "w")); err != nil {
			t.Fatal(err)
		}
		cookie, err := e.Finalize(ctx, s)
		if err != nil || cookie == nil {
			t.Fatalf("Finalize = %v, %v", cookie, err)
		}
		if again, err := e.Finalize(ctx, s); again != nil || err != nil {
			t.Errorf("a second Finalize = %v, %v", again, err)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(cookie)
		in, ok := e.Incoming(r)
		if !ok || string(in.Client()["c"]) != `"w"` {
			t.Fatalf("Incoming = %v, %v", in, ok)
		}
		clear(in.Client()["c"]) // a copy
		var got, client string
		s = e.New(&in)
		if _, err := s.Get(ctx, "k", &got); err != nil || got != "v" {
			t.Errorf("k is %q, %v", got, err)
		}
		s = e.Open(r)
		if _, err := s.Client().Get(ctx, "c", &client); err != nil || client != "w" {
			t.Errorf("c is %q, %v", client, err)
		}
		if err := s.Invalidate(); err != nil {
			t.Fatal(err)
		}
		if removal, err := e.Finalize(ctx, s); err != nil || removal == nil || removal.MaxAge >= 0 {
			t.Errorf("Finalize = %v, %v", removal, err)
		}
		none := session.Incoming{}
		if none.HasRecord() || !none.ID().IsZero() || !none.BeganAt().IsZero() || !none.ExpiresAt().IsZero() || none.Client() != nil || none.ID().Key() != (store.Key{}) {
			t.Error("the zero Incoming says something")
		}
		e.spy.fail(errors.New("down"))
		s = e.New(&none)
		if err := s.Set(ctx, "k", 1); err != nil {
			t.Fatal(err)
		}
		if cookie, err := e.Finalize(ctx, s); cookie != nil || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Finalize = %v, %v", cookie, err)
		}
	})
}

// fuzzCookie is a cookie that fuzzManager has made, with a client state and
// without a record.
const fuzzCookie = "ARUbi2hVSSN5oTftwgABU_Sxt6mAk0xSrUpHhztIG-VynceD6oD1eCaaM230U_ylh0DFRXfAnvAHG06MXOeH"

func fuzzManager(tb testing.TB) *session.Manager {
	key, err := config.ParseKey("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	if err != nil {
		tb.Fatal(err)
	}
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{key}
	cfg.State.ServerStateCreation = config.ServerStateCreationSkipIfEmpty
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	m, err := session.NewManager(cfg, store.New(nilBackend{}), session.WithClock(func() time.Time { return noon }))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestACookieOfAnEarlierReleaseOpens(t *testing.T) { // the format is a promise
	t.Parallel()
	m := fuzzManager(t)
	in, ok := m.Incoming(withHeader("Cookie", m.CookieName()+"="+fuzzCookie))
	if !ok || string(in.Client()["k"]) != `"v"` || in.HasRecord() || !in.BeganAt().Equal(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("it says %v, client state %v, began %v", ok, in.Client(), in.BeganAt())
	}
}

func TestAPayloadOfAnotherFormDoesNotOpen(t *testing.T) {
	t.Parallel()
	m := fuzzManager(t)
	good := []byte{0, 0x80, 0xb0, 0xa9, 0xd3, 0xb7, 0x33, 0x80, 0xb8, 0x99, 0x29}
	if _, ok := session.OpenPayload(m, good); !ok {
		t.Fatal("the payload that the others are made of does not open")
	}
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	for name, payload := range map[string][]byte{
		"nothing":                  {},
		"an unknown flag":          append([]byte{16}, good[1:]...),
		"two kinds of cookie":      append([]byte{2 | 4}, good[1:]...),
		"a TTL that is missing":    append([]byte{8}, good[1:]...),
		"a TTL of nothing":         append(append([]byte{8}, good[1:]...), 0),
		"a TTL out of range":       append(append([]byte{8}, good[1:]...), huge...),
		"flags alone":              {0},
		"a record without an ID":   append([]byte{1}, good[1:]...),
		"half an ID":               {1, 1, 2, 3, 4, 5, 6, 7, 8},
		"a beginning cut short":    good[:4],
		"no expiry":                good[:7],
		"an expiry cut short":      good[:9],
		"a beginning out of range": append(append([]byte{0}, huge...), good[7:]...),
		"an expiry out of range":   append(append([]byte{}, good[:7]...), huge...),
		"a client state of nobody": append(append([]byte{}, good...), 9, 9, 9),
	} {
		if _, ok := session.OpenPayload(m, payload); ok {
			t.Errorf("%s: it opens", name)
		}
	}
}

func FuzzCookie(f *testing.F) {
	m := fuzzManager(f)
	name := m.CookieName()
	f.Add(name + "=" + fuzzCookie)
	f.Add(name + `="` + fuzzCookie + `"; a=b`)
	f.Add(name + "=;" + name + "=" + fuzzCookie[:20] + ";;=; =")
	f.Fuzz(func(t *testing.T, line string) {
		in, ok := m.Incoming(withHeader("Cookie", line))
		if ok && !strings.Contains(line, fuzzCookie) {
			t.Errorf("%q opens, with %v", line, in.Client())
		}
	})
}

func FuzzPayload(f *testing.F) {
	m := fuzzManager(f)
	f.Add([]byte{})
	f.Add([]byte{0, 1, 1})
	f.Add([]byte{1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0x80, 0x80, 1, 1, 1, 1, 1, 'k', '1'})
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1})
	f.Fuzz(func(t *testing.T, payload []byte) {
		in, ok := session.OpenPayload(m, payload)
		if ok && !in.ExpiresAt().After(in.BeganAt()) {
			t.Errorf("%x opens, and ends %v before it began", payload, in.BeganAt().Sub(in.ExpiresAt()))
		}
	})
}

// nilBackend is for tests that call no store.
type nilBackend struct{ store.Backend }

// A cookie that is sent though the request has not touched its session says how
// much is left, not how much there was.
func TestB11_ACookieThatIsAlwaysSentCountsDown(t *testing.T) {
	e := newEnv(t, ttl10h, func(cfg *config.SessionConfig) { cfg.Cookie.Send = config.SendAlways })
	b := e.browser()
	b.visit(write("k", "v"))
	e.advance(time.Hour)
	if c := b.setCookie(b.visit(nothing)); c == nil || c.MaxAge != 9*60*60 {
		t.Errorf("with nine hours left the cookie is %v", c)
	}
}

// A browser counts whole seconds: the cookie stays for the last of them, as the
// session does.
func TestMaxAgeIsRoundedUp(t *testing.T) {
	for ttl, want := range map[time.Duration]int{time.Millisecond: 1, time.Second: 1, 1001 * time.Millisecond: 2} {
		t.Run(ttl.String(), func(t *testing.T) {
			e := newEnv(t, func(cfg *config.SessionConfig) { cfg.State.TTL = ttl })
			b := e.browser()
			if c := b.setCookie(b.visit(write("k", "v"))); c == nil || c.MaxAge != want {
				t.Errorf("the cookie is %v, want Max-Age=%d", c, want)
			}
		})
	}
}

// Old browsers know no Max-Age: the removal says when, too.
func TestARemovalIsOneInBothWays(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("k", "v"))
	removal := b.visit(invalidate).Header.Get("Set-Cookie")
	for _, want := range []string{"; Max-Age=0;", "; Expires=Thu, 01 Jan 1970 00:00:01 GMT;"} {
		if !strings.Contains(removal, want) {
			t.Errorf("%q is not in %q", want, removal)
		}
	}
}

// What is told once need not be told again.
func TestFinalizeRemovesACookieOnce(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("k", "v"))
	in := b.incoming()
	s := e.New(&in)
	if err := s.Invalidate(); err != nil {
		t.Fatal(err)
	}
	if removal, err := e.Finalize(t.Context(), s); err != nil || removal == nil || removal.MaxAge >= 0 {
		t.Errorf("Finalize = %v, %v", removal, err)
	}
	if again, err := e.Finalize(t.Context(), s); err != nil || again != nil {
		t.Errorf("a second Finalize = %v, %v", again, err)
	}
}
