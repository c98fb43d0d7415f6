package session_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testbackends"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// site is a real server over HTTP/1.1 or HTTP/2.
type site struct {
	*env
	*httptest.Server
	client *http.Client
}

// overHTTP runs a story over real HTTP/1.1 and HTTP/2 servers.
func overHTTP(t *testing.T, story func(t *testing.T, serve func(e *env, h http.Handler) site)) {
	t.Parallel()
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(version, func(t *testing.T) {
			story(t, func(e *env, h http.Handler) site {
				server := httptest.NewUnstartedServer(h)
				server.EnableHTTP2 = version == "HTTP/2.0"
				server.Config.ErrorLog = quiet
				server.StartTLS()
				e.Cleanup(server.Close)
				client := server.Client()
				client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				return site{e, server, client}
			})
		})
	}
}

// get makes a request with method and gives the response with its body.
func (s site) get(method, path string, cookie *http.Cookie) (*http.Response, string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.URL+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	if cookie != nil {
		r.AddCookie(cookie)
	}
	res, err := s.client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	return res, string(body)
}

// touch begins a session in a handler.
func (e *env) touch(r *http.Request) {
	if err := session.FromContext(r.Context()).Set(r.Context(), "k", "v"); err != nil {
		e.Errorf("Set: %v", err)
	}
}

func TestB1B2_HoweverTheResponseBeginsTheCookieIsThereOnceAfterOneSave(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("body"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		status int
		body   string
	}{
		"nothing":        {func(http.ResponseWriter, *http.Request) {}, 200, ""},
		"Write":          {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("body")) }, 200, "body"},
		"Write twice":    {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("bo")); w.Write([]byte("dy")) }, 200, "body"},
		"an empty Write": {func(w http.ResponseWriter, _ *http.Request) { w.Write(nil) }, 200, ""},
		"WriteString":    {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "body") }, 200, "body"},
		"201":            {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.Write([]byte("body")) }, 201, "body"},
		"204":            {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 204, ""},
		"302":            {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there", http.StatusFound) }, 302, "<a href=\"/there\">Found</a>.\n\n"},
		"304":            {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, 304, ""},
		"500":            {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "body", 500) }, 500, "body\n"},
		"Flush":          {func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); w.Write([]byte("body")) }, 200, "body"},
		"FlushError": {func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
		}, 200, ""},
		"ReadFrom":          {func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, strings.NewReader("body")) }, 200, "body"},
		"ServeFile":         {func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) }, 200, "body"},
		"WriteHeader twice": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(500) }, 201, ""},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			t.Run(method+" "+name, func(t *testing.T) {
				overHTTP(t, func(t *testing.T, serve func(*env, http.Handler) site) {
					e := newEnv(t)
					b := e.browser()
					s := serve(e, e.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						e.touch(r)
						c.handle(w, r)
					})))
					res, body := s.get(method, "/", nil)
					b.wantCookie(b.receive(res), aCookie)
					e.wantCalls("create")
					want := c.body
					if method == "HEAD" {
						want = ""
					}
					if res.StatusCode != c.status || body != want {
						t.Errorf("status %d and body %q", res.StatusCode, body)
					}
					b.wantRead("k", "v")
				})
			})
		}
	}
}

func TestB3_InformationalResponsesCarryNoCookieAndDoNotEndTheTimeForChanges(t *testing.T) {
	overHTTP(t, func(t *testing.T, serve func(*env, http.Handler) site) {
		e := newEnv(t)
		b := e.browser()
		s := serve(e, e.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusEarlyHints)
			e.touch(r)
			io.WriteString(w, "body")
		})))
		hints := 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			hints++
			if code != 103 || header.Get("Set-Cookie") != "" || header.Get("Link") == "" {
				t.Errorf("%d with %v", code, header)
			}
			return nil
		}})
		r, _ := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
		res, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		b.wantCookie(b.receive(res), aCookie)
		if hints != 2 {
			t.Errorf("%d early hints", hints)
		}
		b.wantRead("k", "v")
	})
}

func TestB3_HijackSavesOnceAndThenHandsOff(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	server := httptest.NewServer(e.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.touch(r)
		header := w.Header()
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nSet-Cookie: %s\r\n\r\nraw", header.Get("Set-Cookie"))
	})))
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != 101 {
		t.Fatalf("%v, %v", res, err)
	}
	e.wantCalls("create")
	b.wantCookie(b.receive(res), aCookie)
	b.wantRead("k", "v")
}

func TestB5_WhenTheSaveFailsTheErrorHandlerAnswers(t *testing.T) {
	for name, write := range map[string]func(w http.ResponseWriter) error{
		"nothing": func(http.ResponseWriter) error { return errors.New("none") },
		"a body":  func(w http.ResponseWriter) error { _, err := io.WriteString(w, "the handler's body"); return err },
		"a status": func(w http.ResponseWriter) error {
			w.WriteHeader(201)
			_, err := w.Write([]byte("the handler's body"))
			return err
		},
		"a flush": func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
		"a copy": func(w http.ResponseWriter) error {
			_, err := io.Copy(w, strings.NewReader("the handler's body"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			overHTTP(t, func(t *testing.T, serve func(*env, http.Handler) site) {
				e := newEnv(t)
				b := e.browser()
				down := errors.New("down")
				e.spy.fail(down)
				s := serve(e, e.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					e.touch(r)
					w.Header().Set("Set-Cookie", "handler=1")
					w.Header().Set("Content-Length", "18")
					w.Header().Set("Location", "/")
					if err := write(w); err == nil {
						t.Error("the handler's write succeeds")
					}
					if _, err := w.Write([]byte("more")); name != "nothing" && !errors.Is(err, down) {
						t.Errorf("a later write returns %v", err)
					}
				})))
				res, body := s.get("GET", "/", nil)
				if res.StatusCode != 500 || body != "Internal Server Error\n" || len(res.Cookies()) != 0 || res.Header.Get("Location") != "" {
					t.Errorf("status %d, body %q, headers %v", res.StatusCode, body, res.Header)
				}
				e.spy.fail(nil)
				b.wantRead("k", "")
			})
		})
	}
}

func TestB5_AnErrorHandlerOfTheApplication(t *testing.T) {
	e := newEnv(t)
	cfg := config.Default()
	var got error
	m, err := session.NewManager(cfg, store.New(e.spy), session.WithErrorHandler(func(w http.ResponseWriter, r *http.Request, err error) {
		got = err
		http.Error(w, "please come back", http.StatusServiceUnavailable)
	}))
	if err != nil {
		t.Fatal(err)
	}
	e.Manager = m
	e.spy.fail(errors.New("down"))
	res := e.browser().visit(write("k", "v"))
	if res.StatusCode != 503 || !errors.Is(got, store.ErrUnavailable) || !errors.Is(got, session.ErrNotSaved) {
		t.Errorf("status %d for %v", res.StatusCode, got)
	}
	// Errors that an adapter's handler returns go there, too.
	res = e.browser().serveHTTP(func(w http.ResponseWriter, r *http.Request) { session.HandleError(w, r, io.EOF) })
	if res.StatusCode != 503 || !errors.Is(got, io.EOF) || errors.Is(got, session.ErrNotSaved) {
		t.Errorf("status %d for %v", res.StatusCode, got)
	}
	// But not the error of a write to a response that was refused already.
	got = nil
	res = e.browser().serveHTTP(func(w http.ResponseWriter, r *http.Request) {
		e.touch(r)
		_, err := io.WriteString(w, "body")
		got = nil
		session.HandleError(w, r, err)
	})
	if res.StatusCode != 503 || got != nil {
		t.Errorf("status %d, and then again %v", res.StatusCode, got)
	}
}

func TestB5_AnErrorAfterTheFirstByteBreaksTheResponseOff(t *testing.T) {
	e := newEnv(t)
	w := httptest.NewRecorder()
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("the panic is %v", got)
		}
		if w.Body.String() != "first byte" {
			t.Errorf("the body is %q", w.Body)
		}
	}()
	e.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first byte")
		session.HandleError(w, r, io.EOF)
	})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
}

func TestB5_AnErrorHandlerThatAnswersNothingMakesNo200(t *testing.T) {
	e := newEnv(t)
	m, err := session.NewManager(config.Default(), store.New(e.spy), session.WithErrorHandler(func(http.ResponseWriter, *http.Request, error) {
		// It logs, and forgets the rest.
	}))
	if err != nil {
		t.Fatal(err)
	}
	e.Manager = m
	e.spy.fail(errors.New("down"))
	if res := e.browser().visit(write("k", "v")); res.StatusCode != 500 {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestTheDefaultErrorHandlerAnswersWithAStatusAndLogsOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		logs   int
	}{
		{fmt.Errorf("x: %w", store.ErrEnded), 409, 0},
		{store.ErrRenewed, 409, 0},
		{store.ErrConflict, 409, 0},
		{session.ErrNotSignedIn, 401, 0},
		{&http.MaxBytesError{Limit: 1}, 413, 0},
		{store.ErrUnavailable, 500, 1},
		{errors.New("top secret"), 500, 1},
	} {
		core, logs := observer.New(zap.DebugLevel)
		m, err := session.NewManager(config.Default(), store.New(nilBackend{}), session.WithLogger(zap.New(core)))
		if err != nil {
			t.Fatal(err)
		}
		logs.TakeAll() // the key that was made
		w := httptest.NewRecorder()
		m.DefaultErrorHandler(w, httptest.NewRequest("GET", "/", nil), c.err)
		if w.Code != c.status || logs.Len() != c.logs || strings.Contains(w.Body.String(), "secret") || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v: status %d, body %q, logs %v", c.err, w.Code, w.Body, logs.All())
		}
		w = httptest.NewRecorder()
		session.HandleError(w, httptest.NewRequest("GET", "/", nil), c.err) // without the middleware
		if w.Code != c.status {
			t.Errorf("HandleError of %v: status %d", c.err, w.Code)
		}
	}
}

// What a handler said of a response that it did not give is not said of the
// error's.
func TestB5_TheAnswerToAHandlersErrorHasNoHeadersOfItsOwnResponse(t *testing.T) {
	e := newEnv(t)
	report := func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Content-Type", "Content-Length", "Content-Disposition", "Etag", "Last-Modified"} {
			w.Header().Set(name, "of the report")
		}
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Header().Set("X-Request-Id", "7")
		http.SetCookie(w, &http.Cookie{Name: "flash", Value: "no report"})
		session.HandleError(w, r, io.EOF)
	}
	for name, h := range map[string]http.Handler{"behind the middleware": e.Middleware(http.HandlerFunc(report)), "without it": http.HandlerFunc(report)} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		want := http.Header{
			"Cache-Control": {"no-store"}, "Content-Type": {"text/plain; charset=utf-8"}, "Set-Cookie": {"flash=\"no report\""},
			"X-Content-Type-Options": {"nosniff"}, "X-Request-Id": {"7"},
		}
		if got := w.Result().Header; w.Code != 500 || !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s: status %d, headers %v, want %v", name, w.Code, got, want)
		}
	}
}

// A client that goes away is nobody's mistake.
func TestAClientThatHasGoneIsNoErrorInTheLog(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{testKey}
	m, err := session.NewManager(cfg, store.New(nilBackend{}), session.WithLogger(zap.New(core)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
	for _, level := range []zapcore.Level{zap.ErrorLevel, zap.DebugLevel} { // a query that gave up by itself, one with its client
		m.DefaultErrorHandler(httptest.NewRecorder(), r, fmt.Errorf("query: %w", context.Canceled))
		if all := logs.TakeAll(); len(all) != 1 || all[0].Level != level {
			t.Errorf("logged: %v, want one line of level %s", all, level)
		}
		cancel()
	}
	// A store that fails is one, whoever still waits.
	m.DefaultErrorHandler(httptest.NewRecorder(), r, io.ErrUnexpectedEOF)
	if all := logs.TakeAll(); len(all) != 1 || all[0].Level != zap.ErrorLevel {
		t.Errorf("logged: %v", all)
	}
}

func TestB6_APanicSavesNothingAndGoesOn(t *testing.T) {
	for name, value := range map[string]any{"a text": "boom", "an error": io.EOF, "an abort": http.ErrAbortHandler} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			var kept *session.Session
			defer func() {
				if got := recover(); got != value {
					t.Errorf("the panic is %v", got)
				}
				e.wantCalls()
				if err := kept.Set(t.Context(), "k", 1); !errors.Is(err, session.ErrClosed) {
					t.Errorf("Set after the panic: %v", err)
				}
			}()
			e.browser().serve(func(ctx context.Context, s *session.Session) error {
				kept = s
				if err := s.Set(ctx, "k", "v"); err != nil {
					t.Error(err)
				}
				panic(value)
			})
		})
	}
}

func TestB6_APanicInTheStoreOrInAnUpdateLeavesNothingLocked(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("n", 1))
	recovered := func(run func()) (value any) {
		defer func() { value = recover() }()
		run()
		return nil
	}
	update := func(ctx context.Context, s *session.Session) error {
		runs := 0
		return session.NewField[int]("n").Update(ctx, s, func(n int) (int, error) {
			if runs++; runs == 2 {
				panic("in the update")
			}
			b.serve(write("n", n+1)) // so that it has to run again
			return n + 1, nil
		})
	}
	if got := recovered(func() { b.serve(update) }); got != "in the update" {
		t.Errorf("the panic is %v", got)
	}
	e.spy.intercept(func(string) error { panic("in the store") })
	if got := recovered(func() { b.serve(write("n", 1)) }); got != "in the store" {
		t.Errorf("the panic is %v", got)
	}
	e.spy.fail(nil)
	b.visit(write("n", 1))
}

// Somebody between the middleware and the handler may recover, and answer; but
// not with a 2xx, nor with what looks like one.
func TestB5_APanicOfTheSaveThatIsRecoveredIsNo200(t *testing.T) {
	panics := map[string]func(e *env){
		"of the store": func(e *env) { e.spy.intercept(func(string) error { panic("in the store") }) },
		"of an observer": func(e *env) {
			e.Manager = e.managerOver(store.New(e.spy), config.Default(), session.WithObserver(observerFunc(
				func(context.Context, session.Event) { panic("in the observer") })))
		},
		"of the error handler": func(e *env) {
			e.spy.fail(io.EOF)
			e.Manager = e.managerOver(store.New(e.spy), config.Default(), session.WithErrorHandler(
				func(http.ResponseWriter, *http.Request, error) { panic("in the error handler") }))
		},
	}
	for name, prepare := range panics {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			prepare(e)
			server := httptest.NewServer(e.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
					http.Error(w, "out of order", http.StatusInternalServerError)
				}()
				if err := session.FromContext(r.Context()).Set(r.Context(), "k", "v"); err != nil {
					t.Error(err)
				}
				io.WriteString(w, "stored")
			})))
			defer server.Close()
			res, err := http.Get(server.URL)
			if err == nil {
				res.Body.Close()
				t.Errorf("the client was told %s", res.Status)
			}
		})
	}
}

func TestB7_TheSaveRunsThoughTheClientHasGone(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("k", "v"))
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
	r.AddCookie(b.cookie)
	e.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).Set(r.Context(), "k", "w"); err != nil {
			t.Error(err)
		}
		cancel()
		if r.Context().Err() == nil {
			t.Error("the handler's context is live")
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
	b.wantRead("k", "w")
}

// The same with a client that hangs up, and a server that notices.
func TestB7_TheSaveRunsThoughTheClientHasHungUp(t *testing.T) {
	overHTTP(t, func(t *testing.T, serve func(*env, http.Handler) site) {
		e := newEnv(t)
		under, over := make(chan struct{}), make(chan struct{})
		chain := e.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			e.touch(r)
			close(under)
			<-r.Context().Done()
		}))
		s := serve(e, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(over)
			chain.ServeHTTP(w, r)
		}))
		ctx, hangUp := context.WithCancel(t.Context())
		go func() {
			<-under
			hangUp()
		}()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := s.client.Do(r); err == nil {
			res.Body.Close()
			t.Error("the client has got an answer")
		}
		<-over
		e.wantCalls("create")
		e.wantEvents(session.EventCreated)
	})
}

// hanging is a backend that answers only when its caller gives up.
type hanging struct {
	store.Backend
	context context.Context // of the last call
}

func (h *hanging) Create(ctx context.Context, _ store.Key, _ store.Record) error {
	h.context = ctx
	<-ctx.Done()
	return ctx.Err()
}

// What ends then is the call, and not because the client has gone.
func TestB7_AStoreThatHangsIsBoundedByItsTimeout(t *testing.T) {
	t.Parallel()
	backend := new(hanging)
	m, err := session.NewManager(config.Default(), store.New(backend, store.WithTimeout(10*time.Millisecond)))
	if err != nil {
		t.Fatal(err)
	}
	type tenant struct{}
	ctx, goAway := context.WithCancelCause(context.WithValue(t.Context(), tenant{}, "a tenant"))
	w := httptest.NewRecorder()
	m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).Set(r.Context(), "k", "v"); err != nil {
			t.Error(err)
		}
		goAway(errors.New("the client has gone"))
	})).ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
	if w.Code != 500 || len(w.Result().Cookies()) != 0 {
		t.Errorf("status %d, %v", w.Code, w.Header())
	}
	if cause := context.Cause(backend.context); !errors.Is(cause, context.DeadlineExceeded) {
		t.Errorf("the call ended because of: %v", cause)
	}
	if got := backend.context.Value(tenant{}); got != "a tenant" {
		t.Errorf("the call got the value %v of the request", got)
	}
}

func TestB8_AfterTheFirstByte(t *testing.T) {
	for name, before := range map[string]handler{"first touched then": nothing, "loaded before": load} {
		t.Run(name, func(t *testing.T) {
			eachBackend(t, func(e *env) { afterTheFirstByte(e, before) })
		})
	}
}

func afterTheFirstByte(e *env, before handler) {
	t := e.T
	b := e.browser()
	b.visit(then(write("k", "v"), write("popped", "v"), writeClient("k", "v")))
	id := b.incoming().ID()
	res := b.receive(b.serveHTTP(func(w http.ResponseWriter, r *http.Request) {
		ctx, s := r.Context(), session.FromContext(r.Context())
		if err := before(ctx, s); err != nil {
			t.Error(err)
		}
		io.WriteString(w, "first byte")
		for name, err := range map[string]error{
			"client Set":    s.Client().Set(ctx, "k", "late"),
			"client Remove": s.Client().Remove(ctx, "k"),
			"CycleID":       s.CycleID(),
			"SignIn":        s.SignIn(ctx, "ada"),
			"Delete":        s.Delete(),
			"Reset":         s.Reset(),
		} {
			if !errors.Is(err, session.ErrResponseStarted) {
				t.Errorf("%s = %v", name, err)
			}
		}
		var v string
		_, err := s.Get(ctx, "k", &v)
		for _, err := range []error{err, s.Set(ctx, "late", "1"), s.Sync(ctx), s.Set(ctx, "later", "2"), s.Remove(ctx, "k")} {
			if err != nil {
				t.Error(err)
			}
		}
		if ok, err := s.Pop(ctx, "popped", &v); !ok || err != nil || v != "v" {
			t.Errorf("Pop = %v, %v, %q", ok, err, v)
		}
	}))
	b.wantCookie(res, noCookie)
	if b.incoming().ID() != id {
		t.Error("the ID has changed")
	}
	b.wantRead("k", "")
	b.wantRead("popped", "")
	b.wantRead("late", "1")
	b.wantRead("later", "2")
	if got := b.readClient("k"); got != "v" {
		t.Errorf("the client state is %q", got)
	}
}

func TestB8_AFirstSessionBegunTooLateIsRefused(t *testing.T) {
	e := newEnv(t)
	late := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		s := session.FromContext(r.Context())
		if err := s.Set(r.Context(), "k", "v"); !errors.Is(err, session.ErrResponseStarted) {
			t.Errorf("Set = %v", err)
		}
		if err := session.NewField[int]("k").Update(r.Context(), s, func(n int) (int, error) { return n, nil }); !errors.Is(err, session.ErrResponseStarted) {
			t.Errorf("Update = %v", err)
		}
	}
	e.browser().serveHTTP(late)
	e.wantCalls()
	// Likewise for one whose record turns out to be missing.
	b := e.browser()
	b.visit(write("k", "v"))
	e.end(b)
	b.serveHTTP(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		s := session.FromContext(r.Context())
		if err := s.Load(r.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Set(r.Context(), "k", "v"); !errors.Is(err, session.ErrResponseStarted) {
			t.Errorf("Set = %v", err)
		}
	})
	e.wantCalls("load")
}

func TestB8_InvalidateAfterTheFirstByteStillEndsTheSession(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(signIn("ada"), writeClient("k", "v")))
		b.serveHTTP(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			if err := session.FromContext(r.Context()).Invalidate(); err != nil {
				t.Error(err)
			}
		})
		if got := b.subject(); got != "" {
			t.Errorf("%q is signed in", got)
		}
	})
}

func TestB8_ALateChangeThatIsNotStoredBreaksTheResponseOff(t *testing.T) {
	overHTTP(t, func(t *testing.T, serve func(*env, http.Handler) site) {
		for name, fault := range map[string]func(e *env, b *browser){
			"the store is down": func(e *env, _ *browser) { e.spy.fail(errors.New("down")) },
			"it has ended":      func(_ *env, b *browser) { b.clone().visit(invalidate) },
			"it is missing":     func(e *env, b *browser) { e.spy.fail(store.ErrNotFound, "update") },
		} {
			t.Run(name, func(t *testing.T) {
				e := newEnv(t)
				b := e.browser()
				b.visit(write("k", "v"))
				s := serve(e, e.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					io.WriteString(w, "first byte")
					http.NewResponseController(w).Flush()
					e.touch(r)
					fault(e, b)
				})))
				r, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL, nil)
				r.AddCookie(b.cookie)
				res, err := s.client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if body, err := io.ReadAll(res.Body); err == nil {
					t.Errorf("the response ends well, with %q", body)
				}
			})
		}
	})
}

func TestB9_TimeoutHandlerInsideAndOutside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // where a timeout comes when nothing else can happen
		e := newEnvOver(t, testbackends.Memory(t))
		b := e.browser()
		released, wrote := make(chan struct{}), make(chan error, 1)
		slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := session.FromContext(r.Context())
			e.touch(r)
			<-released
			err := s.Set(r.Context(), "late", "1")
			io.WriteString(w, "late")
			wrote <- err
		})
		quick := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.touch(r); io.WriteString(w, "body") })

		serve := func(h http.Handler) *http.Response {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			return w.Result()
		}
		for name, h := range map[string]http.Handler{
			"inside":  e.Middleware(http.TimeoutHandler(quick, time.Minute, "timeout")),
			"outside": http.TimeoutHandler(e.Middleware(quick), time.Minute, "timeout"),
		} {
			if res := serve(h); res.StatusCode != 200 || b.setCookie(res) == nil {
				t.Errorf("%s, in time: status %d, %v", name, res.StatusCode, res.Header)
			}
		}
		if res := serve(e.Middleware(http.TimeoutHandler(slow, time.Millisecond, "timeout"))); res.StatusCode != 503 {
			t.Errorf("inside, too late: status %d", res.StatusCode)
		}
		close(released)
		if err := <-wrote; !errors.Is(err, session.ErrClosed) {
			t.Errorf("Set behind the timeout: %v", err)
		}
		released = make(chan struct{})
		res := serve(http.TimeoutHandler(e.Middleware(slow), time.Millisecond, "timeout"))
		if res.StatusCode != 503 || b.setCookie(res) != nil {
			t.Errorf("outside, too late: status %d, %v", res.StatusCode, res.Header)
		}
		close(released)
		<-wrote
	})
}

func TestB9_AHandlerThatOutlivesItsRequestCannotWriteToItsResponse(t *testing.T) {
	e := newEnv(t)
	var kept http.ResponseWriter
	res := e.browser().serveHTTP(func(w http.ResponseWriter, _ *http.Request) {
		kept = w
		io.WriteString(w, "body")
	})
	if _, err := io.WriteString(kept, "late"); err == nil {
		t.Error("a late write succeeds")
	}
	if body, _ := io.ReadAll(res.Body); string(body) != "body" {
		t.Errorf("the body is %q", body)
	}
}

func TestB9_TwoMiddlewaresInOneChain(t *testing.T) {
	overHTTP(t, func(t *testing.T, serve func(*env, http.Handler) site) {
		e := newEnv(t)
		outer, inner := e.browser(), &browser{e: e, m: e.manager(func(cfg *config.SessionConfig) { cfg.Cookie.Name = "inner" })}
		s := serve(e, outer.m.Middleware(outer.m.Middleware(inner.m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			if session.FromContext(ctx) != inner.m.FromContext(ctx) || inner.m.FromContext(ctx) == outer.m.FromContext(ctx) {
				t.Error("the sessions are mixed up")
			}
			if err := errors.Join(outer.m.FromContext(ctx).Set(ctx, "k", "outer"), inner.m.FromContext(ctx).Set(ctx, "k", "inner")); err != nil {
				t.Error(err)
			}
			io.WriteString(w, "body")
		})))))
		res, _ := s.get("GET", "/", nil)
		outer.wantCookie(outer.receive(res), aCookie)
		inner.wantCookie(inner.receive(res), aCookie)
		e.wantCalls("create", "create")
		outer.wantRead("k", "outer")
		inner.wantRead("k", "inner")
	})
}

func TestB9_Trailers(t *testing.T) {
	overHTTP(t, func(t *testing.T, serve func(*env, http.Handler) site) {
		e := newEnv(t)
		s := serve(e, e.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			e.touch(r)
			w.Header().Set("Trailer", "X-Announced")
			io.WriteString(w, "body")
			w.Header().Set("X-Announced", "1")
			w.Header().Set(http.TrailerPrefix+"X-Other", "2")
		})))
		res, _ := s.get("GET", "/", nil)
		if res.Trailer.Get("X-Announced") != "1" || res.Trailer.Get("X-Other") != "2" || len(res.Cookies()) != 1 {
			t.Errorf("trailers %v, cookies %v", res.Trailer, res.Cookies())
		}
	})
}

func TestAnUntouchedSessionLeavesTheResponseByteIdentical(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(then(write("k", "v"), writeClient("k", "v")))
	e.calls()
	raw := func(h http.Handler) string {
		server := httptest.NewServer(h)
		defer server.Close()
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nCookie: %s\r\nConnection: close\r\n\r\n", b.cookie)
		all, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(all), "\r\n")
		return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Date: ") }), "\n")
	}
	for name, h := range map[string]http.HandlerFunc{
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"a body":  func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Y", "z"); io.WriteString(w, "body") },
		"flushed": func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); io.WriteString(w, "body") },
		"large":   func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("body", 10_000)) },
	} {
		if with, without := raw(e.Middleware(h)), raw(h); with != without {
			t.Errorf("%s: with the middleware\n%.300s\nwithout\n%.300s", name, with, without)
		}
	}
	e.wantCalls()
}

func TestD2_ConcurrentStreamsOfASession(t *testing.T) {
	overHTTP(t, func(t *testing.T, serve func(*env, http.Handler) site) {
		e := newEnv(t)
		b := e.browser()
		b.visit(write("k", "v"))
		s := serve(e, e.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, s := r.Context(), session.FromContext(r.Context())
			for i := range 5 {
				fmt.Fprintln(w, i)
				if err := errors.Join(http.NewResponseController(w).Flush(), s.Set(ctx, r.URL.Query().Get("n"), i), s.Sync(ctx)); err != nil {
					t.Error(err)
				}
			}
		})))
		var all sync.WaitGroup
		for n := range 10 {
			all.Go(func() { s.get("GET", fmt.Sprint("/?n=", n), b.cookie) })
		}
		all.Wait()
		b.visit(func(ctx context.Context, s *session.Session) error {
			keys, err := s.Keys(ctx)
			if len(keys) != 11 {
				t.Errorf("%v are left", keys)
			}
			return err
		})
	})
}

// What stands around the middleware learns what it would without.
func TestTheRequestIsHandedBack(t *testing.T) {
	e := newEnv(t)
	form := new(bytes.Buffer)
	parts := multipart.NewWriter(form)
	file, err := parts.CreateFormFile("file", "large")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(file, strings.Repeat("x", 11<<20)) // more than is kept in memory
	parts.Close()

	var left string // the file on the disk
	pattern := make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /upload", func(_ http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1); err != nil {
			t.Error(err)
			return
		}
		f, err := r.MultipartForm.File["file"][0].Open()
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		left = f.(*os.File).Name()
	})
	chain := e.Middleware(mux)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chain.ServeHTTP(w, r)
		pattern <- r.Pattern
	}))
	res, err := http.Post(server.URL+"/upload", parts.FormDataContentType(), form)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	server.Close() // after which the server has cleaned up
	if got := <-pattern; got != "POST /upload" {
		t.Errorf("an access log sees the pattern %q", got)
	}
	if _, err := os.Stat(left); left == "" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the uploaded file %q is left behind: %v", left, err)
	}
}

// An ErrorHandler that only writes has answered.
func TestB5_AnErrorHandlerThatOnlyWritesIsTheOnlyOneToAnswer(t *testing.T) {
	e := newEnv(t)
	e.Manager = e.managerOver(store.New(e.spy), config.Default(), session.WithErrorHandler(func(w http.ResponseWriter, _ *http.Request, _ error) {
		io.WriteString(w, "sorry")
	}))
	e.spy.fail(errors.New("down"))
	res := e.browser().visit(write("k", "v"))
	if body, err := io.ReadAll(res.Body); string(body) != "sorry" || err != nil {
		t.Errorf("the body is %q, %v", body, err)
	}
}

// One that answers nothing must not make a 200 of an error, whoever hands it on.
func TestB5_AnErrorHandlerThatAnswersNothingLeavesItToTheDefault(t *testing.T) {
	e := newEnv(t)
	e.Manager = e.managerOver(store.New(e.spy), config.Default(), session.WithErrorHandler(func(http.ResponseWriter, *http.Request, error) {}))
	b := e.browser()
	if res := b.serveHTTP(func(w http.ResponseWriter, r *http.Request) {
		session.HandleError(w, r, session.ErrNotSignedIn)
	}); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a handler's error: status %d", res.StatusCode)
	}
	e.spy.fail(errors.New("down"))
	if res := b.visit(write("k", "v")); res.StatusCode != http.StatusInternalServerError {
		t.Errorf("a failed save: status %d", res.StatusCode)
	}
	e.spy.fail(nil)

	// That of a router may answer through the router's own writer.
	type writerKey struct{}
	e.Manager = e.managerOver(store.New(e.spy), config.Default(), session.WithErrorHandler(func(_ http.ResponseWriter, r *http.Request, _ error) {
		r.Context().Value(writerKey{}).(http.ResponseWriter).WriteHeader(http.StatusTeapot)
	}))
	b = e.browser()
	res := b.serveHTTP(func(w http.ResponseWriter, r *http.Request) {
		session.HandleError(w, r.WithContext(context.WithValue(r.Context(), writerKey{}, w)), session.ErrNotSignedIn)
	})
	if body, err := io.ReadAll(res.Body); res.StatusCode != http.StatusTeapot || len(body) > 0 || err != nil {
		t.Errorf("through another writer: status %d, %q, %v", res.StatusCode, body, err)
	}
}

// What stands between two passes through one middleware has the handler's
// session.
func TestThroughTheMiddlewareTwiceIsOneSession(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		w := httptest.NewRecorder()
		inner := e.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var v string
			s := session.FromContext(r.Context())
			if ok, err := s.Get(r.Context(), "k", &v); !ok || v != "between" || err != nil {
				t.Errorf("k is %q, %t, %v", v, ok, err)
			}
			e.must(s.Set(r.Context(), "l", "within"))
		}))
		e.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			e.must(session.FromContext(r.Context()).Set(r.Context(), "k", "between"))
			inner.ServeHTTP(w, r)
		})).ServeHTTP(w, r)
		b.wantCookie(b.receive(w.Result()), aCookie)
		e.wantCalls("create")
		b.wantRead("k", "between")
		b.wantRead("l", "within")
	})
}

// And a handler that ends a session after it has been told that another request
// has renewed it has not been told that it goes on.
func TestB8_AnEndThatCameTooLateIsNotHidden(t *testing.T) {
	e := newEnv(t)
	b := e.signedIn("ada")
	slow := b.clone()
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("the panic is %v", got)
		}
		b.wantSubject("ada")
	}()
	slow.serveHTTP(func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		e.must(s.Load(r.Context()))
		w.WriteHeader(200)
		b.visit(cycle)
		e.must(s.Set(r.Context(), "k", "v"))
		if err := s.Sync(r.Context()); !errors.Is(err, store.ErrEnded) {
			t.Errorf("Sync = %v", err)
		}
		e.must(s.Invalidate())
	})
}
