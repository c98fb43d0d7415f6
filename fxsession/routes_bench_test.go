package fxsession_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/session"
)

// newOwner is a request-scoped constructor as applications have them.
func newOwner(_ context.Context, s *session.Session, g *greeter) (visitor, error) {
	if s.IsInvalidated() {
		return visitor{}, errNobody
	}
	return visitor{g.Greeting}, nil
}

func showOwner(w http.ResponseWriter, _ *http.Request, s *session.Session, g *greeter, v visitor) error {
	if s.IsInvalidated() || v.Name != g.Greeting {
		return errNobody
	}
	return nil
}

func showSession(_ http.ResponseWriter, _ *http.Request, s *session.Session) error {
	if s.IsInvalidated() {
		return errNobody
	}
	return nil
}

// showOwnerByHand is newOwner and showOwner without Routes.
func showOwnerByHand(g *greeter) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		v, err := newOwner(r.Context(), s, g)
		if err == nil {
			err = showOwner(w, r, s, g, v)
		}
		if err != nil {
			session.HandleError(w, r, err)
		}
	})
}

// BenchmarkRoutes is one request, through the chain and a ServeMux: what Routes
// makes beside what is written by hand.
func BenchmarkRoutes(b *testing.B) {
	hello := &greeter{"hello"}
	var chain fxsession.Chain
	var routes fxsession.Handler
	app := fx.New(fx.NopLogger, fxsession.Module, environment(), fx.Supply(hello),
		fxsession.Routes(
			fxsession.RequestScoped(newOwner),
			fxsession.Handle("GET /owner", showOwner),
			fxsession.Handle("GET /session", showSession),
			fxsession.Group("/processed",
				fxsession.PostProcess(func(fxsession.Response, visitor) {}),
				fxsession.Handle("GET /owner", showOwner)),
		),
		fx.Populate(&chain, &routes))
	if err := app.Err(); err != nil {
		b.Fatal(err)
	}
	byHand := func(pattern string, h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle(pattern, h)
		mux.HandleFunc("GET /other", func(http.ResponseWriter, *http.Request) {})
		mux.HandleFunc("GET /processed/other", func(http.ResponseWriter, *http.Request) {})
		return chain.Then(mux)
	}
	for _, bench := range []struct {
		name, target string
		handler      http.Handler
	}{
		{"owner/by-hand", "/owner", byHand("GET /owner", showOwnerByHand(hello))},
		{"owner/routes", "/owner", routes},
		{"owner/routes-post-processed", "/processed/owner", routes},
		{"session/HandlerFunc", "/session", byHand("GET /session", fxsession.HandlerFunc(showSession))},
		{"session/routes", "/session", routes},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, bench.target, nil)
			w := testkit.Sink{}
			b.ReportAllocs()
			for b.Loop() {
				bench.handler.ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkStart is the start of an application with 100 routes, by Routes and
// by hand.
func BenchmarkStart(b *testing.B) {
	items := []fxsession.Item{fxsession.RequestScoped(newOwner)}
	mux := http.NewServeMux()
	for i := range 100 {
		pattern := fmt.Sprintf("GET /%d/{id}", i)
		items = append(items, fxsession.Handle(pattern, showOwner))
		mux.Handle(pattern, showOwnerByHand(nil))
	}
	for name, opt := range map[string]func() fx.Option{
		"by-hand": func() fx.Option { return fx.Invoke(func(c fxsession.Chain, g *greeter) { c.Then(mux) }) },
		"routes":  func() fx.Option { return fxsession.Routes(items...) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := fx.New(fx.NopLogger, fxsession.Module, environment(), fx.Supply(&greeter{}), opt()).Err(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What Routes may cost in memory, beside the same by hand.
func TestRoutesAllocateLittle(t *testing.T) {
	hello := &greeter{"hello"}
	var chain fxsession.Chain
	var routes fxsession.Handler
	start(t, fxsession.Module, environment(), fx.Supply(hello),
		fxsession.Routes(
			fxsession.RequestScoped(newOwner),
			fxsession.Handle("GET /owner", showOwner),
			fxsession.Handle("GET /session", showSession),
		),
		fx.Populate(&chain, &routes))
	mux := http.NewServeMux()
	mux.Handle("GET /owner", showOwnerByHand(hello))
	mux.Handle("GET /session", fxsession.HandlerFunc(showSession))
	byHand := chain.Then(mux)
	allocations := func(h http.Handler, target string) float64 {
		r, w := httptest.NewRequest(http.MethodGet, target, nil), testkit.Sink{}
		return testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) })
	}
	for target, atMost := range map[string]float64{"/owner": 6, "/session": 0} {
		if more := allocations(routes, target) - allocations(byHand, target); more > atMost {
			t.Errorf("%s: %v allocations more than by hand, want at most %v", target, more, atMost)
		}
	}
}
