package fxsession_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/session"
)

type (
	// stamp is the number of a request, as one request sees it.
	stamp struct{ Number string }
	// echo repeats the stamp further in.
	echo struct{ Stamp *stamp }
	// scrap is a transient value of the request.
	scrap struct{ Number string }
)

func newStamp(r *http.Request) *stamp                    { return &stamp{r.URL.Query().Get("n")} }
func newEcho(s *stamp, _ context.Context, _ scrap) *echo { return &echo{s} }
func newScrap(r *http.Request) (scrap, error)            { return scrap{r.URL.Query().Get("n")}, nil }

func (e *echo) check(r *http.Request, s *stamp, c scrap) bool {
	n := r.URL.Query().Get("n")
	return e.Stamp == s && s.Number == n && c.Number == n
}

// load says how long the test of the load goes on: for 2,000 requests, or as long as
// ROUTES_LOAD says.
func load(t *testing.T) (goesOn func(requests int64) bool) {
	text := os.Getenv("ROUTES_LOAD")
	if text == "" {
		return func(requests int64) bool { return requests <= 2_000 }
	}
	lasts, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(lasts)
	return func(int64) bool { return time.Now().Before(end) }
}

// 64 goroutines over 20 routes: each request sees its own values only, in its
// handler, its post-processors and a goroutine that outlives both.
func TestF3_EachRequestSeesItsOwnValuesOnly(t *testing.T) {
	t.Parallel()
	var late sync.WaitGroup
	items := []fxsession.Item{
		fxsession.RequestScoped(newStamp),
		fxsession.RequestScoped(newEcho),
		fxsession.Transient(newScrap),
	}
	handler := func(w http.ResponseWriter, r *http.Request, ctx context.Context, e *echo, st *stamp, c scrap, s *session.Session, g *greeter) error {
		done := make(chan struct{})
		late.Go(func() { // outlives the request
			<-done
			if !e.check(r, st, c) || s == nil || g.Greeting != "hello" {
				t.Errorf("after request %s: %v %v %v", r.URL.Query().Get("n"), e.Stamp, st, c)
			}
		})
		defer close(done)
		if !e.check(r, st, c) || session.FromContext(ctx) != s {
			t.Errorf("request %s: %v %v %v", r.URL.Query().Get("n"), e.Stamp, st, c)
		}
		if r.URL.Query().Has("panic") {
			panic(http.ErrAbortHandler)
		}
		if err := visits.Set(ctx, s, len(st.Number)); err != nil {
			return err
		}
		_, err := io.WriteString(w, st.Number)
		return err
	}
	post := func(res fxsession.Response, r *http.Request, st *stamp, e *echo, c scrap) {
		if !e.check(r, st, c) {
			t.Errorf("post-processing %s: %v %v %v", r.URL.Query().Get("n"), e.Stamp, st, c)
		}
		res.Header().Set("X-Stamp", e.Stamp.Number)
	}
	for i := range 10 {
		items = append(items,
			fxsession.Handle(fmt.Sprintf("GET /%d", i), handler),
			fxsession.Group("/processed", fxsession.PostProcess(post), fxsession.Handle(fmt.Sprintf("GET /%d", i), handler)))
	}
	h := serve(t, fx.Supply(&greeter{"hello"}), fxsession.Routes(items...))

	var numbers atomic.Int64
	goesOn := load(t)
	var workers sync.WaitGroup
	for range 64 {
		workers.Go(func() {
			for n := numbers.Add(1); goesOn(n) && !t.Failed(); n = numbers.Add(1) {
				number := strconv.FormatInt(n, 10)
				target := "/" + strconv.FormatInt(n%10, 10) + "?n=" + number
				if n/10%2 == 0 {
					target = "/processed" + target
				}
				if n%97 == 0 {
					func() {
						defer func() {
							if p := recover(); p != http.ErrAbortHandler {
								t.Errorf("the panic is %v", p)
							}
						}()
						ask(h, http.MethodGet, target+"&panic")
					}()
					continue
				}
				w := ask(h, http.MethodGet, target)
				processed := w.Header().Get("X-Stamp")
				if w.Body.String() != number || n/10%2 == 0 && processed != number {
					t.Errorf("request %s was answered %d %q, stamped %q", number, w.Code, w.Body, processed)
				}
			}
		})
	}
	workers.Wait()
	late.Wait()
	t.Logf("%d requests", numbers.Load()-64)
}

// A handler that lets a goroutine of its own write first has its
// post-processors run there; the values are shared all the same.
func TestPostProcessorsRunWhereTheFirstByteIsWritten(t *testing.T) {
	t.Parallel()
	h := serve(t, fxsession.Routes(
		fxsession.RequestScoped(newStamp),
		fxsession.RequestScoped(newEcho),
		fxsession.Transient(newScrap),
		fxsession.PostProcess(func(e *echo, s *stamp, r *http.Request, c scrap) error {
			if !e.check(r, s, c) {
				return fmt.Errorf("%v is not of %v", e, s)
			}
			return nil
		}),
		fxsession.Handle("GET /", func(w http.ResponseWriter, s *stamp) {
			var writer sync.WaitGroup
			writer.Go(func() { io.WriteString(w, s.Number) })
			writer.Wait()
		}),
	))
	server := httptest.NewServer(h)
	defer server.Close()
	if status, body := get(t, server.Client(), server.URL+"?n=7"); status != http.StatusOK || body != "7" {
		t.Errorf("got %d %q", status, body)
	}
}
