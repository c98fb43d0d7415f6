package session_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

// Everything that happens to a session is an event, once, with its keys.
func TestTheLifeOfASessionAsEvents(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.agent, b.address = "Agent/1.0", "192.0.2.1:80"
		b.visit(load)
		b.visit(invalidate)
		e.wantEvents() // nobody has a session

		b.visit(write("k", "v"))
		created := e.wantEvents(session.EventCreated)[0]
		if created.Key != b.key() || created.Subject != "" || !created.At.Equal(e.time()) || created.UserAgent != "Agent/1.0" || created.RemoteAddr != "192.0.2.1" {
			t.Errorf("created: %+v", created)
		}
		b.visit(write("k", "w"))
		b.visit(load)
		e.wantEvents()

		old := b.key()
		b.visit(cycle)
		if renewed := e.wantEvents(session.EventRenewed)[0]; renewed.From != old || renewed.Key != b.key() {
			t.Errorf("renewed: %+v", renewed)
		}
		old = b.key()
		b.visit(signIn("ada"))
		if in := e.wantEvents(session.EventSignedIn)[0]; in.From != old || in.Key != b.key() || in.Subject != "ada" {
			t.Errorf("signed in: %+v", in)
		}
		old = b.key()
		b.visit(then(load, invalidate))
		if out := e.wantEvents(session.EventSignedOut)[0]; out.Key != old || out.Subject != "ada" {
			t.Errorf("signed out: %+v", out)
		}

		b.visit(signIn("ada"))
		if in := e.wantEvents(session.EventCreated, session.EventSignedIn)[1]; in.Key != b.key() || in.From != (store.Key{}) || in.Subject != "ada" {
			t.Errorf("signed in afresh: %+v", in)
		}
		old = b.key()
		b.visit(func(ctx context.Context, _ *session.Session) error { return e.Revoke(ctx, "ada", old) })
		if revoked := e.wantEvents(session.EventRevoked)[0]; revoked.Key != old || revoked.Subject != "ada" || revoked.RemoteAddr != "192.0.2.1" {
			t.Errorf("revoked: %+v", revoked)
		}

		// A reset is the end of one session and, with a write, the beginning of another.
		b.visit(write("k", "v"))
		b.visit(then(func(_ context.Context, s *session.Session) error { return s.Reset() }, write("k", "w")))
		e.wantEvents(session.EventCreated, session.EventSignedOut, session.EventCreated)

		other := b.clone()
		old = other.key()
		other.visit(invalidate)
		b.visit(load)
		if under := e.wantEvents(session.EventSignedOut, session.EventEndedUnder)[1]; under.Key != old {
			t.Errorf("ended under a request: %+v", under)
		}
		b.visit(write("k", "v")) // unread
		e.wantEvents(session.EventEndedUnder)
		e.advance(2 * time.Minute)
		b.visit(load)
		if expired := e.wantEvents(session.EventExpired)[0]; expired.Key != old {
			t.Errorf("expired: %+v", expired)
		}

		b = e.browser()
		b.visit(write("k", "v"))
		old = b.key()
		e.wantEvents(session.EventCreated)
		e.advance(25 * time.Hour)
		b.visit(load)
		if expired := e.wantEvents(session.EventExpired)[0]; expired.Key != old {
			t.Errorf("a cookie that has expired: %+v", expired)
		}
		b.cookie = &http.Cookie{Name: e.CookieName(), Value: "forged"}
		b.visit(load)
		if rejected := e.wantEvents(session.EventCookieRejected)[0]; rejected.Key != (store.Key{}) {
			t.Errorf("rejected: %+v", rejected)
		}
	})
}

// An eviction is a revocation, by the request that signs in.
func TestAnEvictionIsAnEvent(t *testing.T) {
	eachBackend(t, func(e *env) {
		first := e.signedIn("ada")
		e.advance(time.Second)
		e.seen.take()
		e.signedIn("ada")
		if evicted := e.wantEvents(session.EventCreated, session.EventSignedIn, session.EventRevoked)[2]; evicted.Key != first.key() || evicted.Subject != "ada" {
			t.Errorf("evicted: %+v", evicted)
		}
	}, atMost(1, config.MaxSessionsEvictOldest))
}

// The audit log has keys and subjects, and nothing that opens a session.
func TestTheAuditLogHoldsNoSecret(t *testing.T) { // ASVS 5.0, 16.2.5
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	cfg := config.Default()
	m, err := session.NewManager(cfg, store.New(memstore.New()), session.WithObserver(session.AuditLog(zap.New(core))), session.WithObserver(nil))
	if err != nil {
		t.Fatal(err)
	}
	handler := m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		if err := s.Set(r.Context(), "k", "the secret value"); err != nil {
			t.Error(err)
		}
		if err := s.SignIn(r.Context(), "ada"); err != nil {
			t.Error(err)
		}
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("User-Agent", "Agent/1.0")
	r.AddCookie(&http.Cookie{Name: m.CookieName(), Value: "forged-cookie"})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	cookie := w.Result().Cookies()[0]
	next := httptest.NewRequest(http.MethodGet, "/", nil)
	next.AddCookie(cookie)
	in, _ := m.Incoming(next)
	raw := session.RawID(in.ID())
	m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).CycleID(); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(httptest.NewRecorder(), next)

	var lines []string
	for _, entry := range logs.All() {
		lines = append(lines, fmt.Sprint(entry.LoggerName, " ", entry.Message, " ", entry.ContextMap()))
	}
	all := strings.Join(lines, "\n")
	want := []string{
		"session.audit session cookie rejected map[remote_addr:192.0.2.1 user_agent:Agent/1.0]",
		"session.audit session created map[remote_addr:192.0.2.1 session:" + in.ID().Key().String() + " subject:ada user_agent:Agent/1.0]",
		"session.audit session signed in map[remote_addr:192.0.2.1 session:" + in.ID().Key().String() + " subject:ada user_agent:Agent/1.0]",
	}
	if last := logs.All()[logs.Len()-1]; last.Message != "session renewed" || last.ContextMap()["from"] != in.ID().Key().String() {
		t.Errorf("the last line is %v", last)
	}
	for i := range want {
		if i >= len(lines) || lines[i] != want[i] {
			t.Fatalf("the log is\n%s\nwant\n%s", all, strings.Join(want, "\n"))
		}
	}
	for what, secret := range map[string]string{
		"the ID": fmt.Sprintf("%x", raw), "the cookie": cookie.Value, "a forged cookie": "forged-cookie", "a value": "the secret value",
	} {
		if strings.Contains(all, secret) {
			t.Errorf("%s is in the log:\n%s", what, all)
		}
	}
}

// Events and conflicts are counted, by kind alone.
func TestEventsAndConflictsAreCounted(t *testing.T) {
	reader := metric.NewManualReader()
	e := newEnv(t)
	m, err := session.NewManager(config.Default(), store.New(e.spy),
		session.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{e: e, m: m}
	b.visit(write("n", 1))
	b.visit(signIn("ada"))
	n := session.NewField[int]("n")
	b.visit(func(ctx context.Context, s *session.Session) error {
		err := n.Update(ctx, s, func(n int) (int, error) { return n + 1, nil })
		b.clone().visit(write("other", 2))
		return err
	})
	got := map[string]int64{}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			sum, ok := m.Data.(metricdata.Sum[int64])
			if !ok {
				continue
			}
			for _, point := range sum.DataPoints {
				kind, _ := point.Attributes.Value("event")
				got[m.Name+" "+kind.AsString()] = point.Value
			}
		}
	}
	want := map[string]int64{"session.events created": 1, "session.events signed in": 1, "session.conflicts ": 1}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}

func TestAnEventKindHasAName(t *testing.T) {
	t.Parallel()
	for kind := session.EventCreated; kind <= session.EventEndedUnder; kind++ {
		if kind.String() == "unknown" {
			t.Errorf("%d has none", kind)
		}
	}
	if got := (session.EventEndedUnder + 1).String() + session.EventKind(-1).String(); got != "unknownunknown" {
		t.Errorf("others have %q", got)
	}
}

// An event of a session that nobody is signed in with has no subject.
func TestAnEventHasNoSubjectOfAnEarlierSession(t *testing.T) {
	anonymous := func(ctx context.Context, s *session.Session) error {
		if err := s.Set(ctx, "k", "v"); err != nil {
			return err
		}
		if err := s.Sync(ctx); err != nil {
			return err
		}
		return s.Invalidate()
	}
	for name, leave := range map[string]func(e *env, b *browser) handler{
		"revoked": func(e *env, _ *browser) handler {
			return func(ctx context.Context, s *session.Session) error {
				if _, err := e.RevokeAll(ctx, "ada"); err != nil {
					return err
				}
				return s.Reset()
			}
		},
		"deleted, and gone": func(e *env, b *browser) handler {
			return then(load, func(ctx context.Context, s *session.Session) error {
				key := b.key()
				if err := s.Delete(); err != nil {
					return err
				}
				if err := e.spy.Delete(ctx, key); err != nil {
					return err
				}
				e.harness.Advance(e, 2*time.Minute) // its mark is over
				return s.Sync(ctx)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			b := e.signedIn("ada")
			b.visit(then(load, leave(e, b), anonymous))
			for _, event := range e.seen.take() {
				if event.Kind == session.EventSignedOut && event.Subject != "" {
					t.Errorf("the session of nobody: %+v", event)
				}
			}
		})
	}
}

// An eviction says whose request it was, however the sign-in is saved.
func TestAnEvictionSaysWhoseSignInItWas(t *testing.T) {
	for name, save := range map[string]handler{
		"with the response": nothing,
		"by a sync":         func(ctx context.Context, s *session.Session) error { return s.Sync(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, atMost(1, config.MaxSessionsEvictOldest))
			e.signedIn("ada")
			e.advance(time.Second)
			e.seen.take()
			b := e.browser()
			b.agent, b.address = "Agent/1.0", "192.0.2.1:80"
			b.visit(then(signIn("ada"), save))
			if evicted := e.wantEvents(session.EventCreated, session.EventSignedIn, session.EventRevoked)[2]; evicted.UserAgent != "Agent/1.0" || evicted.RemoteAddr != "192.0.2.1" {
				t.Errorf("evicted: %+v", evicted)
			}
		})
	}
}

// observerFunc is an Observer of a function.
type observerFunc func(context.Context, session.Event)

func (f observerFunc) Observe(ctx context.Context, e session.Event) { f(ctx, e) }

// within fails the test when do takes longer than anything in memory can.
func within(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Errorf("%s: it hangs", what)
	}
}

// An Observer that panics is a panic of the request, and not the end of all
// motion.
func TestAnObserverThatPanics(t *testing.T) {
	e := newEnv(t)
	m, err := session.NewManager(config.Default(), store.New(e.spy), session.WithObserver(observerFunc(func(context.Context, session.Event) {
		panic("of the observer")
	})))
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{e: e, m: m, cookie: &http.Cookie{Name: m.CookieName(), Value: "forged"}}
	within(t, "a rejected cookie", func() {
		defer func() {
			if got := recover(); got != "of the observer" {
				t.Errorf("the panic is %v", got)
			}
		}()
		b.visit(load)
	})
}

// An Observer can look at the devices of whoever it hears of.
func TestAnObserverThatListsTheDevices(t *testing.T) {
	e := newEnv(t)
	cfg := config.Default()
	atMost(1, config.MaxSessionsEvictOldest)(&cfg)
	var m *session.Manager
	listed := 0
	m, err := session.NewManager(cfg, store.New(e.spy), session.WithClock(e.time), session.WithObserver(observerFunc(func(ctx context.Context, event session.Event) {
		if event.Subject != "" {
			list, err := m.Sessions(ctx, event.Subject)
			if err != nil {
				t.Error(err)
			}
			listed = len(list)
		}
	})))
	if err != nil {
		t.Fatal(err)
	}
	e.Manager = m
	e.signedIn("ada")
	e.advance(time.Second)
	within(t, "an eviction in a sync", func() {
		e.browser().visit(then(signIn("ada"), func(ctx context.Context, s *session.Session) error { return s.Sync(ctx) }))
		if listed != 1 {
			t.Errorf("%d sessions", listed)
		}
	})
}

// One request with bad cookies is one event, so that a client cannot fill the
// audit log.
func TestManyBadCookiesAreOneEvent(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.cookie = &http.Cookie{Name: e.CookieName(), Value: strings.Repeat("x; "+e.CookieName()+"=", 40) + "x"}
	b.e.Manager.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		e.must(session.FromContext(r.Context()).Load(r.Context()))
	})).ServeHTTP(httptest.NewRecorder(), func() *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", b.cookie.Name+"="+b.cookie.Value)
		return r
	}())
	e.wantEvents(session.EventCookieRejected)
}

// A request that comes with a session whose record is no longer there is an
// event, whatever it does.
func TestARecordThatIsGoneIsAnEvent(t *testing.T) {
	for name, c := range map[string]struct {
		handle handler
		err    error
	}{
		"signed out":           {invalidate, store.ErrNotFound},
		"read, and corrupt":    {load, store.ErrCorrupt},
		"written, and corrupt": {write("k", "v"), store.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			b := e.signedIn("ada")
			key := b.key()
			e.seen.take()
			e.spy.fail(c.err, "load", "update", "delete")
			b.visit(c.handle)
			events := e.seen.take()
			if len(events) == 0 || events[0].Kind != session.EventExpired || events[0].Key != key {
				t.Errorf("the events are %+v", events)
			}
		})
	}
}

// What the request has loaded it knows when the session turns out to have ended.
func TestAnEndUnderADeleteHasItsSubject(t *testing.T) {
	e := newEnv(t)
	b := e.signedIn("ada")
	e.seen.take()
	b.visit(then(load, func(ctx context.Context, s *session.Session) error {
		if err := s.Delete(); err != nil {
			return err
		}
		return e.spy.Delete(ctx, b.key())
	}))
	if under := e.wantEvents(session.EventEndedUnder)[0]; under.Subject != "ada" {
		t.Errorf("ended under it: %+v", under)
	}
}

// Another subject's sign-in ends the session of the one before.
func TestASignInOverAnothersSessionSaysWhoseItWas(t *testing.T) {
	e := newEnv(t)
	b := e.signedIn("ada")
	old := b.key()
	e.seen.take()
	b.visit(then(load, signIn("bob")))
	for _, event := range e.seen.take() {
		if event.Subject == "ada" && (event.Key == old || event.From == old) {
			return
		}
	}
	t.Error("no event says that ada's session has ended")
}

// A cookie beside the one that counts ends no session, and one without a record
// has no key to be told by.
func TestACookieThatHasExpiredAndWhatIsToldOfIt(t *testing.T) {
	e := newEnv(t, func(cfg *config.SessionConfig) {
		cfg.State.ServerStateCreation = config.ServerStateCreationSkipIfEmpty
	})
	past, without, b := e.browser(), e.browser(), e.browser()
	past.visit(write("k", "v"))
	without.visit(writeClient("k", "v"))
	e.advance(25 * time.Hour)
	b.visit(write("k", "v"))
	e.seen.take()

	e.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).Load(r.Context()); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(httptest.NewRecorder(), cookieLine(b, past.cookie.Value, b.cookie.Value))
	e.wantEvents()
	without.visit(load)
	e.wantEvents()
	past.visit(load)
	e.wantEvents(session.EventExpired)
}

// Who signs in again was not signed out.
func TestASignInOfTheSameSubjectEndsNobodys(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.signedIn("ada")
		e.seen.take()
		b.visit(then(load, signIn("ada")))
		e.wantEvents(session.EventSignedIn)
	})
}

// What an Observer does with an event is not cut short by a client that has gone.
func TestAnObserverOutlivesTheClient(t *testing.T) {
	e := newEnv(t)
	told := false
	m := e.managerOver(store.New(e.spy), config.Default(), session.WithObserver(observerFunc(func(ctx context.Context, _ session.Event) {
		told = true
		if err := ctx.Err(); err != nil {
			t.Errorf("its context: %v", err)
		}
	})))
	ctx, cancel := context.WithCancel(t.Context())
	m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		e.must(session.FromContext(r.Context()).Set(r.Context(), "k", "v"))
		cancel()
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
	if !told {
		t.Error("there was no event")
	}
}

// A session that ends between the read and the save of a request that has
// nothing else to save than its TTL is an event, and no fault of the store's.
func TestAnEndUnderAnExtensionIsAnEvent(t *testing.T) {
	e := newEnv(t, ttl10h)
	core, logs := observer.New(zap.WarnLevel)
	cfg := config.Default()
	cfg.Cookie.Keys, cfg.State.TTL = []config.Key{testKey}, 10*time.Hour
	e.Manager = e.managerOver(store.New(e.spy), cfg, session.WithLogger(zap.New(core)))
	b := e.browser()
	b.visit(write("k", "v"))
	e.advance(3 * time.Hour)
	e.seen.take()
	b.wantCookie(b.visit(then(load, func(context.Context, *session.Session) error {
		b.clone().visit(invalidate)
		return nil
	})), noCookie)
	e.wantEvents(session.EventSignedOut, session.EventEndedUnder)
	if logs.Len() > 0 {
		t.Errorf("logged: %v", logs.All())
	}
}
