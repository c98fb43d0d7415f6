package commit_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/commit"
)

// The model of the writer is net/http itself: around hooks that do nothing, a
// handler gets the same results, and the client the same bytes, with the writer
// and without it. A program, one byte a step, says what the handler does.

// play runs program and returns what the handler saw.
func play(w http.ResponseWriter, program []byte) (saw []string) {
	note := func(args ...any) { saw = append(saw, fmt.Sprintln(args...)) }
	ctl := http.NewResponseController(w)
	statuses := []int{100, 102, 103, 200, 200, 201, 204, 302, 304, 404, 500, 999, 0, 99, 1000}
	names := []string{"X-A", "Content-Length", "Content-Type", "Trailer", "X-Trailer", http.TrailerPrefix + "X-Late", "Connection", "Set-Cookie"}
	values := []string{"5", "close", "X-Trailer", "text/plain", ""}
	// A copy commits, and sends nothing if there is nothing to read. This is the
	// one difference: an informational status after it is dropped.
	emptyCopy := false
	for i, step := range program {
		more := int(step) / 12
		text := strings.Repeat("0123456789abcdef", more*more)[:more*more*2]
		switch step % 12 {
		case 0:
			w.Header().Set(names[more%len(names)], values[i%len(values)])
		case 1:
			w.Header().Add(names[more%len(names)], values[i%len(values)])
		case 2:
			note("header", len(w.Header()))
		case 3:
			status := statuses[more%len(statuses)]
			if emptyCopy && 100 <= status && status <= 199 {
				break
			}
			note("status", status, panicOf(func() { w.WriteHeader(status) }))
		case 4:
			n, err := w.Write([]byte(text))
			note("write", n, err)
		case 5:
			n, err := io.WriteString(w, text)
			note("write string", n, err)
		case 6:
			n, err := io.Copy(w, io.LimitReader(strings.NewReader(text), int64(more*5)))
			note("copy", n, err)
			emptyCopy = emptyCopy || n == 0
		case 7:
			n, err := io.Copy(w, io.MultiReader(strings.NewReader(text), readerFunc(func([]byte) (int, error) { return 0, errSave })))
			note("copy of a reader that fails", n, errors.Is(err, errSave)) // its text names a port
			emptyCopy = emptyCopy || n == 0
		case 8:
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
				note("flush")
			}
		case 9:
			note("controller", ctl.Flush(), ctl.SetWriteDeadline(time.Time{}), ctl.SetReadDeadline(time.Time{}), ctl.EnableFullDuplex())
		case 10:
			if p, ok := w.(http.Pusher); ok {
				note("push", p.Push("/x", nil) != nil)
			}
		case 11:
			if more < 20 {
				break
			}
			conn, _, err := ctl.Hijack()
			note("hijack", errors.Is(err, http.ErrNotSupported))
			if conn != nil {
				io.WriteString(conn, text)
				conn.Close()
				return saw
			}
		}
	}
	return saw
}

// nothing is a hook that does nothing.
type nothing struct{}

func (nothing) BeforeHeaders(http.Header) error   { return nil }
func (nothing) Refuse(http.ResponseWriter, error) {}

// stage plays programs on one server, with the writer and without it.
type stage struct {
	*httptest.Server
	program []byte
	wrapped bool
	saw     chan []string
}

func newStage(t testing.TB, http2 bool) *stage {
	s := &stage{saw: make(chan []string, 1)}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		play := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { s.saw <- play(w, s.program) })
		if s.wrapped {
			middleware(nothing{}, play).ServeHTTP(w, r)
		} else {
			play(w, r)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if http2 {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	s.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(s.Close)
	return s
}

// bytes returns all that the server sends for program over HTTP/1.
func (s *stage) bytes(t *testing.T, request string, program []byte, wrapped bool) string {
	s.program, s.wrapped = program, wrapped
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, request)
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return wire(string(got)) + strings.Join(<-s.saw, "")
}

// response returns all that a client knows of the response to program. What the
// handler saw is left out: over HTTP/2 its errors depend on how far the client
// has got.
func (s *stage) response(t *testing.T, method string, program []byte, wrapped bool) string {
	s.program, s.wrapped = program, wrapped
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	<-s.saw
	resp.Header.Del("Date")
	return fmt.Sprintln(resp.Proto, resp.Status, ordered(resp.Header), string(body), err != nil, ordered(resp.Trailer))
}

func ordered(h http.Header) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		lines = append(lines, fmt.Sprint(name, h[name]))
	}
	return lines
}

var requests = []string{
	"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"GET / HTTP/1.0\r\n\r\n",
}

// compare plays program on both stages.
func compare(t *testing.T, http1, http2 *stage, program []byte, which int) {
	t.Helper()
	request := requests[which%len(requests)]
	if want, got := http1.bytes(t, request, program, false), http1.bytes(t, request, program, true); got != want {
		t.Fatalf("%v, %q: the bytes are\n%q, want\n%q", program, request, got, want)
	}
	method, _, _ := strings.Cut(request, " ")
	if want, got := http2.response(t, method, program, false), http2.response(t, method, program, true); got != want {
		t.Fatalf("%v, %s: over HTTP/2 the response is\n%q, want\n%q", program, method, got, want)
	}
}

func TestWithIdleHooksTheBytesAreThoseOfNetHTTP(t *testing.T) {
	t.Parallel()
	http1, http2 := newStage(t, false), newStage(t, true)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 500 {
		program := make([]byte, random.IntN(12))
		for j := range program {
			program[j] = byte(random.IntN(256))
		}
		compare(t, http1, http2, program, i)
	}
}

func FuzzWithIdleHooksTheBytesAreThoseOfNetHTTP(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 3, 4, 251})
	f.Add([]byte{27, 39, 49, 8, 3})
	http1, http2 := newStage(f, false), newStage(f, true)
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) < 100 {
			compare(t, http1, http2, program, len(program))
		}
	})
}

var _ commit.Hooks = nothing{}
