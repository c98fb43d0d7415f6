package commit_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// Here the bytes on the wire matter.

// wire replaces the date in what a server sent.
func wire(s string) string {
	lines := strings.SplitAfter(s, "\r\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "Date: ") {
			lines[i] = "Date: -\r\n"
		}
	}
	return strings.Join(lines, "")
}

const dated = "Date: -\r\n"

func TestB1_B3_TheBytesOnTheWire(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, request string
		act           http.HandlerFunc
		want          string
	}{
		{
			"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n",
			func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") },
			"HTTP/1.0 200 OK\r\nSet-Cookie: saved=yes\r\n" + dated + "Content-Length: 5\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello",
		},
		{
			"HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") },
			"HTTP/1.1 200 OK\r\nSet-Cookie: saved=yes\r\n" + dated + "Content-Length: 5\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n",
		},
		{
			"204", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusNoContent)
				if _, err := io.WriteString(w, "hello"); err != http.ErrBodyNotAllowed {
					t.Errorf("a body with a 204 gives %v", err)
				}
			},
			"HTTP/1.1 204 No Content\r\nSet-Cookie: saved=yes\r\n" + dated + "Connection: close\r\n\r\n",
		},
		{
			"103 before 200", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Link", "</a>")
				w.WriteHeader(http.StatusEarlyHints)
				w.Header().Del("Link")
			},
			"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" +
				"HTTP/1.1 200 OK\r\nSet-Cookie: saved=yes\r\n" + dated + "Content-Length: 0\r\nConnection: close\r\n\r\n",
		},
		{
			"101 by hand", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Connection", "Upgrade")
				w.Header().Set("Upgrade", "echo")
				w.WriteHeader(http.StatusSwitchingProtocols)
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(conn, "now it is another protocol")
				conn.Close()
			},
			"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nSet-Cookie: saved=yes\r\nUpgrade: echo\r\n" + dated + "\r\nnow it is another protocol",
		},
		{
			"Hijack", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
			func(w http.ResponseWriter, _ *http.Request) {
				conn, buf, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				// The writer keeps its hands off: what it would send is the
				// business of whoever took the connection.
				if _, err := io.WriteString(w, "hello"); err != http.ErrHijacked {
					t.Errorf("writing after Hijack gives %v", err)
				}
				buf.WriteString("mine, with " + w.Header().Get("Set-Cookie"))
				buf.Flush()
				conn.Close()
			},
			"mine, with saved=yes",
		},
		{
			"trailers", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Trailer", "X-Announced")
				w.(http.Flusher).Flush()
				io.WriteString(w, "hello")
				w.Header().Set("X-Announced", "1")
				w.Header().Set(http.TrailerPrefix+"X-Late", "2")
			},
			"HTTP/1.1 200 OK\r\nSet-Cookie: saved=yes\r\nTrailer: X-Announced\r\n" + dated +
				"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Announced: 1\r\nX-Late: 2\r\n\r\n",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := &hooks{}
			if got := wire(open(t, "HTTP/1.1", s, row.act).raw(t, row.request)); got != row.want {
				t.Errorf("on the wire is\n%q, want\n%q", got, row.want)
			}
			if saves, _ := s.counts(); saves != 1 {
				t.Errorf("%d saves", saves)
			}
		})
	}
}

func TestB5_TheBytesOfARefusal(t *testing.T) {
	t.Parallel()
	at := open(t, "HTTP/1.1", &hooks{err: errSave}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Announced")
		w.Header().Set("X-Announced", "early")
		w.(http.Flusher).Flush()
		io.WriteString(w, "hello")
		w.Header().Set("X-Announced", "1")
		w.Header().Set(http.TrailerPrefix+"X-Late", "2")
	})
	want := "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n" +
		dated + "Content-Length: 27\r\nConnection: close\r\n\r\nrefused: the store is away\n"
	if got := wire(at.raw(t, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")); got != want {
		t.Errorf("on the wire is\n%q, want\n%q", got, want)
	}
}
