package fxsession_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/session"
)

// Post-processors run once, before the headers leave, however they do, in the
// order listed.
func TestPostProcessorsRunBeforeTheHeadersLeave(t *testing.T) {
	t.Parallel()
	var calls journal
	h := serve(t, fxsession.Routes(
		fxsession.PostProcess(func(r fxsession.Response) {
			calls.note("first %d %s", r.Status(), r.Header().Get("Content-Type"))
			r.Header().Set("X-First", "1")
		}),
		fxsession.PostProcess(func(w http.ResponseWriter, r *http.Request) {
			calls.note("second of %s", r.URL.Path)
			w.Header().Add("X-Second", "2")
		}),
		fxsession.Handle("GET /nothing", func() {}),
		fxsession.Handle("GET /status", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/css")
			w.WriteHeader(http.StatusAccepted)
		}),
		fxsession.Handle("GET /body", func(w http.ResponseWriter) { io.WriteString(w, "a"); io.WriteString(w, "b") }),
		fxsession.Handle("GET /early", func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints); w.WriteHeader(http.StatusNotFound) }),
		fxsession.Handle("GET /flush", func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() }),
		fxsession.Handle("GET /error", func() error { return errors.New("no") }),
	))
	for target, want := range map[string]struct {
		status   int
		response string
	}{
		"/nothing": {200, "first 200 "},
		"/status":  {202, "first 202 text/css"},
		"/body":    {200, "first 200 "},
		"/early":   {404, "first 404 "},
		"/flush":   {200, "first 200 "},
		"/error":   {500, "first 500 text/plain; charset=utf-8"},
	} {
		server := httptest.NewServer(h)
		res, err := server.Client().Get(server.URL + target)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		server.Close()
		if res.StatusCode != want.status || res.Header.Get("X-First") != "1" || res.Header.Get("X-Second") != "2" {
			t.Errorf("%s: got %d %v", target, res.StatusCode, res.Header)
		}
		calls.expect(t, want.response, "second of "+target)
	}
}

// What a post-processor changes in the session is saved with what the handler
// has changed, and its cookie sent.
func TestWhatAPostProcessorChangesInTheSessionIsSaved(t *testing.T) {
	t.Parallel()
	count := func(r *http.Request, s *session.Session, res fxsession.Response) error {
		if got := res.Header().Get("Set-Cookie"); got != "" {
			t.Errorf("the cookie is there already: %s", got)
		}
		n, _, err := visits.Get(r.Context(), s)
		if err != nil {
			return err
		}
		return visits.Set(r.Context(), s, n+1)
	}
	h := serve(t, fxsession.Routes(
		fxsession.PostProcess(count),
		fxsession.Handle("GET /", func(w http.ResponseWriter, r *http.Request, s *session.Session) error {
			n, _, err := visits.Get(r.Context(), s)
			fmt.Fprint(w, n)
			return err
		}),
	))
	client, url := browser(t, h)
	for _, want := range []string{"0", "1", "2"} {
		if status, body := get(t, client, url); status != http.StatusOK || body != want {
			t.Errorf("got %d %q, want %q", status, body, want)
		}
	}
}

// When a post-processor fails, the error handler answers, and nothing of the
// handler's response leaves.
func TestAFailedPostProcessorRefusesTheResponse(t *testing.T) {
	t.Parallel()
	h := serve(t, fx.Supply(answerWith("refused: %v")), fxsession.Routes(
		fxsession.PostProcess(breakAfterwards),
		fxsession.Handle("GET /", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "image/png")
			w.Header().Set("X-Request-Id", "7")
			if _, err := io.WriteString(w, "of the handler"); !errors.Is(err, errBroken) {
				t.Errorf("writing returned %v", err)
			}
		}),
	))
	w := ask(h, http.MethodGet, "/")
	if w.Code != http.StatusTeapot || w.Body.String() != "refused: broken" {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
	if w.Header().Get("Content-Type") == "image/png" || w.Header().Get("X-Request-Id") != "7" {
		t.Errorf("got %v", w.Header())
	}
}

// A handler that recovers from the panic of a post-processor has no response.
func TestAPanicOfAPostProcessorThatIsRecoveredIsNo200(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(serve(t, fxsession.Routes(
		fxsession.PostProcess(func() { panic("of the post-processor") }),
		fxsession.Handle("GET /", func(w http.ResponseWriter) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			io.WriteString(w, "done")
		}),
	)))
	defer server.Close()
	res, err := server.Client().Get(server.URL)
	if err == nil {
		res.Body.Close()
		t.Errorf("the client was told %s", res.Status)
	}
}

// A post-processor that writes neither hangs nor spoils the response.
func TestAPostProcessorCannotWrite(t *testing.T) {
	t.Parallel()
	h := serve(t, fxsession.Routes(
		fxsession.PostProcess(func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusTeapot)
			if _, err := io.WriteString(w, "of the post-processor"); !errors.Is(err, fxsession.ErrPostProcessorWrites) {
				t.Errorf("writing returned %v", err)
			}
		}),
		fxsession.Handle("GET /", func(w http.ResponseWriter) { io.WriteString(w, "of the handler") }),
	))
	expect(t, h, "/", http.StatusOK, "of the handler")
}

// The writer of a route with post-processors can what the server's can, and
// that of a route without is the session middleware's own.
func TestAWriterWithPostProcessorsIsAsAbleAsWithout(t *testing.T) {
	t.Parallel()
	abilities := func(w http.ResponseWriter) {
		_, flusher := w.(http.Flusher)
		_, hijacker := w.(http.Hijacker)
		_, pusher := w.(http.Pusher)
		_, readerFrom := w.(io.ReaderFrom)
		deadline := http.NewResponseController(w).EnableFullDuplex()
		fmt.Fprint(w, flusher, hijacker, pusher, readerFrom, deadline)
	}
	server := httptest.NewServer(serve(t, fxsession.Routes(
		fxsession.Handle("GET /without", abilities),
		fxsession.Group("", fxsession.PostProcess(func() {}), fxsession.Handle("GET /with", abilities)),
	)))
	defer server.Close()
	_, want := get(t, server.Client(), server.URL+"/without")
	if _, got := get(t, server.Client(), server.URL+"/with"); got != want || want != "true true false true <nil>" {
		t.Errorf("got %q with, %q without", got, want)
	}
}

// A panic goes on as it is; no post-processor runs and nothing is saved.
func TestAPanicDropsTheFrame(t *testing.T) {
	t.Parallel()
	var kept http.ResponseWriter
	h := serve(t, fxsession.Routes(
		fxsession.RequestScoped(func(r *http.Request) visitor {
			if r.URL.Path == "/constructor" {
				panic("of the constructor")
			}
			return visitor{}
		}),
		fxsession.PostProcess(func() { t.Error("a post-processor has run") }),
		fxsession.Handle("GET /constructor", func(visitor) { t.Error("the handler has run") }),
		fxsession.Handle("GET /handler", func(w http.ResponseWriter, v visitor, r *http.Request, s *session.Session) {
			kept = w
			visits.Set(r.Context(), s, 1)
			panic(http.ErrAbortHandler)
		}),
	))
	for target, want := range map[string]any{"/constructor": "of the constructor", "/handler": http.ErrAbortHandler} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("%s: the panic is %v, want %v", target, got, want)
				}
			}()
			w := httptest.NewRecorder()
			defer func() {
				if w.Header().Get("Set-Cookie") != "" {
					t.Errorf("%s: a cookie is set", target)
				}
			}()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		}()
	}
	io.WriteString(kept, "of whoever recovers") // no post-processor runs for that either
}

// A refused response is answered once, whatever the handler makes of it.
func TestAnErrorOfAPostProcessorIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	var told []error
	h := serve(t, fxsession.Routes(
		fxsession.PostProcess(func() error { return errors.New("of the post-processor") }),
		fxsession.Handle("GET /", func(w http.ResponseWriter) error {
			_, err := io.WriteString(w, "of the handler")
			return err
		}),
	), fx.Supply(session.ErrorHandler(func(w http.ResponseWriter, _ *http.Request, err error) {
		told = append(told, err)
		http.Error(w, "sorry", http.StatusTeapot)
	})))
	expect(t, h, "/", http.StatusTeapot, "sorry\n")
	if len(told) != 1 || !strings.Contains(told[0].Error(), "of the post-processor") {
		t.Errorf("the ErrorHandler was told %v", told)
	}
}
