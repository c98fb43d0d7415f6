package commit_test

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/commit"
)

// Every test here shows the writer through a middleware of the shape that it is
// made for, over real servers.

const cookie = "saved=yes"

var errSave = errors.New("the store is away")

// hooks saves nothing and counts; it fails with err.
type hooks struct {
	err error

	mu       sync.Mutex
	saves    int
	refusals int
}

func (s *hooks) BeforeHeaders(h http.Header) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saves++
	if s.err == nil {
		h.Add("Set-Cookie", cookie)
	}
	return s.err
}

func (s *hooks) Refuse(w http.ResponseWriter, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals++
	http.Error(w, "refused: "+err.Error(), http.StatusServiceUnavailable)
}

func (s *hooks) counts() (saves, refusals int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saves, s.refusals
}

// middleware is what the package is for, in its smallest form.
func middleware(h commit.Hooks, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c commit.Writer
		defer c.Close()
		next.ServeHTTP(c.Wrap(w, h), r)
		_ = c.Commit() // the response says it
	})
}

// protocols are the servers of net/http.
var protocols = []string{"HTTP/1.1", "HTTP/2.0"}

// site is a running server.
type site struct {
	*httptest.Server
	proto string
	hooks *hooks
	log   *logbook
	done  chan struct{} // receives when a handler, with its middleware, has returned
}

// open starts a server with h behind the middleware, and whatever outer adds
// outside of it.
func open(t *testing.T, proto string, s *hooks, h http.HandlerFunc, outer ...func(http.Handler) http.Handler) *site {
	t.Helper()
	whole := middleware(s, h)
	for _, wrap := range outer {
		whole = wrap(whole)
	}
	at := &site{proto: proto, hooks: s, log: new(logbook), done: make(chan struct{}, 100)}
	at.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { at.done <- struct{}{} }()
		whole.ServeHTTP(w, r)
	}))
	at.Config.ErrorLog = log.New(at.log, "", 0)
	if proto == "HTTP/2.0" {
		at.EnableHTTP2 = true
		at.StartTLS()
	} else {
		at.Start()
	}
	at.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(at.Close)
	return at
}

// answer is a whole response, read to its end.
type answer struct {
	*http.Response
	body    string
	bodyErr error
}

// ask sends one request and returns when the answer is read and the handler
// has returned.
func (at *site) ask(t *testing.T, method string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, at.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := at.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Proto != at.proto {
		t.Fatalf("the protocol is %s, want %s", resp.Proto, at.proto)
	}
	body, err := io.ReadAll(resp.Body)
	<-at.done
	return answer{resp, string(body), err}
}

// raw sends text to an HTTP/1.1 site over a connection of its own and returns all that comes back.
func (at *site) raw(t *testing.T, text string) string {
	t.Helper()
	conn := at.dial(t)
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	<-at.done
	return string(got)
}

func (at *site) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", at.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// sent checks that the cookie came once, after one save and no refusal.
func (at *site) sent(t *testing.T, a answer) {
	t.Helper()
	if got := a.Header["Set-Cookie"]; len(got) != 1 || got[0] != cookie {
		t.Errorf("Set-Cookie is %q, want %q once", got, cookie)
	}
	if saves, refusals := at.hooks.counts(); saves != 1 || refusals != 0 {
		t.Errorf("%d saves and %d refusals, want 1 and 0", saves, refusals)
	}
}

// refused checks that the answer is the refusal and nothing else.
func (at *site) refused(t *testing.T, a answer, method string) {
	t.Helper()
	want := "refused: " + errSave.Error() + "\n"
	if method == http.MethodHead {
		want = ""
	}
	if a.StatusCode != http.StatusServiceUnavailable || a.body != want || a.bodyErr != nil {
		t.Errorf("the answer is %d %q (%v), want 503 %q", a.StatusCode, a.body, a.bodyErr, want)
	}
	if saves, refusals := at.hooks.counts(); saves != 1 || refusals != 1 {
		t.Errorf("%d saves and %d refusals, want 1 and 1", saves, refusals)
	}
	for name := range a.Header {
		switch name {
		case "Content-Type", "X-Content-Type-Options", "Content-Length", "Date": // http.Error's
		case "X-Request-Id", "Access-Control-Allow-Origin": // from further out
		default:
			t.Errorf("%s: %q left with the refusal", name, a.Header[name])
		}
	}
	if len(a.Trailer) != 0 {
		t.Errorf("trailers %v left with the refusal", a.Trailer)
	}
}

// logbook keeps what a server logs.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// overEach runs test for each protocol.
func overEach(t *testing.T, test func(t *testing.T, proto string)) {
	for _, proto := range protocols {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			test(t, proto)
		})
	}
}
