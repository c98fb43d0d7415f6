package compat_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

// What every router is shown to do: each of these paths stores a value in the
// session and answers in a way of its own, and /value reads the value.
//
//	/json      a JSON document, status 201
//	/text      a plain text
//	/redirect  a redirect to /value
//	/nothing   no body, status 204
//	/untouched nothing at all is called, the answer is the router's
//	/stream    a flush and two parts, the second after site.proceed
//	/file      the file named site.file
//	/error     an error of the router's own kind, status 418
//	/panic     a panic
//	/value     the value, as plain text

// newRouter makes the handler of a whole application around the session
// middleware of m.
type newRouter func(t *testing.T, m *session.Manager, s *site) http.Handler

type site struct {
	*httptest.Server
	manager *session.Manager
	proceed chan struct{} // lets /stream go on
	file    string
}

var quiet = log.New(io.Discard, "", 0)

const fileContent = "the content of a file"

// open starts a server for the router, and gives a browser.
func open(t *testing.T, proto string, router newRouter) *site {
	t.Helper()
	return openOver(t, proto, memstore.New(), router)
}

func openOver(t *testing.T, proto string, b store.Backend, router newRouter) *site {
	t.Helper()
	m, err := session.NewManager(config.Default(), store.New(b))
	if err != nil {
		t.Fatal(err)
	}
	s := &site{manager: m, proceed: make(chan struct{}, 1), file: filepath.Join(t.TempDir(), "page.txt")}
	if err := os.WriteFile(s.file, []byte(fileContent), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewUnstartedServer(router(t, m, s))
	s.Config.ErrorLog = quiet
	s.EnableHTTP2 = proto == "HTTP/2.0"
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// fullStore is a Backend that can take no further session.
type fullStore struct{ store.Backend }

var errFull = errors.New("no room is left")

func (fullStore) Create(context.Context, store.Key, store.Record) error { return errFull }

// browser is a client with a cookie jar of its own that follows no redirect.
func (s *site) browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{
		Transport:     s.Client().Transport,
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// tls is what a WebSocket client needs to trust the server.
func (s *site) tls() *tls.Config {
	return &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
}

func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// cookies counts the session's cookies in a response.
func (s *site) cookies(resp *http.Response) (n int) {
	for _, c := range resp.Cookies() {
		if c.Name == s.manager.CookieName() {
			n++
		}
	}
	return n
}

// remember stores the value that /value reads. It is all that a handler does
// with its session.
func remember(r *http.Request) error {
	return session.FromContext(r.Context()).Set(r.Context(), "value", "remembered")
}

// recall gives the value, "nothing" if there is none.
func recall(r *http.Request) (string, error) {
	value := "nothing"
	_, err := session.FromContext(r.Context()).Get(r.Context(), "value", &value)
	return value, err
}

// must turns an error of the session into a panic: the request then fails, and
// so does the test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// answers says what each path is to answer.
var answers = []struct {
	path, body string
	status     int
}{
	{path: "/json", body: `{"stored":true}`, status: 201},
	{path: "/text", body: "stored", status: 200},
	{path: "/redirect", status: 302},
	{path: "/nothing", status: 204},
	{path: "/untouched", status: 200},
	{path: "/stream", body: "first second", status: 200},
	{path: "/file", body: fileContent, status: 200},
	{path: "/error", status: 418},
	{path: "/panic", status: 500},
}

// recovery says who answers for a handler that panicked.
type recovery int

const (
	byNobody recovery = iota // net/http breaks off the connection
	outside                  // of the session middleware, which stores nothing
	inside                   // of it: the session sees a handler that answered 500
)

// behaves is the whole test of a router.
func behaves(t *testing.T, panics recovery, router newRouter) {
	t.Parallel()
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			s := open(t, proto, router)
			for _, a := range answers {
				t.Run(a.path, func(t *testing.T) {
					browser := s.browser(t)
					forgotten := a.path == "/panic" && panics != inside
					switch {
					case a.path == "/panic" && panics == byNobody:
						if resp, err := browser.Get(s.URL + a.path); err == nil {
							resp.Body.Close()
							t.Errorf("the answer is %s, want none", resp.Status)
						}
					case a.path == "/stream":
						s.streams(t, browser)
					default:
						resp, body := get(t, browser, s.URL+a.path)
						if resp.Proto != proto || resp.StatusCode != a.status {
							t.Errorf("the answer is %s %d, want %s %d", resp.Proto, resp.StatusCode, proto, a.status)
						}
						if a.body != "" && strings.TrimSpace(body) != a.body {
							t.Errorf("the body is %q, want %q", body, a.body)
						}
						if forgotten && s.cookies(resp) != 0 {
							t.Errorf("%d cookies came, want none", s.cookies(resp))
						}
						if !forgotten {
							s.carries(t, resp)
						}
					}
					s.recalls(t, browser, !forgotten)
				})
			}
		})
	}
}

// carries checks that the session's cookie came once, not to be cached.
func (s *site) carries(t *testing.T, resp *http.Response) {
	t.Helper()
	vary := strings.Join(resp.Header["Vary"], ",")
	if n := s.cookies(resp); n != 1 || resp.Header.Get("Cache-Control") != "no-store" || !strings.Contains(vary, "Cookie") {
		t.Errorf("%d cookies came with %v, want one, not to be cached", n, resp.Header)
	}
}

// recalls checks what the next request of the browser reads.
func (s *site) recalls(t *testing.T, browser *http.Client, stored bool) {
	t.Helper()
	want := "nothing"
	if stored {
		want = "remembered"
	}
	resp, body := get(t, browser, s.URL+"/value")
	if body != want || s.cookies(resp) != 0 {
		t.Errorf("the next request reads %q and gets %d cookies, want %q and none", body, s.cookies(resp), want)
	}
}

// streams checks that the first part arrives, with the cookie, while the
// handler is still at work.
func (s *site) streams(t *testing.T, browser *http.Client) {
	t.Helper()
	resp, err := browser.Get(s.URL + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	s.carries(t, resp)
	first := make([]byte, len("first "))
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "first " {
		t.Errorf("the first part is %q (%v)", first, err)
	}
	s.proceed <- struct{}{}
	if second, err := io.ReadAll(resp.Body); err != nil || string(second) != "second" {
		t.Errorf("the second part is %q (%v)", second, err)
	}
}
