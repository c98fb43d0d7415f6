package commit_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/commit"
	"github.com/fxsession/sessions/internal/testkit"
)

func TestAfterCloseOfABegunResponseNothingReachesTheWriterBelow(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		begin func(w http.ResponseWriter)
		hooks *hooks
	}{
		"WriteHeader": {func(w http.ResponseWriter) { w.WriteHeader(200) }, &hooks{}},
		"Write":       {func(w http.ResponseWriter) { io.WriteString(w, "hello") }, &hooks{}},
		"a refusal":   {func(w http.ResponseWriter) { w.WriteHeader(200) }, &hooks{err: errSave}},
	} {
		d := newDiary()
		var c commit.Writer
		w := c.Wrap(belowWith(d, 0b11111), row.hooks)
		row.begin(w)
		d.notes = nil
		c.Close()
		c.Close()

		ctl := http.NewResponseController(w)
		_, write := w.Write([]byte("late"))
		_, writeString := io.WriteString(w, "late")
		_, readFrom := w.(io.ReaderFrom).ReadFrom(strings.NewReader("late"))
		_, _, hijack := ctl.Hijack()
		for i, err := range []error{
			write, writeString, readFrom, hijack, ctl.Flush(), ctl.SetReadDeadline(time.Time{}),
			ctl.SetWriteDeadline(time.Time{}), ctl.EnableFullDuplex(), w.(http.Pusher).Push("/", nil), c.Commit(),
		} {
			if !errors.Is(err, commit.ErrClosed) {
				t.Errorf("%s, %d: the error is %v, want ErrClosed", name, i, err)
			}
		}
		w.WriteHeader(500)
		w.WriteHeader(103)
		w.(http.Flusher).Flush()
		w.Header().Set("X-Late", "1")
		//lint:ignore SA1019 deprecated, and still called by routers
		if w.(http.CloseNotifier).CloseNotify() != nil {
			t.Errorf("%s: CloseNotify returned a channel", name)
		}
		if len(d.notes) != 0 || d.Header().Get("X-Late") != "" {
			t.Errorf("%s: below were called %v, the header is %v", name, d.notes, d.Header())
		}
	}
}

// TestAfterCloseAResponseThatNobodyBeganCanStillBeGiven is for routers that
// answer after the middlewares, on what Wrap returned, for a handler that
// returned an error or panicked.
func TestAfterCloseAResponseThatNobodyBeganCanStillBeGiven(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		handler func(w http.ResponseWriter)
		cookie  string
	}{
		{"an error", func(w http.ResponseWriter) { w.WriteHeader(103) }, cookie},
		{"a panic", func(http.ResponseWriter) { panic("out of order") }, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			overEach(t, func(t *testing.T, proto string) {
				s := &hooks{}
				at := open(t, proto, s, nil, func(http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						var kept http.ResponseWriter
						panicOf(func() {
							middleware(s, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
								kept = w
								row.handler(w)
							})).ServeHTTP(w, r)
						})
						kept.Header().Set("X-Late", "1")
						kept.WriteHeader(http.StatusTeapot)
						io.WriteString(kept, "not ")
						io.WriteString(kept, "today")
						if err := http.NewResponseController(kept).Flush(); err != nil {
							t.Errorf("Flush returned %v", err)
						}
					})
				})
				a := at.ask(t, "GET")
				if a.StatusCode != http.StatusTeapot || a.body != "not today" || a.Header.Get("X-Late") != "1" {
					t.Errorf("the answer is %d %q %v", a.StatusCode, a.body, a.Header)
				}
				saves, _ := s.counts()
				if got := a.Header.Get("Set-Cookie"); got != row.cookie || saves != len(a.Cookies()) {
					t.Errorf("Set-Cookie is %q after %d saves, want %q", got, saves, row.cookie)
				}
			})
		})
	}
}

// TestB9_AGoroutineThatOutlivesTheRequest is for the race detector: the server
// recycles its buffers as soon as the handler has returned.
func TestB9_AGoroutineThatOutlivesTheRequest(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, proto string) {
		var late sync.WaitGroup
		at := open(t, proto, &hooks{}, func(w http.ResponseWriter, _ *http.Request) {
			wrote := make(chan struct{})
			late.Go(func() {
				ctl := http.NewResponseController(w)
				for i := 0; ; i++ {
					_, err := io.WriteString(w, "again")
					ctl.Flush()
					ctl.SetWriteDeadline(time.Time{})
					w.Header()
					if i == 3 {
						close(wrote)
					}
					if err != nil {
						if !errors.Is(err, commit.ErrClosed) {
							t.Errorf("the late write returned %v", err)
						}
						return
					}
				}
			})
			<-wrote
		})
		a := at.ask(t, "GET")
		late.Wait()
		at.sent(t, a)
		if a.bodyErr != nil || !strings.HasPrefix(a.body, "againagainagain") {
			t.Errorf("the body is %.20q (%v)", a.body, a.bodyErr)
		}
	})
}

func TestCloseWaitsForACallUnderWayWhichMayCallAgain(t *testing.T) {
	t.Parallel()
	var c commit.Writer
	w := c.Wrap(belowWith(newDiary(), 0b11111), &hooks{})
	ctl := http.NewResponseController(w)
	var returned atomic.Bool
	closed := make(chan struct{})
	io.Copy(w, readerFunc(func([]byte) (int, error) {
		go func() {
			c.Close()
			returned.Store(true)
			close(closed)
		}()
		for ctl.Flush() != commit.ErrClosed { // until Close has begun to wait
			runtime.Gosched()
		}
		if returned.Load() {
			t.Error("Close did not wait for ReadFrom")
		}
		return 0, io.EOF
	}))
	<-closed
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestEveryGoroutineWaitsForACommitUnderWay(t *testing.T) {
	t.Parallel()
	for _, outcome := range []error{nil, errSave} {
		saving, goOn := make(chan struct{}), make(chan struct{})
		var over atomic.Bool
		var c commit.Writer
		w := c.Wrap(testkit.Sink{}, hookFuncs{
			before: func(http.Header) error { close(saving); <-goOn; over.Store(true); return outcome },
			refuse: func(w http.ResponseWriter, _ error) { w.WriteHeader(503) },
		})
		var all sync.WaitGroup
		write := func() {
			if _, err := w.Write(nil); err != outcome || !over.Load() {
				t.Errorf("a write returned %v, want %v; the commit is over: %t", err, outcome, over.Load())
			}
		}
		all.Go(write)
		<-saving
		for range 9 {
			all.Go(write)
		}
		testkit.AwaitLocks(t, 9)
		close(goOn)
		all.Wait()
	}
}

func TestAHookThatPanicsLeavesTheWriterRefusing(t *testing.T) {
	t.Parallel()
	before := func(http.Header) error { panic("out of order") }
	fails := func(http.Header) error { return errSave }
	refuse := func(http.ResponseWriter, error) { panic("out of order") }
	for name, h := range map[string]hookFuncs{"BeforeHeaders": {before, nil}, "Refuse": {fails, refuse}} {
		for entry, act := range map[string]func(http.ResponseWriter, *commit.Writer){
			"Write":       func(w http.ResponseWriter, _ *commit.Writer) { w.Write([]byte("hello")) },
			"WriteHeader": func(w http.ResponseWriter, _ *commit.Writer) { w.WriteHeader(200) },
			"Commit":      func(_ http.ResponseWriter, c *commit.Writer) { c.Commit() },
		} {
			d := newDiary()
			var c commit.Writer
			w := c.Wrap(d, h)
			if got := panicOf(func() { act(w, &c) }); got != "out of order" {
				t.Errorf("%s, %s: the panic is %v", name, entry, got)
			}
			if _, err := w.Write([]byte("hello")); err == nil {
				t.Errorf("%s, %s: a write after the panic succeeded", name, entry)
			}
			w.WriteHeader(200)
			if err := c.Commit(); err == nil {
				t.Errorf("%s, %s: Commit after the panic succeeded", name, entry)
			}
			if len(d.notes) != 0 {
				t.Errorf("%s, %s: below were called %v", name, entry, d.notes)
			}
			c.Close() // must not wait for what panicked
			w.Header().Set("X-Late", "1")
			w.WriteHeader(500) // of whoever recovers further out
			if !slices.Equal(d.notes, []string{"WriteHeader"}) || d.Header().Get("X-Late") != "1" {
				t.Errorf("%s, %s: after Close, below were called %v, the header is %v", name, entry, d.notes, d.Header())
			}
		}
	}
}

func TestB6_APanicInTheHookAbortsTheResponse(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, proto string) {
		abort := func(http.Handler) http.Handler {
			return middleware(hookFuncs{before: func(http.Header) error { panic(http.ErrAbortHandler) }},
				http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
		}
		at := open(t, proto, &hooks{}, nil, abort)
		resp, err := at.Client().Get(at.URL)
		if err == nil {
			resp.Body.Close()
			t.Errorf("the answer is %s, want none", resp.Status)
		}
		<-at.done
	})
}
