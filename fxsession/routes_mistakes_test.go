package fxsession_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/session"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What the functions of a small shop make and need.
type (
	catalog     struct{}
	users       struct{}
	currentUser struct{ Name string }
	basket      struct{ Owner string }
	traceID     struct{}
	failure     struct{}
	cartHandler struct{}
	report      struct{}
	priced      struct {
		fx.In

		Catalog *catalog
		Session *session.Session
	}
	personal struct {
		fx.In

		User currentUser
	}
	nested struct {
		fx.In

		Inner personal
	}
	copied struct {
		fx.In

		Session session.Session
	}
	mislabelled struct {
		fx.In

		Catalog *catalog `group:"catalogs"`
	}
	made struct {
		fx.Out

		Catalog *catalog
	}
)

func (failure) Error() string { return "failed" }

func (*cartHandler) Add(http.ResponseWriter, *http.Request, *catalog) error { return nil }

func (report) ServeHTTP(http.ResponseWriter, *http.Request) {}

func takes[T any](T)                 {}
func makes[T any]() (t T)            { return t }
func makesTwo[T, U any]() (t T, u U) { return t, u }

func newCurrentUser(*session.Session) (currentUser, error) { return currentUser{}, nil }
func newBasket(currentUser) basket                         { return basket{} }
func newUserOfBasket(basket) currentUser                   { return currentUser{} }
func newTraceID(traceID) traceID                           { return traceID{} }
func newUserOfUsers(*users) currentUser                    { return currentUser{} }
func newReport(currentUser) *report                        { return &report{} }
func showCart(http.ResponseWriter, *catalog) error         { return nil }
func showUser(http.ResponseWriter, currentUser)            {}
func showBasket(http.ResponseWriter, basket)               {}
func showReport(http.ResponseWriter, *report)              {}
func showNothing(http.ResponseWriter, *http.Request)       {}
func showLess(http.ResponseWriter)                         {}
func nothing(next http.Handler) http.Handler               { return next }

var (
	get1     = func(fn any) fxsession.Item { return fxsession.Handle("GET /cart", fn) }
	scoped   = fxsession.RequestScoped
	noFunc   func(http.ResponseWriter)
	allUsers = fx.Supply(&users{})
)

// mistakes are wrong lists and graphs. The error of each, with the directory
// and the lines left out, is in testdata/mistakes under its name.
var mistakes = []struct {
	name  string
	items []fxsession.Item
	graph []fx.Option
}{
	// What is no function at all.
	{name: "handler-is-a-string", items: list(get1("show"))},
	{name: "handler-is-untyped-nil", items: list(get1(nil))},
	{name: "handler-is-a-nil-function", items: list(get1(noFunc))},
	{name: "handler-is-an-http-handler", items: list(get1(report{}))},
	{name: "constructor-is-a-value", items: list(scoped(currentUser{}))},
	{name: "post-processor-is-a-value", items: list(fxsession.PostProcess(7))},
	{name: "item-is-nil", items: list(get1(showNothing), nil)},
	{name: "item-of-a-group-is-nil", items: list(fxsession.Group("/a", nil))},
	{name: "middleware-is-nil", items: list(fxsession.Use(nothing, nil))},

	// Results.
	{name: "handler-returns-a-value", items: list(get1(func() int { return 0 }))},
	{name: "handler-returns-a-value-and-an-error", items: list(get1(func() (int, error) { return 0, nil }))},
	{name: "handler-returns-a-concrete-error", items: list(get1(func() *failure { return nil }))},
	{name: "post-processor-returns-a-value", items: list(fxsession.PostProcess(func() string { return "" }))},
	{name: "constructor-returns-nothing", items: list(scoped(func() {}))},
	{name: "constructor-returns-an-error-alone", items: list(scoped(func() error { return nil }))},
	{name: "constructor-returns-two-values", items: list(scoped(func() (basket, traceID) { return basket{}, traceID{} }))},
	{name: "constructor-returns-three-values", items: list(scoped(func() (basket, traceID, error) { return basket{}, traceID{}, nil }))},
	{name: "constructor-returns-the-error-first", items: list(scoped(makesTwo[error, basket]))},
	{name: "constructor-makes-an-error", items: list(scoped(func() failure { return failure{} }))},
	{name: "constructor-makes-a-request", items: list(scoped(func() *http.Request { return nil }))},
	{name: "constructor-makes-a-context", items: list(scoped(makes[context.Context]))},
	{name: "constructor-makes-a-session", items: list(fxsession.Transient(func() *session.Session { return nil }))},
	{name: "constructor-makes-a-session-by-value", items: list(scoped(makes[session.Session]))},
	{name: "constructor-makes-fx-in", items: list(scoped(makes[personal]))},
	{name: "constructor-makes-fx-out", items: list(scoped(func() made { return made{} }))},

	// Parameters.
	{name: "handler-is-variadic", items: list(get1(func(...string) {}))},
	{name: "constructor-is-variadic", items: list(scoped(func(...string) basket { return basket{} }))},
	{name: "handler-asks-for-an-error", items: list(get1(func(error) {}))},
	{name: "handler-asks-for-a-request-by-value", items: list(get1(takes[http.Request]))},
	{name: "handler-asks-for-a-session-by-value", items: list(get1(takes[session.Session]))},
	{name: "handler-asks-for-a-client", items: list(get1(takes[session.Client]))},
	{name: "handler-asks-for-a-pointer-to-a-writer", items: list(get1(func(*http.ResponseWriter) {}))},
	{name: "handler-asks-for-a-controller", items: list(get1(func(*http.ResponseController) {}))},
	{name: "handler-asks-for-the-response", items: list(get1(func(fxsession.Response) {}))},
	{name: "constructor-asks-for-the-response", items: list(scoped(func(fxsession.Response) basket { return basket{} }))},
	{name: "constructor-asks-for-a-writer", items: list(scoped(func(http.ResponseWriter) basket { return basket{} }))},
	{name: "post-processor-asks-for-a-pointer", items: list(fxsession.PostProcess(func(*fxsession.Response) {}))},
	{name: "handler-asks-for-a-pointer-to-fx-in", items: list(get1(func(*priced) {}))},
	{name: "handler-asks-for-fx-out", items: list(get1(func(made) {}))},
	{name: "fx-in-holds-the-session", items: list(get1(func(priced) {}))},
	{name: "fx-in-holds-a-session-by-value", items: list(get1(takes[copied]))},
	{name: "fx-in-holds-a-request-value", items: list(scoped(newCurrentUser), get1(func(personal) {}))},
	{name: "fx-in-holds-a-request-value-further-in", items: list(scoped(newCurrentUser), get1(func(nested) {}))},
	{name: "two-wrong-parameters", items: list(get1(func(error, http.ResponseWriter, *fxsession.Response) {}))},

	// Constructors among each other.
	{name: "two-constructors-of-one-type", items: list(scoped(newCurrentUser), fxsession.Transient(newUserOfUsers))},
	{name: "a-group-makes-what-is-made-outside", items: list(scoped(newCurrentUser), fxsession.Group("", scoped(newUserOfUsers)))},
	{name: "a-group-makes-what-is-made-outside-later", items: list(fxsession.Group("", scoped(newUserOfUsers)), scoped(newCurrentUser))},
	{name: "a-constructor-needs-itself", items: list(scoped(newTraceID))},
	{name: "constructors-need-one-another", items: list(scoped(newBasket), scoped(newUserOfBasket), get1(showUser))},
	{name: "a-handler-sees-not-into-a-group", items: list(fxsession.Group("/a", scoped(newCurrentUser)), get1(showUser))},
	{name: "a-group-sees-not-into-another", items: list(fxsession.Group("/a", scoped(newCurrentUser)), fxsession.Group("/b", get1(showUser)))},
	{name: "a-constructor-sees-not-into-a-group", items: list(scoped(newBasket), fxsession.Group("/a", scoped(newCurrentUser), get1(showBasket)))},

	// Patterns.
	{name: "pattern-is-empty", items: list(fxsession.Handle("", showNothing))},
	{name: "pattern-has-no-path", items: list(fxsession.Handle("GET", showNothing))},
	{name: "pattern-has-a-bad-wildcard", items: list(fxsession.Handle("GET /{id", showNothing))},
	{name: "pattern-has-a-wildcard-twice", items: list(fxsession.Group("/{id}", fxsession.Handle("GET /{id}", showNothing)))},
	{name: "pattern-is-there-twice", items: list(get1(showNothing), get1(showLess))},
	{name: "pattern-is-there-under-another-name", items: list(fxsession.Handle("GET /users/{id}", showNothing), fxsession.Handle("GET /users/{name}", showLess))},
	{name: "pattern-is-made-twice-by-a-group", items: list(fxsession.Handle("GET /a/cart", showNothing), fxsession.Group("/a", get1(showLess)))},
	{name: "patterns-overlap", items: list(fxsession.Handle("/users/{id}", showNothing), fxsession.Handle("GET /{kind}/new", showLess))},
	{name: "prefix-without-a-slash", items: list(fxsession.Group("admin"))},
	{name: "prefix-ends-with-a-slash", items: list(fxsession.Group("/admin/"))},
	{name: "prefix-with-a-blank", items: list(fxsession.Group("/the admin"))},
	{name: "prefix-with-a-method", items: list(fxsession.Group("GET /admin"))},

	// The graph: fx finds these.
	{name: "a-handler-lacks-a-singleton", items: list(get1(showCart))},
	{name: "a-method-lacks-its-receiver", items: list(get1((*cartHandler).Add)), graph: []fx.Option{fx.Supply(&catalog{})}},
	{name: "a-method-lacks-a-singleton", items: list(get1((*cartHandler).Add)), graph: []fx.Option{fx.Supply(&cartHandler{})}},
	{name: "a-constructor-lacks-a-singleton", items: list(scoped(newUserOfUsers), get1(showUser), fxsession.Handle("GET /user", showUser))},
	{name: "a-post-processor-lacks-a-singleton", items: list(fxsession.PostProcess(func(*catalog) {}), get1(showNothing))},
	{name: "a-request-value-has-no-constructor", items: list(get1(showUser))},
	{name: "a-struct-of-fx-is-wrong", items: list(get1(func(mislabelled) {}))},
	{name: "a-singleton-lacks-a-singleton", items: list(get1(showReport)), graph: []fx.Option{fx.Provide(func(*users) *report { return nil })}},
	{name: "a-singleton-wants-a-request-value", items: list(scoped(newCurrentUser), get1(showReport)), graph: []fx.Option{fx.Provide(newReport)}},
	{name: "anything-wants-a-request-value", items: list(scoped(newCurrentUser), get1(showUser)), graph: []fx.Option{fx.Provide(newReport), fx.Invoke(func(*report) {})}},
	{name: "an-invocation-wants-a-request-value", items: list(scoped(newCurrentUser), get1(showUser)), graph: []fx.Option{fx.Invoke(func(currentUser) {})}},
	{name: "a-request-value-is-a-singleton-too", items: list(scoped(newUserOfUsers), get1(showUser)), graph: []fx.Option{allUsers, fx.Supply(currentUser{})}},
	{name: "two-lists-take-one-pattern", items: list(fxsession.Handle("GET /users/{id}", showNothing)), graph: []fx.Option{fxsession.Routes(fxsession.Handle("GET /users/{name}", showLess))}},
	{name: "two-lists-make-one-type", items: list(scoped(newCurrentUser), get1(showUser)), graph: []fx.Option{fxsession.Routes(scoped(newUserOfUsers), fxsession.Handle("GET /user", showUser))}},
}

func list(items ...fxsession.Item) []fxsession.Item { return items }

// F2, F1: every mistake fails at start, with its message, and fx.ValidateApp
// finds it as fx.New does.
func TestF2_MistakesFailAtStart(t *testing.T) {
	t.Parallel()
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			opts := fx.Options(fx.NopLogger, fxsession.Module, environment(), fxsession.Routes(m.items...), fx.Options(m.graph...))
			err := fx.New(opts).Err()
			if err == nil {
				t.Fatal("fx.New found nothing")
			}
			golden(t, m.name, err)
			if validated := fx.ValidateApp(opts); validated == nil || validated.Error() != err.Error() {
				t.Errorf("fx.ValidateApp says\n%v\nand fx.New\n%v", validated, err)
			}
		})
	}
}

var (
	lines      = regexp.MustCompile(`(\.(?:go|s)):\d+`)
	directory  = func() string { dir, _ := os.Getwd(); return filepath.Dir(dir) }()
	toolchains = regexp.MustCompile(`/\S*/(reflect/asm_)\w+(\.s)`)
	elsewhere  = regexp.MustCompile(`(?m)^(runtime|testing|go\.uber\.org)[^\n]*\n\t[^\n]*\n?`)
)

// golden compares err with what is in the golden file. What differs from
// machine to machine and from edit to edit is left out: directories, lines,
// and the frames of other people's code.
func golden(t *testing.T, name string, err error) {
	t.Helper()
	got := strings.ReplaceAll(err.Error(), directory, "…")
	got = toolchains.ReplaceAllString(got, "…/${1}*$2")
	got = lines.ReplaceAllString(got, "$1:N")
	got = elsewhere.ReplaceAllString(got, "") + "\n"
	file := filepath.Join("testdata", "mistakes", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the message is\n%s\nand not\n%s", got, want)
	}
}

// F2: the locations in a message are those of the function and of the item.
func TestF2_AMistakeSaysWhereItIs(t *testing.T) {
	t.Parallel()
	_, file, line, _ := runtime.Caller(0)
	wrong := func() int { return 0 }
	second := fxsession.Handle("GET /b", func() {})
	err := fx.New(fx.NopLogger, fxsession.Routes(
		fxsession.Handle("GET /a", wrong),
		fxsession.Handle("GET /b", http.NotFoundHandler().ServeHTTP),
		second,
	)).Err()
	for _, want := range []string{
		fmt.Sprintf("GET /a: fxsession_test.TestF2_AMistakeSaysWhereItIs.func1 (%s:%d): returns", file, line+1),
		fmt.Sprintf("func2 (%s:%d), listed at %s:%d collides with", file, line+2, file, line+2),
		// A method value has no place of its own.
		fmt.Sprintf(`of http.Handler.ServeHTTP (%s:%d), listed at %[1]s:%[2]d: change`, file, line+5),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got\n%v\nwithout\n%s", err, want)
		}
	}
}
