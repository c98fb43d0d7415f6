package commit_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/commit"
)

func TestB9_TimeoutHandlerOutside(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, proto string) {
		outside := func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Minute, "too late") }
		for _, way := range ways {
			if way.method == "HEAD" || strings.Contains(way.name, "Flush of") || strings.Contains(way.name, "103") {
				continue // http.TimeoutHandler has no Flush, and takes a 103 for the status
			}
			at := open(t, proto, &hooks{}, func(w http.ResponseWriter, _ *http.Request) {
				if f, ok := w.(http.Flusher); ok {
					t.Errorf("there is a %T", f)
				}
				if strings.HasPrefix(way.name, "Flush") {
					return
				}
				way.act(w)
			}, outside)
			at.sent(t, at.ask(t, way.method))
		}
	})
}

func TestB9_TimeoutHandlerOutsideGivesUpWhileTheHandlerIsWriting(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, proto string) {
		returned := make(chan error, 1)
		outside := func(next http.Handler) http.Handler {
			impatient := http.TimeoutHandler(next, time.Minute, "too late")
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithDeadline(r.Context(), time.Now())
				defer cancel()
				impatient.ServeHTTP(w, r.WithContext(ctx))
			})
		}
		at := open(t, proto, &hooks{}, func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			for {
				if _, err := io.WriteString(w, "hello"); err != nil {
					returned <- err
					return
				}
			}
		}, outside)
		a := at.ask(t, "GET")
		if err := <-returned; err != http.ErrHandlerTimeout {
			t.Errorf("the late handler's write returned %v", err)
		}
		if a.StatusCode != 503 || a.body != "too late" || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("the answer is %d %q %v", a.StatusCode, a.body, a.Header)
		}
	})
}

func TestB9_TimeoutHandlerInside(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, proto string) {
		late := make(chan error, 1)
		inside := func(patience time.Duration) http.HandlerFunc {
			return http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if patience < time.Second {
					<-r.Context().Done()
				}
				var err error
				for range 100 {
					_, err = io.WriteString(w, "x")
				}
				late <- err
			}), patience, "too late").ServeHTTP
		}

		at := open(t, proto, &hooks{}, inside(time.Minute))
		a := at.ask(t, "GET")
		at.sent(t, a)
		if err := <-late; err != nil || a.StatusCode != 200 || len(a.body) != 100 {
			t.Errorf("the answer is %d %q, the write returned %v", a.StatusCode, a.body, err)
		}

		at = open(t, proto, &hooks{}, inside(0))
		a = at.ask(t, "GET")
		at.sent(t, a)
		if a.StatusCode != 503 || a.body != "too late" {
			t.Errorf("the answer is %d %q", a.StatusCode, a.body)
		}
		<-late
	})
}

// named is a hook that sets a cookie of its own, or fails.
type named struct {
	hooks
	cookie string
}

func (n *named) BeforeHeaders(h http.Header) error {
	if err := n.hooks.BeforeHeaders(http.Header{}); err != nil {
		return err
	}
	h.Add("Set-Cookie", n.cookie)
	return nil
}

func TestB9_TwoWritersInOneChain(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, proto string) {
		for _, way := range ways {
			for _, row := range []struct {
				name         string
				inner, outer error
				cookies      []string
				status       int
				refusals     [2]int // inner, outer
			}{
				{"both save", nil, nil, []string{"inner=1", "outer=1"}, way.status, [2]int{0, 0}},
				{"the inner fails", errSave, nil, []string{"outer=1"}, 503, [2]int{1, 0}},
				{"the outer fails", nil, errSave, nil, 503, [2]int{0, 1}},
				{"both fail", errSave, errSave, nil, 503, [2]int{1, 1}},
			} {
				t.Run(way.name+", "+row.name, func(t *testing.T) {
					t.Parallel()
					inner := &named{hooks{err: row.inner}, "inner=1"}
					outer := &named{hooks{err: row.outer}, "outer=1"}
					at := open(t, proto, &hooks{}, nil, func(http.Handler) http.Handler {
						return middleware(outer, middleware(inner, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { way.act(w) })))
					})
					a := at.ask(t, way.method)
					got := slices.Clone(a.Header["Set-Cookie"])
					slices.Sort(got)
					if a.StatusCode != row.status || !slices.Equal(got, row.cookies) {
						t.Errorf("the answer is %d with the cookies %v, want %d with %v", a.StatusCode, got, row.status, row.cookies)
					}
					innerSaves, innerRefusals := inner.counts()
					outerSaves, outerRefusals := outer.counts()
					if innerSaves != 1 || outerSaves != 1 || [2]int{innerRefusals, outerRefusals} != row.refusals {
						t.Errorf("saves %d and %d, refusals %d and %d", innerSaves, outerSaves, innerRefusals, outerRefusals)
					}
				})
			}
		}
	})
}

func TestB9_Trailers(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, proto string) {
		at := open(t, proto, &hooks{}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Announced")
			io.WriteString(w, "hello")
			w.(http.Flusher).Flush()
			w.Header().Set("X-Announced", "1")
			w.Header().Set(http.TrailerPrefix+"X-Late", "2")
		})
		a := at.ask(t, "GET")
		at.sent(t, a)
		if a.body != "hello" || a.Trailer.Get("X-Announced") != "1" || a.Trailer.Get("X-Late") != "2" {
			t.Errorf("the body is %q, the trailers are %v", a.body, a.Trailer)
		}
	})
}

func TestB9_ASecondWriteHeaderIsSuperfluousAsInNetHTTP(t *testing.T) {
	t.Parallel()
	overEach(t, func(t *testing.T, proto string) {
		at := open(t, proto, &hooks{}, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			w.WriteHeader(500)
			w.WriteHeader(103)
		})
		a := at.ask(t, "GET")
		at.sent(t, a)
		if a.StatusCode != 201 {
			t.Errorf("the status is %d, want the first one", a.StatusCode)
		}
		// net/http complains over HTTP/1.1 alone.
		if complained := strings.Contains(at.log.String(), "superfluous"); complained != (proto == "HTTP/1.1") {
			t.Errorf("the server logs %q", at.log)
		}
	})
}

// embedding shows the Writer as a part of a middleware's own value.
type embedding struct {
	writer commit.Writer
	saves  int
}

func (e *embedding) BeforeHeaders(http.Header) error { e.saves++; return nil }

func (e *embedding) Refuse(http.ResponseWriter, error) {}

func TestTheWriterIsEmbeddedByValue(t *testing.T) {
	t.Parallel()
	var e embedding
	d := newDiary()
	io.WriteString(e.writer.Wrap(d, &e), "hello")
	if e.saves != 1 || d.rec.Body.String() != "hello" {
		t.Errorf("%d saves, the body is %q", e.saves, d.rec.Body)
	}
}
