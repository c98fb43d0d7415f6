package fxsession_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/session"
)

// serve gives the Handler of an application that has these options.
func serve(t *testing.T, opts ...fx.Option) http.Handler {
	t.Helper()
	var h fxsession.Handler
	start(t, fxsession.Module, environment(), fx.Options(opts...), fx.Populate(&h))
	return h
}

// ask sends one request without a cookie.
func ask(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

// expect checks the answer to one request without a cookie.
func expect(t *testing.T, h http.Handler, target string, status int, body string) {
	t.Helper()
	if w := ask(h, http.MethodGet, target); w.Code != status || w.Body.String() != body {
		t.Errorf("GET %s: got %d %q, want %d %q", target, w.Code, w.Body, status, body)
	}
}

// journal notes what was called.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// expect checks what was noted since the last time.
func (j *journal) expect(t *testing.T, want ...string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Equal(j.lines, want) {
		t.Errorf("called %q, want %q", j.lines, want)
	}
	j.lines = nil
}

type (
	stock    struct{ Apples int }
	greeter  struct{ Greeting string }
	visitor  struct{ Name string }
	order    struct{ For string }
	numbered int
	labelled struct {
		fx.In

		Left    *stock `name:"left"`
		Missing *order `optional:"true"`
		All     []int  `group:"numbers"`
	}
)

func (g *greeter) Greet(w http.ResponseWriter, v visitor) error {
	_, err := io.WriteString(w, g.Greeting+" "+v.Name)
	return err
}

func (g *greeter) Plain(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, g.Greeting) }

func newVisitor(r *http.Request) (visitor, error) {
	name := r.FormValue("name")
	if name == "" {
		return visitor{}, errNobody
	}
	return visitor{name}, nil
}

var errNobody = errors.New("nobody is there")

// F3: every kind of parameter arrives.
func TestF3_AFunctionGetsWhatItsSignatureAsksFor(t *testing.T) {
	t.Parallel()
	type key struct{}
	everything := func(w http.ResponseWriter, r *http.Request, ctx context.Context, s *session.Session, apples *stock, v visitor, more labelled) error {
		if ctx.Value(key{}) != "context" || s != session.FromContext(r.Context()) {
			t.Error("the context or the session is not the request's")
		}
		slices.Sort(more.All)
		_, err := fmt.Fprintln(w, r.URL.Path, apples.Apples, v.Name, more.Left.Apples, more.Missing, more.All)
		return err
	}
	h := serve(t,
		fx.Supply(&stock{5}, fx.Annotated{Name: "left", Target: &stock{7}}, fx.Annotated{Group: "numbers", Target: 1}, fx.Annotated{Group: "numbers", Target: 2}),
		fxsession.Routes(
			fxsession.Use(func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "context")))
				})
			}),
			fxsession.RequestScoped(newVisitor),
			fxsession.Handle("GET /all", everything),
		))
	expect(t, h, "/all?name=ada", http.StatusOK, "/all 5 ada 7 <nil> [1 2]\n")
	expect(t, h, "/none", http.StatusNotFound, "404 page not found\n")
}

// F3: a method expression has its receiver from the graph; a method value
// brings it along.
func TestF3_MethodsAreHandlers(t *testing.T) {
	t.Parallel()
	hello := &greeter{"hello"}
	h := serve(t, fx.Supply(hello), fxsession.Routes(
		fxsession.RequestScoped(newVisitor),
		fxsession.Handle("GET /expression", (*greeter).Greet),
		fxsession.Handle("GET /value", (&greeter{"good morning"}).Greet),
		fxsession.Handle("GET /plain", hello.Plain),
	))
	expect(t, h, "/expression?name=ada", http.StatusOK, "hello ada")
	expect(t, h, "/value?name=ada", http.StatusOK, "good morning ada")
	expect(t, h, "/plain", http.StatusOK, "hello")
}

// F3: handlers of the usual types, which are called without reflection, also
// under a name of their own.
func TestF3_UsualHandlersAreCalledAsTheyAre(t *testing.T) {
	t.Parallel()
	type named func(http.ResponseWriter, *http.Request) error
	teapot := errors.New("teapot")
	check := func(r *http.Request, s *session.Session) {
		if s != session.FromContext(r.Context()) {
			t.Error("the session is not the request's")
		}
	}
	h := serve(t, fx.Supply(answerWith("%v")), fxsession.Routes(
		fxsession.Handle("GET /1", func(w http.ResponseWriter, r *http.Request, s *session.Session) error { check(r, s); return teapot }),
		fxsession.Handle("GET /2", func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			check(r, s)
			io.WriteString(w, "two")
		}),
		fxsession.Handle("GET /3", named(func(http.ResponseWriter, *http.Request) error { return teapot })),
		fxsession.Handle("GET /4", http.NotFound),
		fxsession.Handle("GET /5", func(w http.ResponseWriter, r *http.Request, s *session.Session) error { return nil }),
	))
	expect(t, h, "/1", http.StatusTeapot, "teapot")
	expect(t, h, "/2", http.StatusOK, "two")
	expect(t, h, "/3", http.StatusTeapot, "teapot")
	expect(t, h, "/4", http.StatusNotFound, "404 page not found\n")
	expect(t, h, "/5", http.StatusOK, "")
}

// answerWith is an ErrorHandler of the graph that writes the cause of an error.
func answerWith(format string) session.ErrorHandler {
	return func(w http.ResponseWriter, _ *http.Request, err error) {
		if e := (*fxsession.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, format, err)
	}
}

// F3: a request-scoped value is built when something that runs needs it, once,
// and shared by constructors, handler and post-processors; a transient one is built
// for each parameter.
func TestF3_RequestScopedOnceTransientEachTime(t *testing.T) {
	t.Parallel()
	var calls journal
	var count int
	h := serve(t, fxsession.Routes(
		fxsession.RequestScoped(func() visitor { calls.note("visitor"); return visitor{"ada"} }),
		fxsession.RequestScoped(func(v visitor, n numbered) *order { calls.note("order with %d", n); return &order{v.Name} }),
		fxsession.Transient(func() numbered { count++; return numbered(count) }),
		fxsession.Handle("GET /both", func(w http.ResponseWriter, a, b numbered, v visitor, o, same *order) {
			calls.note("handler %d %d %s %t", a, b, v.Name, o == same)
		}),
		fxsession.Handle("GET /one", func(v visitor) { calls.note("handler") }),
		fxsession.Handle("GET /none", func() { calls.note("handler") }),
		fxsession.Group("/orders",
			fxsession.PostProcess(func(o *order, n numbered) { calls.note("post %s %d", o.For, n) }),
			fxsession.Handle("GET /", func(o *order, w http.ResponseWriter) { calls.note("handler"); io.WriteString(w, o.For) }),
		),
	))
	ask(h, "GET", "/both")
	calls.expect(t, "visitor", "order with 3", "handler 1 2 ada true")
	ask(h, "GET", "/one")
	calls.expect(t, "visitor", "handler")
	ask(h, "GET", "/none")
	calls.expect(t, "handler")
	ask(h, "GET", "/orders/")
	calls.expect(t, "visitor", "order with 4", "handler", "post ada 5")
}

// F3: each error reaches the ErrorHandler of the graph, with its stage.
func TestF3_ErrorsReachTheErrorHandlerWithTheirStage(t *testing.T) {
	t.Parallel()
	var calls journal
	h := serve(t,
		fx.Supply(session.ErrorHandler(func(w http.ResponseWriter, r *http.Request, err error) {
			if !errors.Is(err, errBroken) {
				t.Errorf("got %v", err)
			}
			var e *fxsession.Error
			if !errors.As(err, &e) {
				t.Fatalf("got a %T", err)
			}
			if want := fmt.Sprintf("%s: %s %s: broken", e.Pattern, e.Stage, e.Function); e.Error() != want {
				t.Errorf("the error reads %q, want %q", e, want)
			}
			calls.note("%s %s %s", e.Stage, e.Pattern, strings.TrimPrefix(e.Function, "fxsession_test."))
			http.Error(w, "sorry", http.StatusTeapot)
		})),
		fxsession.Routes(
			fxsession.RequestScoped(newBrokenVisitor),
			fxsession.RequestScoped(func(visitor) *order { t.Error("called without its visitor"); return nil }),
			fxsession.Handle("GET /constructor", func(visitor) { t.Error("called without its visitor") }),
			fxsession.Handle("GET /nested", func(*order) { t.Error("called without its order") }),
			fxsession.Handle("GET /handler", breakDown),
			fxsession.Handle("GET /direct", breakDirectly),
			fxsession.Group("/post",
				fxsession.PostProcess(breakAfterwards),
				fxsession.PostProcess(func() { t.Error("called after an error") }),
				fxsession.Handle("GET /", func(w http.ResponseWriter) { io.WriteString(w, "of the handler") }),
			),
			fxsession.Group("/late",
				fxsession.PostProcess(func(visitor) { t.Error("called without its visitor") }),
				fxsession.Handle("GET /", func() {}),
			),
		))
	for target, want := range map[string]string{
		"/constructor": "constructor GET /constructor newBrokenVisitor",
		"/nested":      "constructor GET /nested newBrokenVisitor",
		"/handler":     "handler GET /handler breakDown",
		"/direct":      "handler GET /direct breakDirectly",
		"/post/":       "post-processor GET /post/ breakAfterwards",
		"/late/":       "constructor GET /late/ newBrokenVisitor",
	} {
		expect(t, h, target, http.StatusTeapot, "sorry\n")
		calls.expect(t, want)
	}
}

var errBroken = errors.New("broken")

func newBrokenVisitor() (visitor, error)                     { return visitor{}, errBroken }
func breakDown(http.ResponseWriter) error                    { return errBroken }
func breakDirectly(http.ResponseWriter, *http.Request) error { return errBroken }
func breakAfterwards() error                                 { return errBroken }

// The default error handler answers with a status and no more, and logs once,
// also where a post-processor needs what has failed.
func TestF3_TheDefaultErrorHandlerIsOpaqueAndLogsOnce(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.ErrorLevel)
	h := serve(t, fx.Supply(zap.New(core)), fxsession.Routes(
		fxsession.RequestScoped(newBrokenVisitor),
		fxsession.PostProcess(func(visitor) { t.Error("called without its visitor") }),
		fxsession.Handle("GET /visitor", func(visitor) {}),
	))
	expect(t, h, "/visitor", http.StatusInternalServerError, "Internal Server Error\n")
	if got := logs.TakeAll(); len(got) != 1 || !strings.Contains(fmt.Sprint(got[0].ContextMap()), "broken") {
		t.Errorf("logged %v", got)
	}
}

func TestF3_ABodyThatIsTooLargeIs413(t *testing.T) {
	t.Parallel()
	h := serve(t, fxsession.Routes(fxsession.Handle("POST /", func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2))
		return err
	})))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("large")))
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d, want 413", w.Code)
	}
}

// Constructors and post-processors of a group are seen inside alone; two groups
// can make one type each in its own way. Prefixes add up.
func TestGroupsKeepTheirsToThemselves(t *testing.T) {
	t.Parallel()
	var calls journal
	note := func(s string) fxsession.Item { return fxsession.PostProcess(func() { calls.note("%s", s) }) }
	show := func(w http.ResponseWriter, r *http.Request, v visitor) { fmt.Fprint(w, v.Name, r.PathValue("shop")) }
	feature := func(name string) fxsession.Item {
		return fxsession.Group("/"+name,
			fxsession.RequestScoped(func() visitor { return visitor{name} }),
			note(name),
			fxsession.Handle("GET /{$}", show),
			fxsession.Group("/{shop}", note("shop"), fxsession.Handle("GET /show", show)),
		)
	}
	h := serve(t, fxsession.Routes(
		feature("a"),
		feature("b"),
		fxsession.Handle("GET example.com/plain", func() {}),
		note("outer"),
	))
	expect(t, h, "/a/", http.StatusOK, "a")
	calls.expect(t, "outer", "a")
	expect(t, h, "/b/corner/show", http.StatusOK, "bcorner")
	calls.expect(t, "outer", "b", "shop")
	expect(t, h, "/plain", http.StatusOK, "")
	calls.expect(t, "outer")
}

// Use wraps in the order given, outer lists first, wherever it stands.
func TestUseKeepsItsOrder(t *testing.T) {
	t.Parallel()
	var calls journal
	mark := func(s string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls.note("%s", s)
				next.ServeHTTP(w, r)
			})
		}
	}
	h := serve(t, fxsession.Routes(
		fxsession.Handle("GET /outer", func() {}),
		fxsession.Group("/g", fxsession.Handle("GET /inner", func() { calls.note("handler") }), fxsession.Use(mark("4"))),
		fxsession.Use(mark("1"), mark("2")),
		fxsession.Use(mark("3")),
	))
	ask(h, "GET", "/outer")
	calls.expect(t, "1", "2", "3")
	ask(h, "GET", "/g/inner")
	calls.expect(t, "1", "2", "3", "4", "handler")
}

// A middleware that returns nil is an error of the start, not of a request.
func TestUseOfAMiddlewareThatReturnsNil(t *testing.T) {
	t.Parallel()
	err := fx.New(fx.NopLogger, fxsession.Module, environment(), fxsession.Routes(
		fxsession.Use(func(http.Handler) http.Handler { return nil }),
		fxsession.Handle("/", func() {}),
	)).Err()
	if err == nil || !strings.Contains(err.Error(), "routes_test.go") || !strings.Contains(err.Error(), "a middleware has returned nil") {
		t.Errorf("got %v", err)
	}
}

// Other constructors contribute to the group routes, and what overlaps between
// lists is found by fx.New, with both sides.
func TestTheGroupOfRoutes(t *testing.T) {
	t.Parallel()
	assets := func(pattern string) fx.Option {
		return fx.Supply(fx.Annotated{Group: "routes", Target: fxsession.Route{Pattern: pattern, Handler: http.NotFoundHandler()}})
	}
	routes := fxsession.Routes(fxsession.Handle("GET /{kind}/new", func(w http.ResponseWriter) { io.WriteString(w, "new") }))
	more := fxsession.Routes(fxsession.Handle("GET /old", func(w http.ResponseWriter) { io.WriteString(w, "old") }))
	h := serve(t, routes, more, assets("/assets/logo.png"))
	expect(t, h, "/user/new", http.StatusOK, "new")
	expect(t, h, "/old", http.StatusOK, "old")
	expect(t, h, "/assets/logo.png", http.StatusNotFound, "404 page not found\n")

	err := fx.New(fx.NopLogger, fxsession.Module, environment(), routes, assets("/users/{id}")).Err()
	if err == nil || !strings.Contains(err.Error(), `"GET /{kind}/new" of fxsession_test.TestTheGroupOfRoutes.`) || !strings.Contains(err.Error(), `collides with "/users/{id}" of a Route of the group routes`) {
		t.Errorf("got %v", err)
	}
	more = fx.Supply(fx.Annotated{Group: "routes", Target: fxsession.Route{Pattern: "/without"}})
	err = fx.New(fx.NopLogger, fxsession.Module, environment(), routes, more).Err()
	if err == nil || !strings.Contains(err.Error(), `"/without" of a Route of the group routes: nil handler`) {
		t.Errorf("got %v", err)
	}
}

// One list serves many applications, at once.
func TestAListIsUsedByManyApplications(t *testing.T) {
	t.Parallel()
	routes := fxsession.Routes(
		fxsession.RequestScoped(newVisitor),
		fxsession.Handle("GET /", (*greeter).Greet),
	)
	for _, greeting := range []string{"hello", "good morning", "good night"} {
		t.Run(greeting, func(t *testing.T) {
			t.Parallel()
			opts := fx.Options(fx.Supply(&greeter{greeting}), routes)
			if err := fx.ValidateApp(fx.NopLogger, fxsession.Module, environment(), opts); err != nil {
				t.Error(err)
			}
			expect(t, serve(t, opts), "/?name=ada", http.StatusOK, greeting+" ada")
		})
	}
}

// In an fx.Module of its own a list sees the private and the decorated values
// there, and two such lists make one type each.
func TestAListInAModuleSeesTheModule(t *testing.T) {
	t.Parallel()
	feature := func(name string) fx.Option {
		return fx.Module(name,
			fx.Provide(func() *stock { return &stock{len(name)} }, fx.Private),
			fx.Decorate(func(g *greeter) *greeter { return &greeter{g.Greeting + " from " + name} }),
			fxsession.Routes(
				fxsession.RequestScoped(newVisitor),
				fxsession.Handle("GET /"+name, func(w http.ResponseWriter, s *stock, g *greeter, v visitor) {
					fmt.Fprint(w, g.Greeting, s.Apples, v.Name)
				}),
			))
	}
	h := serve(t, fx.Supply(&greeter{"hello"}), feature("cart"), feature("account"))
	expect(t, h, "/cart?name=ada", http.StatusOK, "hello from cart4ada")
	expect(t, h, "/account?name=ada", http.StatusOK, "hello from account7ada")
}

// A test replaces the whole Handler, or what stands around it.
func TestTheHandlerCanBeDecorated(t *testing.T) {
	t.Parallel()
	h := serve(t, fxsession.Routes(fxsession.Handle("GET /", func() {})),
		fx.Decorate(func(h fxsession.Handler) fxsession.Handler { return http.StripPrefix("/shop", h) }))
	expect(t, h, "/shop/", http.StatusOK, "")
}

// Patterns of two lists that look alike and are not go together; those that look
// different and are alike do not, and fx.ValidateApp sees both.
func TestPatternsOfTwoLists(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		one, two string
		alike    bool
	}{
		{"GET /a/{x}", "GET /a/{$}", false},
		{"GET /a/{x}", "GET /a/{x...}", false},
		{"GET /a/{x...}", "GET /a/{y...}", true},
		{"GET /a", "POST /a", false},
		{"GET /a", "GET example.com/a", false},
		{"GET /a/{x}/b", "GET\t/a/{y}/b", true},
		{"/a`b", "/a'b", true}, // a name in the graph has no backquotes
		{"/a`b", "/ab", false},
	} {
		err := fx.ValidateApp(fx.NopLogger, fxsession.Module, environment(),
			fxsession.Routes(fxsession.Handle(test.one, func() {})),
			fxsession.Routes(fxsession.Handle(test.two, func() {})))
		if (err != nil) != test.alike {
			t.Errorf("%q and %q: got %v", test.one, test.two, err)
		}
	}
}

// An empty list, and a post-processor that is listed twice, are what they say.
func TestListsThatAreOddAndRight(t *testing.T) {
	t.Parallel()
	var calls journal
	note := func(g *greeter) { calls.note("%s", g.Greeting) }
	h := serve(t, fx.Supply(&greeter{"hello"}), fxsession.Routes(), fxsession.Routes(fxsession.Use(), fxsession.RequestScoped(newVisitor)),
		fxsession.Routes(
			fxsession.PostProcess(note),
			fxsession.PostProcess(note),
			fxsession.Handle("GET /", func() {}),
		))
	expect(t, h, "/", http.StatusOK, "")
	calls.expect(t, "hello", "hello")
}

// What no route asks for needs nothing of the graph.
func TestAConstructorThatNobodyAsksForNeedsNothing(t *testing.T) {
	t.Parallel()
	h := serve(t, fxsession.Routes(
		fxsession.RequestScoped(newUserOfUsers), // of *users, of which there are none
		fxsession.Handle("GET /", func(w http.ResponseWriter) { io.WriteString(w, "without") }),
	))
	expect(t, h, "/", http.StatusOK, "without")
}
