package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testbackends"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// env is a Manager over a backend that notes its calls, and a clock that only
// advance moves.
type env struct {
	*testing.T
	*session.Manager
	spy     *spy
	seen    recorder
	harness testbackends.Harness

	mu  sync.Mutex
	now time.Time
}

// eachBackend runs a story against every backend.
func eachBackend(t *testing.T, story func(e *env), changes ...func(*config.SessionConfig)) {
	t.Parallel()
	testbackends.Each(t, func(t *testing.T, h testbackends.Harness) {
		story(newEnvOver(t, h, changes...))
	})
}

// newEnv is for stories in which the backend does not matter.
func newEnv(t *testing.T, changes ...func(*config.SessionConfig)) *env {
	t.Parallel()
	return newEnvOver(t, testbackends.Memory(t), changes...)
}

var testKey = config.NewKey()

func newEnvOver(t *testing.T, h testbackends.Harness, changes ...func(*config.SessionConfig)) *env {
	e := &env{T: t, harness: h, now: time.Now().Truncate(time.Millisecond)}
	e.spy = &spy{Backend: h.Open(t)}
	e.Manager = e.manager(changes...)
	return e
}

// manager makes a further Manager over the same backend.
func (e *env) manager(changes ...func(*config.SessionConfig)) *session.Manager {
	e.Helper()
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{testKey}
	for _, change := range changes {
		change(&cfg)
	}
	return e.managerOver(store.New(e.spy), cfg)
}

// managerOver makes a Manager whose events the environment records.
func (e *env) managerOver(s *store.SessionStore, cfg config.SessionConfig, opts ...session.Option) *session.Manager {
	e.Helper()
	m, err := session.NewManager(cfg, s, append(opts, session.WithClock(e.time), session.WithObserver(&e.seen))...)
	if err != nil {
		e.Fatal(err)
	}
	return m
}

// recorder keeps the events of Managers.
type recorder struct {
	mu     sync.Mutex
	events []session.Event
}

func (r *recorder) Observe(_ context.Context, e session.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// take gives the events since the last time.
func (r *recorder) take() []session.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.events
	r.events = nil
	return events
}

// wantEvents checks which events there were since the last time.
func (e *env) wantEvents(want ...session.EventKind) []session.Event {
	e.Helper()
	events := e.seen.take()
	var got []session.EventKind
	for _, event := range events {
		got = append(got, event.Kind)
	}
	if !slices.Equal(got, want) {
		e.Errorf("the events are %q, want %q", got, want)
		return make([]session.Event, len(want))
	}
	return events
}

func (e *env) time() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now
}

// advance lets d pass, for the sessions and for the backend.
func (e *env) advance(d time.Duration) {
	e.Helper()
	e.mu.Lock()
	e.now = e.now.Add(d)
	e.mu.Unlock()
	e.harness.Advance(e, d)
}

// calls gives what the backend was asked since the last time.
func (e *env) calls() []string {
	e.spy.mu.Lock()
	defer e.spy.mu.Unlock()
	calls := e.spy.made
	e.spy.made = nil
	return calls
}

func (e *env) wantCalls(want ...string) {
	e.Helper()
	if got := e.calls(); !slices.Equal(got, want) {
		e.Errorf("the store was asked %q, want %q", got, want)
	}
}

// spy notes the calls of a backend and, when told so, answers in its place or
// does something first.
type spy struct {
	store.Backend
	mu     sync.Mutex
	made   []string
	last   store.Key // of the record that was created or renewed last
	loads  int       // that were answered
	before func(op string) error
}

func (s *spy) lastKey() store.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *spy) setLast(key store.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = key
}

func (s *spy) note(op string) error {
	s.mu.Lock()
	s.made = append(s.made, op)
	before := s.before
	s.mu.Unlock()
	if before != nil {
		return before(op)
	}
	return nil
}

// fail makes every call of the named operations (all, if none is named) return
// err; nil heals.
func (s *spy) fail(err error, ops ...string) {
	s.intercept(func(op string) error {
		if len(ops) == 0 || slices.Contains(ops, op) {
			return err
		}
		return nil
	})
}

func (s *spy) intercept(before func(op string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

func (s *spy) Create(ctx context.Context, key store.Key, rec store.Record) error {
	if err := s.note("create"); err != nil {
		return err
	}
	s.setLast(key)
	return s.Backend.Create(ctx, key, rec)
}

func (s *spy) Load(ctx context.Context, key store.Key) (store.Record, error) {
	if err := s.note("load"); err != nil {
		return store.Record{}, err
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.loads++
	}()
	return s.Backend.Load(ctx, key)
}

func (s *spy) Update(ctx context.Context, key store.Key, ch store.Change) error {
	if err := s.note("update"); err != nil {
		return err
	}
	return s.Backend.Update(ctx, key, ch)
}

func (s *spy) ChangeKey(ctx context.Context, from, to store.Key, ch store.Change) error {
	if err := s.note("change key"); err != nil {
		return err
	}
	s.setLast(to)
	return s.Backend.ChangeKey(ctx, from, to, ch)
}

func (s *spy) Delete(ctx context.Context, key store.Key) error {
	if err := s.note("delete"); err != nil {
		return err
	}
	return s.Backend.Delete(ctx, key)
}

func (s *spy) ListBySubject(ctx context.Context, subject string) ([]store.Entry, error) {
	if err := s.note("list"); err != nil {
		return nil, err
	}
	return s.Backend.(store.SubjectIndex).ListBySubject(ctx, subject)
}

func (s *spy) DeleteBySubject(ctx context.Context, subject string, except ...store.Key) (int, error) {
	if err := s.note("delete by subject"); err != nil {
		return 0, err
	}
	return s.Backend.(store.SubjectIndex).DeleteBySubject(ctx, subject, except...)
}

// browser is one client of a Manager, with the cookie that it holds.
type browser struct {
	e       *env
	m       *session.Manager
	cookie  *http.Cookie
	agent   string
	address string // of its connections, with a port
}

func (e *env) browser() *browser { return &browser{e: e, m: e.Manager} }

// clone is another client, or another tab, with the same cookie.
func (b *browser) clone() *browser {
	c := *b
	return &c
}

// handler is what a request does with its session.
type handler func(ctx context.Context, s *session.Session) error

// serve runs one request; an error of the handler fails the test. It returns
// the response without the browser having seen it.
func (b *browser) serve(handle handler) *http.Response {
	b.e.Helper()
	return b.serveHTTP(func(_ http.ResponseWriter, r *http.Request) {
		if err := handle(r.Context(), session.FromContext(r.Context())); err != nil {
			b.e.Errorf("handler: %v", err)
		}
	})
}

func (b *browser) serveHTTP(handle http.HandlerFunc) *http.Response {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if b.cookie != nil {
		r.AddCookie(b.cookie)
	}
	if b.agent != "" {
		r.Header.Set("User-Agent", b.agent)
	}
	if b.address != "" {
		r.RemoteAddr = b.address
	}
	w := httptest.NewRecorder()
	b.m.Middleware(handle).ServeHTTP(w, r)
	return w.Result()
}

// visit is serve, and the browser keeps what the response says.
func (b *browser) visit(handle handler) *http.Response {
	b.e.Helper()
	return b.receive(b.serve(handle))
}

// receive keeps the cookie of a response, as a browser does.
func (b *browser) receive(res *http.Response) *http.Response {
	for _, c := range res.Cookies() {
		if c.Name != b.m.CookieName() {
			continue
		}
		if c.MaxAge < 0 {
			b.cookie = nil
		} else {
			b.cookie = &http.Cookie{Name: c.Name, Value: c.Value}
		}
	}
	return res
}

// incoming is what the browser's cookie says.
func (b *browser) incoming() session.Incoming {
	b.e.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if b.cookie != nil {
		r.AddCookie(b.cookie)
	}
	in, ok := b.m.Incoming(r)
	if !ok {
		b.e.Fatal("the browser holds no cookie that opens")
	}
	return in
}

// setCookie gives the session cookie of a response, nil if there is none.
func (b *browser) setCookie(res *http.Response) *http.Cookie {
	b.e.Helper()
	var found *http.Cookie
	for _, c := range res.Cookies() {
		if c.Name == b.m.CookieName() {
			if found != nil {
				b.e.Error("the response sets the cookie twice")
			}
			found = c
		}
	}
	return found
}

type change int

const (
	noCookie change = iota
	aCookie
	aRemoval
)

// wantCookie checks what a response does to the cookie.
func (b *browser) wantCookie(res *http.Response, want change) {
	b.e.Helper()
	got, names := noCookie, []string{"no cookie", "a cookie", "a removal"}
	if c := b.setCookie(res); c != nil {
		if got = aCookie; c.MaxAge < 0 {
			got = aRemoval
		}
	}
	if got != want {
		b.e.Errorf("the response sets %s, want %s", names[got], names[want])
	}
}

// Handlers that the stories are made of.

func nothing(context.Context, *session.Session) error { return nil }

func write(key string, v any) handler {
	return func(ctx context.Context, s *session.Session) error { return s.Set(ctx, key, v) }
}

func writeClient(key string, v any) handler {
	return func(ctx context.Context, s *session.Session) error { return s.Client().Set(ctx, key, v) }
}

func signIn(subject string) handler {
	return func(ctx context.Context, s *session.Session) error { return s.SignIn(ctx, subject) }
}

func cycle(_ context.Context, s *session.Session) error { return s.CycleID() }

func invalidate(_ context.Context, s *session.Session) error { return s.Invalidate() }

// then runs handlers one after the other in one request.
func then(all ...handler) handler {
	return func(ctx context.Context, s *session.Session) error {
		for _, h := range all {
			if err := h(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}
}

// read is a visit that gives a value of the server state as a text, "" if
// there is none.
func (b *browser) read(key string) string {
	b.e.Helper()
	var v string
	b.visit(func(ctx context.Context, s *session.Session) error {
		_, err := s.Get(ctx, key, &v)
		return err
	})
	return v
}

func (b *browser) readClient(key string) string {
	b.e.Helper()
	var v string
	b.visit(func(ctx context.Context, s *session.Session) error {
		_, err := s.Client().Get(ctx, key, &v)
		return err
	})
	return v
}

func (b *browser) subject() string {
	b.e.Helper()
	var v string
	b.visit(func(ctx context.Context, s *session.Session) (err error) {
		v, err = s.Subject(ctx)
		return err
	})
	return v
}

func (b *browser) wantRead(key, want string) {
	b.e.Helper()
	if got := b.read(key); got != want {
		b.e.Errorf("%s is %q, want %q", key, got, want)
	}
}
