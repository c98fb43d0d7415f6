package commit_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/fxsession/sessions/internal/commit"
)

// ways are all the first acts of a handler that make the headers leave, or
// leave it to the server.
var ways = []struct {
	name   string
	method string
	act    func(w http.ResponseWriter)
	status int
	body   string
}{
	{"nothing at all", "GET", func(http.ResponseWriter) {}, 200, ""},
	{"Write", "GET", func(w http.ResponseWriter) { w.Write([]byte("hello")) }, 200, "hello"},
	{"Write of nothing", "GET", func(w http.ResponseWriter) { w.Write(nil) }, 200, ""},
	{"WriteString", "GET", func(w http.ResponseWriter) { w.(io.StringWriter).WriteString("hello") }, 200, "hello"},
	{"WriteHeader 201", "POST", func(w http.ResponseWriter) { w.WriteHeader(201); io.WriteString(w, "made") }, 201, "made"},
	{"WriteHeader 204", "GET", func(w http.ResponseWriter) { w.WriteHeader(204) }, 204, ""},
	{"WriteHeader 302", "GET", func(w http.ResponseWriter) { w.Header().Set("Location", "/"); w.WriteHeader(302) }, 302, ""},
	{"WriteHeader 304", "GET", func(w http.ResponseWriter) { w.WriteHeader(304) }, 304, ""},
	{"WriteHeader 599", "GET", func(w http.ResponseWriter) { w.WriteHeader(599) }, 599, ""},
	{"HEAD, nothing", "HEAD", func(http.ResponseWriter) {}, 200, ""},
	{"HEAD, Write", "HEAD", func(w http.ResponseWriter) { io.WriteString(w, "hello") }, 200, ""},
	{"Flush", "GET", func(w http.ResponseWriter) { w.(http.Flusher).Flush(); io.WriteString(w, "hello") }, 200, "hello"},
	{"FlushError", "GET", func(w http.ResponseWriter) { http.NewResponseController(w).Flush(); io.WriteString(w, "hello") }, 200, "hello"},
	{"Flush of the guard", "GET", func(w http.ResponseWriter) { guardOf(w).(http.Flusher).Flush(); io.WriteString(w, "hello") }, 200, "hello"},
	{"Write of the guard", "GET", func(w http.ResponseWriter) { io.WriteString(guardOf(w), "hello") }, 200, "hello"},
	{"io.Copy", "GET", func(w http.ResponseWriter) { io.Copy(w, strings.NewReader("hello")) }, 200, "hello"},
	{"Commit by a status after a 103", "GET", func(w http.ResponseWriter) { w.WriteHeader(103); w.WriteHeader(202) }, 202, ""},
}

func guardOf(w http.ResponseWriter) http.ResponseWriter {
	return w.(interface{ Unwrap() http.ResponseWriter }).Unwrap()
}

func TestB1_B2_EveryWayToAnswerCarriesTheCookieOnceAfterOneSave(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, proto string) {
		for _, way := range ways {
			t.Run(way.name, func(t *testing.T) {
				t.Parallel()
				at := open(t, proto, &hooks{}, func(w http.ResponseWriter, _ *http.Request) { way.act(w) })
				a := at.ask(t, way.method)
				at.sent(t, a)
				if a.StatusCode != way.status || a.body != way.body {
					t.Errorf("the answer is %d %q, want %d %q", a.StatusCode, a.body, way.status, way.body)
				}
			})
		}
	})
}

func TestB2_FlushSendsTheCookieWhileTheHandlerIsStillAtWork(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, proto string) {
		arrived := make(chan struct{})
		at := open(t, proto, &hooks{}, func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Errorf("Flush: %v", err)
			}
			<-arrived
			io.WriteString(w, "the rest")
		})
		resp, err := at.Client().Get(at.URL)
		close(arrived)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		at.sent(t, answer{resp, string(body), err})
		if string(body) != "the rest" {
			t.Errorf("the body is %q", body)
		}
	})
}

func TestB2_FlushErrorReturnsWhatTheConnectionSays(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken pipe")
	var c commit.Writer
	w := c.Wrap(brokenFlusher{httptest.NewRecorder(), broken}, &hooks{})
	if err := w.(interface{ FlushError() error }).FlushError(); err != broken {
		t.Errorf("FlushError returned %v, want %v", err, broken)
	}
	if err := http.NewResponseController(w).Flush(); err != broken {
		t.Errorf("the controller's Flush returned %v, want %v", err, broken)
	}
}

type brokenFlusher struct {
	http.ResponseWriter
	err error
}

func (b brokenFlusher) Flush()            {}
func (b brokenFlusher) FlushError() error { return b.err }

func TestB3_InformationalResponsesCarryNothingOfOursAndLeaveTheTimeForChangesOpen(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, proto string) {
		s := &hooks{}
		at := open(t, proto, s, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			for _, status := range []int{103, 102, 199} {
				w.WriteHeader(status)
				if saves, _ := s.counts(); saves != 0 {
					t.Errorf("saved for a %d", status)
				}
			}
			io.WriteString(w, "hello")
			w.WriteHeader(103) // too late
		})
		var seen []string
		trace := &httptrace.ClientTrace{Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
			seen = append(seen, fmt.Sprint(status, h["Link"], h["Set-Cookie"]))
			return nil
		}}
		req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", at.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := at.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if want := "103 [</style.css>; rel=preload] []|102 [</style.css>; rel=preload] []|199 [</style.css>; rel=preload] []"; strings.Join(seen, "|") != want {
			t.Errorf("the informational responses are %v", seen)
		}
		<-at.done
		at.sent(t, answer{Response: resp})
	})
}

func TestB3_AnInformationalResponseAfterACommitByHandIsDropped(t *testing.T) {
	t.Parallel()
	var c commit.Writer
	below := &statuses{ResponseWriter: httptest.NewRecorder()}
	w := c.Wrap(below, &hooks{})
	w.WriteHeader(103)
	if err := c.Commit(); err != nil {
		t.Fatal(err)
	}
	w.WriteHeader(103) // would carry the cookie
	w.WriteHeader(201)
	if got := fmt.Sprint(below.got); got != "[103 201]" {
		t.Errorf("the statuses that left are %s", got)
	}
}

// statuses notes every WriteHeader.
type statuses struct {
	http.ResponseWriter
	got []int
}

func (s *statuses) WriteHeader(status int) { s.got = append(s.got, status) }

func TestB5_WhenTheSaveFailsOnlyTheRefusalLeaves(t *testing.T) {
	t.Parallel()
	further := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request-Id", "7")
			w.Header().Set("Access-Control-Allow-Origin", "*")
			next.ServeHTTP(w, r)
		})
	}
	overEach(t, func(t *testing.T, proto string) {
		for _, way := range ways {
			t.Run(way.name, func(t *testing.T) {
				t.Parallel()
				at := open(t, proto, &hooks{err: errSave}, func(w http.ResponseWriter, _ *http.Request) {
					h := w.Header()
					for _, name := range []string{
						"Content-Type", "Content-Encoding", "Content-Disposition", "Content-Range", "Content-Language",
						"Accept-Ranges", "ETag", "Last-Modified", "Cache-Control", "Expires", "Location", "Refresh", "Age",
						"Clear-Site-Data", "X-Accel-Redirect", "X-Sendfile", "X-Lighttpd-Send-File", "X-Accel-Expires",
						"CDN-Cache-Control", "Surrogate-Control", "HX-Redirect", "Content-Digest", "Content-Location", "Link", "Pragma", "Repr-Digest", "Retry-After",
						http.TrailerPrefix + "X-Early", "X-Sum", "X-Count",
					} {
						h.Set(name, "the handler's")
					}
					h["content-md5"] = nil
					h["etag"] = []string{"not canonical"}
					h.Set("Content-Length", "5")
					h.Add("Trailer", "X-Sum, X-Count")
					h.Add("Set-Cookie", "the=handler's")
					way.act(w)
					w.Header().Set(http.TrailerPrefix+"X-Late", "the handler's")
					w.Header().Set("X-Sum", "the handler's")
				}, further)
				a := at.ask(t, way.method)
				at.refused(t, a, way.method)
				if a.Header.Get("X-Request-Id") != "7" || a.Header.Get("Access-Control-Allow-Origin") != "*" {
					t.Errorf("the headers from further out are gone: %v", a.Header)
				}
			})
		}
	})
}

func TestB5_AfterAFailedSaveEverythingReturnsItsError(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, proto string) {
		at := open(t, proto, &hooks{err: errSave}, func(w http.ResponseWriter, _ *http.Request) {
			ctl := http.NewResponseController(w)
			for range 2 {
				_, write := w.Write([]byte("hello"))
				_, writeString := io.WriteString(w, "hello")
				_, copied := io.Copy(w, strings.NewReader("hello"))
				_, guarded := io.WriteString(guardOf(w), "hello")
				for i, err := range []error{write, writeString, copied, guarded, ctl.Flush()} {
					if err != errSave {
						t.Errorf("%d: the error is %v, want the save's", i, err)
					}
				}
				if proto == "HTTP/1.1" {
					if conn, _, err := ctl.Hijack(); conn != nil || err != errSave {
						t.Errorf("Hijack returned %v, %v", conn, err)
					}
				}
				w.(http.Flusher).Flush()
				w.WriteHeader(200)
				w.WriteHeader(103)
			}
		})
		at.refused(t, at.ask(t, "GET"), "GET")
		if log := at.log.String(); log != "" {
			t.Errorf("the server complains: %s", log)
		}
	})
}

// Some who refuse look for the response in the context of a router, and find
// that of the handler.
func TestB5_WhoRefusesThroughTheHandlersWriterDoesNotWaitForItself(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(w http.ResponseWriter) error{
		"Write":       func(w http.ResponseWriter) error { _, err := w.Write([]byte("sorry")); return err },
		"WriteHeader": func(w http.ResponseWriter) error { w.WriteHeader(503); return errSave },
		"Flush":       func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
		"ReadFrom":    func(w http.ResponseWriter) error { _, err := io.Copy(w, strings.NewReader("sorry")); return err },
	} {
		d := newDiary()
		var c commit.Writer
		var w http.ResponseWriter
		w = c.Wrap(belowWith(d, 0b11111), hookFuncs{
			func(http.Header) error { return errSave },
			func(below http.ResponseWriter, err error) {
				if err := act(w); err != errSave {
					t.Errorf("%s of who refuses: %v, want the error of the save", name, err)
				}
				below.WriteHeader(500)
			},
		})
		if _, err := w.Write([]byte("hello")); err != errSave {
			t.Errorf("%s: the handler's write: %v", name, err)
		}
		if !slices.Equal(d.notes, []string{"WriteHeader"}) {
			t.Errorf("%s: below were called %v", name, d.notes)
		}
	}
}

func TestB5_WhenTheSaveFailsTheConnectionIsNotTakenOver(t *testing.T) {
	t.Parallel()
	at := open(t, "HTTP/1.1", &hooks{err: errSave}, func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := w.(http.Hijacker).Hijack(); conn != nil || err != errSave {
			t.Errorf("Hijack returned %v, %v, want nothing and the save's error", conn, err)
		}
		http.Error(w, "cannot upgrade", http.StatusInternalServerError)
	})
	at.refused(t, at.ask(t, "GET"), "GET")
}

func TestB8_StartedTurnsTrueWhenTheCommitBegins(t *testing.T) {
	t.Parallel()
	var c commit.Writer
	inside := false
	w := c.Wrap(httptest.NewRecorder(), hookFuncs{before: func(http.Header) error {
		inside = c.Started()
		return nil
	}})
	w.Header().Set("X-A", "b")
	w.WriteHeader(100)
	if c.Started() {
		t.Error("started by a header and a 100")
	}
	w.Write(nil)
	if !inside || !c.Started() {
		t.Errorf("started is %t in the hook and %t after it, want true", inside, c.Started())
	}
}

// hookFuncs are hooks made of functions.
type hookFuncs struct {
	before func(http.Header) error
	refuse func(http.ResponseWriter, error)
}

func (f hookFuncs) BeforeHeaders(h http.Header) error          { return f.before(h) }
func (f hookFuncs) Refuse(w http.ResponseWriter, reason error) { f.refuse(w, reason) }

func TestCommitReturnsTheFirstErrorForEverAfter(t *testing.T) {
	t.Parallel()
	for _, want := range []error{nil, errSave} {
		s := &hooks{err: want}
		var c commit.Writer
		w := c.Wrap(httptest.NewRecorder(), s)
		for range 3 {
			if err := c.Commit(); err != want {
				t.Errorf("Commit returned %v, want %v", err, want)
			}
			io.WriteString(w, "hello")
		}
		if saves, _ := s.counts(); saves != 1 {
			t.Errorf("%d saves", saves)
		}
	}
}

func TestACommitByHandLeavesTheStatusOpen(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	var c commit.Writer
	w := c.Wrap(rec, &hooks{})
	if err := c.Commit(); err != nil {
		t.Fatal(err)
	}
	w.Header().Set("X-After", "1")
	w.WriteHeader(201)
	if res := rec.Result(); res.StatusCode != 201 || res.Header.Get("X-After") != "1" || res.Header.Get("Set-Cookie") != cookie {
		t.Errorf("the answer is %d %v", res.StatusCode, res.Header)
	}
}

func TestAnInvalidStatusPanicsAsInNetHTTPAndCommitsNothing(t *testing.T) {
	t.Parallel()
	for _, status := range []int{-1, 0, 99, 1000} {
		bare := panicOf(func() { httptest.NewRecorder().WriteHeader(status) })
		s := &hooks{}
		var c commit.Writer
		w := c.Wrap(httptest.NewRecorder(), s)
		if got := panicOf(func() { w.WriteHeader(status) }); got != bare || got == nil {
			t.Errorf("WriteHeader(%d) panics with %v, want %v", status, got, bare)
		}
		if saves, _ := s.counts(); saves != 0 || c.Started() {
			t.Errorf("WriteHeader(%d) committed", status)
		}
	}
}

func TestB6_AHandlerThatPanicsSavesNothingAndThePanicGoesOn(t *testing.T) {
	t.Parallel()
	var value any
	note := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				value = recover()
				panic(value)
			}()
			next.ServeHTTP(w, r)
		})
	}
	s := &hooks{}
	at := open(t, "HTTP/1.1", s, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, note)
	if resp, err := at.Client().Get(at.URL); err == nil {
		resp.Body.Close()
		t.Errorf("the answer is %s, want none", resp.Status)
	}
	<-at.done
	if saves, _ := s.counts(); saves != 0 || value != http.ErrAbortHandler {
		t.Errorf("%d saves, panic value %v", saves, value)
	}
}

func panicOf(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}
