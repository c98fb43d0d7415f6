package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/internal/testserver"
)

// One visit, from the first page to the last, as a person makes it.
func TestAVisit(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, environment []string) {
		shop := open(t, environment...)
		v := newVisitor(t)

		if res, _ := v.do(shop.url, "text/html", nil); len(res.Cookies()) > 0 {
			t.Errorf("a visitor who only looks got a cookie")
		}
		expect(t, "add", v.page(shop.url+"/cart", url.Values{"item": {"tea"}}),
			"tea is in your cart.", "Cart (1)", "1 in your cart")
		expect(t, "sign in", v.page(shop.url+"/login", url.Values{"user": {"ada"}}),
			"Welcome, ada.", "Signed in as <strong>ada</strong>", "Cart (1)")
		expect(t, "one more", v.page(shop.url+"/cart", url.Values{"item": {"tea"}, "back": {"/cart"}}),
			"<h1>Your cart</h1>", "tea is in your cart.", "<td>2</td>")
		expect(t, "theme", v.page(shop.url+"/theme", url.Values{"theme": {"dark"}, "back": {"/account"}}),
			`data-theme="dark"`, "The theme is dark.", "<h1>Your account</h1>", "<dd>ada</dd>", "2 things")
		if page := v.page(shop.url, nil); strings.Contains(page, `role="status"`) {
			t.Error("the message is still there")
		}
		if got := v.cart(shop.url); got.User != "ada" || !maps.Equal(got.Items, map[string]int{"tea": 2}) {
			t.Errorf("the cart is %v", got)
		}
		expect(t, "sign out", v.page(shop.url+"/logout", url.Values{}), "You are signed out.", "Sign in", `data-theme="dark"`)
		if got := v.cart(shop.url); got.User != "" || got.Items == nil || len(got.Items) > 0 {
			t.Errorf("after the sign-out the cart is %v", got)
		}
	})
}

func expect(t *testing.T, what, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("%s: %q is not on the page\n%s", what, text, page)
		}
	}
}

// The same as a program makes it, with the exact answers.
func TestAVisitInJSON(t *testing.T) {
	t.Parallel()
	shop, v := open(t), newVisitor(t)
	for _, step := range []struct {
		path string
		form url.Values
		want string
	}{
		{"/cart", nil, `{"user":"","items":{}}`},
		{"/cart", url.Values{"item": {" tea "}}, `{"added":"tea"}`},
		{"/login", url.Values{"user": {"ada"}}, `{"user":"ada"}`},
		{"/cart", url.Values{"item": {"tea"}}, `{"added":"tea"}`},
		{"/cart", nil, `{"user":"ada","items":{"tea":2}}`},
		{"/theme", url.Values{"theme": {"light"}}, `{"theme":"light"}`},
		{"/", nil, `{"catalogue":["tea","coffee","cocoa","honey","biscuits","marmalade"],"count":2,"flash":"","theme":"light","user":"ada"}`},
		{"/login", url.Values{"user": {"bob"}}, `{"user":"bob"}`}, // who does not get the cart of ada
		{"/cart", nil, `{"user":"bob","items":{}}`},
		{"/logout", url.Values{}, `{"user":""}`},
		{"/cart", nil, `{"user":"","items":{}}`},
	} {
		res, text := v.do(shop.url+step.path, "text/plain;q=0.5, application/json; charset=utf-8", step.form)
		if res.StatusCode != http.StatusOK || text != step.want+"\n" || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v: %s %s", step.path, step.form, res.Status, text)
		}
	}
}

// The account is for those who are signed in: a browser of anybody else is sent
// to where it can sign in, with its cart, and a program is told 401.
func TestTheAccountNeedsASignIn(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, environment []string) {
		shop, v := open(t, environment...), newVisitor(t)
		v.status(shop.url+"/cart", url.Values{"item": {"tea"}})
		away := func(when string) {
			t.Helper()
			if res, text := v.do(shop.url+"/account", "application/json", nil); res.StatusCode != http.StatusUnauthorized ||
				text != `{"error":"Please sign in first."}`+"\n" {
				t.Errorf("%s: %s %s", when, res.Status, text)
			}
			home := v.page(shop.url+"/account", nil) // which follows
			expect(t, when, home, `role="status">Please sign in first.<`, "Your name")
			if strings.Contains(home, "Your account") {
				t.Errorf("%s: the account is shown\n%s", when, home)
			}
			v.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			defer func() { v.browser.CheckRedirect = nil }()
			if res, _ := v.do(shop.url+"/account", "text/html", nil); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" {
				t.Errorf("%s: %s to %q", when, res.Status, res.Header.Get("Location"))
			}
		}

		away("before")
		before := time.Now()
		v.status(shop.url+"/login", url.Values{"user": {"ada"}})
		after := time.Now()
		var got struct {
			User  string
			Since time.Time
			Count int
		}
		res, text := v.do(shop.url+"/account", "application/json", nil)
		if err := json.Unmarshal([]byte(text), &got); err != nil || res.StatusCode != http.StatusOK || got.User != "ada" || got.Count != 1 {
			t.Errorf("%s: %v: %s", res.Status, err, text)
		}
		if got.Since.Before(before.Truncate(time.Second)) || got.Since.After(after) {
			t.Errorf("signed in between %v and %v: since %v", before, after, got.Since)
		}
		expect(t, "account", v.page(shop.url+"/account", nil),
			"<h1>Your account</h1>", "<dd>ada</dd>", got.Since.UTC().Format(">2 January 2006, 15:04 UTC<"), ">1 thing<")
		v.status(shop.url+"/logout", url.Values{})
		away("after")
	})
}

// A message for the next page is kept by an answer that cannot show it.
func TestAMessageWaitsForAPage(t *testing.T) {
	t.Parallel()
	shop, v := open(t), newVisitor(t)
	v.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	v.do(shop.url+"/cart", "text/html", url.Values{"item": {"tea"}})
	v.cart(shop.url)
	if _, text := v.do(shop.url, "application/json", nil); !strings.Contains(text, `"flash":"tea is in your cart."`) {
		t.Errorf("the message is gone: %s", text)
	}
	if _, text := v.do(shop.url, "application/json", nil); !strings.Contains(text, `"flash":""`) {
		t.Errorf("the message is still there: %s", text)
	}
}

// Every answer tells browsers how little a page may do: those to a visitor who
// is sent away and those of an error too.
func TestEveryAnswerIsSecured(t *testing.T) {
	t.Parallel()
	shop, v := open(t), newVisitor(t)
	v.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, request := range []struct {
		path, accept string
		form         url.Values
		status       int
	}{
		{"/", "text/html", nil, http.StatusOK},
		{"/cart", "text/html", nil, http.StatusOK},
		{"/cart", "application/json", nil, http.StatusOK},
		{"/cart", "text/html", url.Values{"item": {"tea"}}, http.StatusSeeOther},
		{"/cart", "text/html", url.Values{}, http.StatusUnprocessableEntity},
		{"/account", "text/html", nil, http.StatusSeeOther},
		{"/account", "application/json", nil, http.StatusUnauthorized},
		{"/style.css", "*/*", nil, http.StatusOK},
		{"/live.js", "*/*", nil, http.StatusOK},
		{"/icon.svg", "*/*", nil, http.StatusOK},
		{"/devices", "text/html", nil, http.StatusSeeOther},
		{"/signed-out", "text/html", nil, http.StatusOK},
		{"/readyz", "*/*", nil, http.StatusOK},
	} {
		res, _ := v.do(shop.url+request.path, request.accept, request.form)
		if res.StatusCode != request.status {
			t.Errorf("%v: %s", request, res.Status)
		}
		expectSecured(t, res)
	}
}

func expectSecured(t *testing.T, res *http.Response) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"Referrer-Policy":         "same-origin",
		"X-Content-Type-Options":  "nosniff",
	} {
		if got := res.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %s is %q", res.Request.URL, name, got)
		}
	}
}

// A browser that has posted is sent to a page by 303 See Other.
func TestAFormAnswersWithAPageToSee(t *testing.T) {
	t.Parallel()
	shop, v := open(t), newVisitor(t)
	v.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for path, form := range map[string]url.Values{
		"/login": {"user": {"ada"}}, "/cart": {"item": {"tea"}}, "/theme": {"theme": {"dark"}}, "/logout": {},
	} {
		res, _ := v.do(shop.url+path, "text/html,*/*;q=0.8", form)
		if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" {
			t.Errorf("%s: %s to %q", path, res.Status, res.Header.Get("Location"))
		}
	}
}

// The shop ends and opens again: with its sessions in a store that lasts and
// keys in the configuration, the visitor does not notice.
func TestTheCartSurvivesARestart(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]string{
		"redis": fmt.Sprintf(`
    driver: redis
    redis:
      url: %s
      namespace: "restart:"
`, testserver.Redis(t).URL()),
		"sqlite": fmt.Sprintf(`
    driver: sql
    sql:
      dialect: sqlite
      driver: sqlite
      dsn: "file:%s?_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)"
      migrate: true
`, filepath.Join(t.TempDir(), "sessions.db")),
		"postgres": fmt.Sprintf(`
    driver: sql
    sql:
      dialect: postgres
      driver: pgx
      dsn: %q
      migrate: true
`, testserver.PostgresURL(testserver.Postgres(t).Addr())),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := write(t, "app.yaml", fmt.Sprintf(`
session:
  cookie:
    keys: [%s]
  store:%s`, config.NewKey().Reveal(), where))
			v := newVisitor(t)

			first := open(t, "FXAPP_CONFIG="+file)
			v.status(first.url+"/login", url.Values{"user": {"ada"}})
			v.status(first.url+"/theme", url.Values{"theme": {"dark"}})
			v.status(first.url+"/cart", url.Values{"item": {"tea"}})
			first.close()

			second := open(t, "FXAPP_CONFIG="+file)
			v.status(second.url+"/cart", url.Values{"item": {"tea"}})
			if got := v.cart(second.url); got.User != "ada" || got.Items["tea"] != 2 {
				t.Errorf("the cart is %v", got)
			}
			expect(t, "theme", v.page(second.url, nil), `data-theme="dark"`)
		})
	}
}

// Twenty times in a row: 50 requests at once put 50 items into one cart, and
// all are there.
func TestNothingIsLostWhenManyAddAtOnce(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, environment []string) {
		shop := open(t, environment...)
		for round := range 20 {
			v := newVisitor(t)
			v.status(shop.url+"/login", url.Values{"user": {"ada"}})
			var adding sync.WaitGroup
			for i := range 50 {
				adding.Go(func() {
					item := fmt.Sprintf("item-%d", i+1)
					if status := v.status(shop.url+"/cart", url.Values{"item": {item}}); status != http.StatusOK {
						t.Errorf("round %d: %s: %d", round, item, status)
					}
				})
			}
			adding.Wait()
			if got := v.cart(shop.url); got.User != "ada" || len(got.Items) != 50 {
				t.Fatalf("round %d: %d items of 50", round, len(got.Items))
			}
		}
	})
}

// While Redis is away the shop says so, to a load balancer and to a visitor,
// and goes on when it is back. What needs no session is served all the while.
func TestTheStoreGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	shop := open(t, append(onRedis(t, server), "SESSION_STORE_TIMEOUT=500ms")...)
	v := newVisitor(t)
	tea := url.Values{"item": {"tea"}}
	if status := v.status(shop.url+"/cart", tea); status != http.StatusOK {
		t.Errorf("before: %d", status)
	}
	v.awaitReady(shop.url, http.StatusOK)

	server.Stop()
	v.awaitReady(shop.url, http.StatusServiceUnavailable)
	res, page := v.do(shop.url+"/cart", "text/html", tea)
	if res.StatusCode != http.StatusInternalServerError || !strings.Contains(page, "The shop has a problem.") {
		t.Errorf("while it is away: %s\n%s", res.Status, page)
	}
	expectSecured(t, res)
	for _, path := range []string{"/healthz", "/style.css"} {
		if status := v.status(shop.url+path, nil); status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
	}

	server.Start()
	v.awaitReady(shop.url, http.StatusOK)
	testkit.Eventually(t, func() error { // the first write over a connection that was lost may fail
		if status := v.status(shop.url+"/cart", tea); status != http.StatusOK {
			return fmt.Errorf("after: %d", status)
		}
		return nil
	})
}

// awaitReady waits until /readyz answers so.
func (v visitor) awaitReady(shop string, want int) {
	v.t.Helper()
	testkit.Eventually(v.t, func() error {
		if got := v.status(shop+"/readyz", nil); got != want {
			return fmt.Errorf("/readyz is %d, want %d", got, want)
		}
		return nil
	})
}

func TestWhatAVisitorEntersIsChecked(t *testing.T) {
	t.Parallel()
	shop, v := open(t), newVisitor(t)
	for name, test := range map[string]struct {
		path string
		form url.Values
		want int
	}{
		"64 letters":      {"/cart", url.Values{"item": {strings.Repeat("ü", 64)}}, http.StatusOK},
		"markup":          {"/cart", url.Values{"item": {`<b>"tea" & 'milk'</b>`}}, http.StatusOK},
		"65 letters":      {"/cart", url.Values{"item": {strings.Repeat("a", 65)}}, http.StatusUnprocessableEntity},
		"no item":         {"/cart", url.Values{"thing": {"tea"}}, http.StatusUnprocessableEntity},
		"space":           {"/cart", url.Values{"item": {"  "}}, http.StatusUnprocessableEntity},
		"line break":      {"/cart", url.Values{"item": {"a\nb"}}, http.StatusUnprocessableEntity},
		"not UTF-8":       {"/cart", url.Values{"item": {"\xff"}}, http.StatusUnprocessableEntity},
		"no user":         {"/login", url.Values{}, http.StatusUnprocessableEntity},
		"NUL":             {"/login", url.Values{"user": {"a\x00"}}, http.StatusUnprocessableEntity},
		"no such theme":   {"/theme", url.Values{"theme": {"pink"}}, http.StatusUnprocessableEntity},
		"much too large":  {"/cart", url.Values{"item": {strings.Repeat("a", 1<<17)}}, http.StatusRequestEntityTooLarge},
		"no such page":    {"/cellar", nil, http.StatusNotFound},
		"no such request": {"/", url.Values{}, http.StatusMethodNotAllowed},
	} {
		if got := v.status(shop.url+test.path, test.form); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
	expect(t, "markup", v.page(shop.url+"/cart", nil), "&lt;b&gt;&#34;tea&#34; &amp; &#39;milk&#39;&lt;/b&gt;")
	res, page := v.do(shop.url+"/cart", "text/html", url.Values{})
	if res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("got %s", res.Status)
	}
	expect(t, "error page", page, "That did not work", "Please enter 1 to 64 printable characters (item).")
}

// A form with several parts is read as well; one that cannot be read is
// refused.
func TestFormsOfOtherKinds(t *testing.T) {
	t.Parallel()
	shop, v := open(t), newVisitor(t)
	for name, test := range map[string]struct {
		kind, body string
		want       int
	}{
		"parts":        {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"item\"\r\n\r\ntea\r\n--x--\r\n", http.StatusOK},
		"broken parts": {"multipart/form-data; boundary=x", "--x\r\nContent-Disp", http.StatusUnprocessableEntity},
		"broken form":  {"application/x-www-form-urlencoded", "item=%zz", http.StatusUnprocessableEntity},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, shop.url+"/cart", strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", test.kind)
		r.Header.Set("Accept", "application/json")
		res, err := v.browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != test.want {
			t.Errorf("%s: %s, want %d", name, res.Status, test.want)
		}
	}
}

// A page of another site cannot post, and changes nothing.
func TestAnotherSiteCannotPost(t *testing.T) {
	t.Parallel()
	shop, v := open(t), newVisitor(t)
	v.status(shop.url+"/cart", url.Values{"item": {"tea"}})
	for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, shop.url+"/cart", strings.NewReader("item=whip"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(header, value)
		res, err := v.browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", header, res.Status)
		}
	}
	if got := v.cart(shop.url).Items; !maps.Equal(got, map[string]int{"tea": 1}) {
		t.Errorf("the cart is %v", got)
	}
}

// A request that is under way when the shop is told to end is answered.
func TestTheShopDrainsBeforeItCloses(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, environment []string) {
		shop := open(t, environment...)
		conn, err := net.Dial("tcp", strings.TrimPrefix(shop.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		answer := bufio.NewReader(conn)
		fmt.Fprint(conn, "POST /cart HTTP/1.1\r\nHost: shop\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
			"Content-Length: 8\r\nExpect: 100-continue\r\n\r\n")
		// The shop has begun: it asks for the form.
		if res, err := http.ReadResponse(answer, nil); err != nil || res.StatusCode != http.StatusContinue {
			t.Fatalf("%v, %v", res, err)
		}
		if err := shop.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, func() error {
			if c, err := net.Dial("tcp", strings.TrimPrefix(shop.url, "http://")); err == nil {
				c.Close()
				return errors.New("it takes connections")
			}
			return nil
		})
		fmt.Fprint(conn, "item=tea")
		res, err := http.ReadResponse(answer, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		if res.StatusCode != http.StatusSeeOther || len(res.Cookies()) != 1 {
			t.Errorf("%s, %d cookies", res.Status, len(res.Cookies()))
		}
		shop.close()
	})
}
