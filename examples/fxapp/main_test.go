package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testserver"
)

var (
	redis    testserver.SharedRedis
	postgres = testserver.SharedPostgres()
)

// TestMain makes the test binary the shop itself when a test starts it again.
func TestMain(m *testing.M) {
	if os.Getenv("FXAPP_TEST") == "main" {
		go func() { // ends with the tests, also where they break off
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(1)
		}()
		main()
		return
	}
	code := m.Run()
	redis.Stop()
	postgres.Stop()
	os.Exit(code)
}

// process is a shop that runs.
type process struct {
	t      *testing.T
	url    string
	cmd    *exec.Cmd
	stdout chan string // its lines
	log    strings.Builder
	ended  bool
}

// open starts a shop on a port of its own, in an environment of its own, and
// waits for the line that says where it is. It ends with the test.
func open(t *testing.T, environment ...string) *process {
	t.Helper()
	p := &process{t: t, stdout: make(chan string, 10)}
	p.cmd = exec.Command(os.Args[0], "-addr", "127.0.0.1:0")
	p.cmd.Env = append([]string{"FXAPP_TEST=main", "GORACE=atexit_sleep_ms=0"}, environment...)
	p.cmd.Stderr = &p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.stdout)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.stdout <- lines.Text()
		}
	}()
	t.Cleanup(p.close)
	line, ok := <-p.stdout
	if !ok {
		p.ended = true
		t.Fatalf("the shop did not open: %v\n%s", p.cmd.Wait(), p.log.String())
	}
	p.url = strings.TrimPrefix(line, "listening on ")
	if u, err := url.Parse(p.url); err != nil || u.Scheme != "http" || u.Port() == "0" || u.Port() == "" {
		t.Fatalf("the line is %q", line)
	}
	return p
}

// What is wrong with the configuration is all that a shop says that cannot open
// because of it, and in lines for people.
func TestAConfigurationThatIsNotValid(t *testing.T) {
	t.Parallel()
	shop := exec.Command(os.Args[0], "-addr", "127.0.0.1:0")
	shop.Env = []string{"FXAPP_TEST=main", "GORACE=atexit_sleep_ms=0", "SESSION_STATE_TTL=soon", "SESSION_COOKIE_KIND=session"}
	var stderr strings.Builder
	shop.Stderr = &stderr
	if _, err := shop.StdinPipe(); err != nil { // open for as long as the shop runs
		t.Fatal(err)
	}
	stdout, err := shop.Output()
	if shop.ProcessState.ExitCode() != 1 || len(stdout) > 0 {
		t.Errorf("it ended with %v and said %q", err, stdout)
	}
	want := `session configuration is not valid:
  session.state.ttl (SESSION_STATE_TTL): "soon": must be a duration with its unit, such as 90s, 15m, 24h or 30d
`
	if stderr.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &stderr, want)
	}
}

// close asks the shop to end, and waits until it has, in order and without
// another word on stdout.
func (p *process) close() {
	p.t.Helper()
	if p.ended {
		return
	}
	p.ended = true
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	hung := time.AfterFunc(20*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer hung.Stop()
	for line := range p.stdout {
		p.t.Errorf("one more line on stdout: %q", line)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the shop ended: %v\n%s", err, p.log.String())
	}
}

// onRedis is the environment of shops that keep their sessions in one Redis,
// apart from those of other tests.
func onRedis(t *testing.T, server *testserver.RedisServer) []string {
	t.Helper()
	return []string{
		"SESSION_STORE_DRIVER=redis",
		"SESSION_STORE_REDIS_URL=" + server.URL(),
		"SESSION_STORE_REDIS_NAMESPACE=" + t.Name() + ":" + time.Now().String() + ":",
		"SESSION_COOKIE_KEYS=" + config.NewKey().Reveal(),
	}
}

// onSQL is the environment of shops that keep their sessions in one database,
// in a table of their own. SQLite runs within the shop, where the race detector
// makes it many times slower, so that a crowd at one cart may take long.
func onSQL(dialect, driver, dsn string) []string {
	return []string{
		"SESSION_STORE_DRIVER=sql",
		"SESSION_STORE_SQL_DIALECT=" + dialect,
		"SESSION_STORE_SQL_DRIVER=" + driver,
		"SESSION_STORE_SQL_DSN=" + dsn,
		"SESSION_STORE_SQL_TABLE=" + fmt.Sprint("sessions_", time.Now().UnixNano()),
		"SESSION_STORE_SQL_MIGRATE=true",
		"SESSION_STORE_TIMEOUT=20s",
		"SESSION_COOKIE_KEYS=" + config.NewKey().Reveal(),
	}
}

// onEveryStore runs a test with the environment of each store.
func onEveryStore(t *testing.T, test func(t *testing.T, environment []string)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, nil)
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, onRedis(t, redis.Get(t)))
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "shop.db")
		test(t, onSQL("sqlite", "sqlite", "file:"+file+"?_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, onSQL("postgres", "pgx", testserver.PostgresURL(postgres.Get(t).Addr())))
	})
}

// visitor is a browser with a cookie jar, or a program that asks for JSON.
type visitor struct {
	t       *testing.T
	browser *http.Client
	agent   string // its User-Agent; "" is that of net/http
}

func newVisitor(t *testing.T) visitor {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	transport := &http.Transport{MaxConnsPerHost: 50, MaxIdleConnsPerHost: 50}
	t.Cleanup(transport.CloseIdleConnections)
	return visitor{t: t, browser: &http.Client{Jar: jar, Transport: transport}}
}

// do sends a form, or gets a page for none. The answer is read and closed.
func (v visitor) do(url, accept string, form url.Values) (*http.Response, string) {
	v.t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(v.t.Context(), method, url, body)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	if v.agent != "" {
		r.Header.Set("User-Agent", v.agent)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := v.browser.Do(r)
	if err != nil {
		v.t.Error(err)
		return &http.Response{}, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Error(err)
	}
	return res, string(text)
}

// page sends a form, or gets a page for none, follows to where the answer
// leads, and gives the page there.
func (v visitor) page(url string, form url.Values) string {
	v.t.Helper()
	res, text := v.do(url, "text/html", form)
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(text, "<!doctype html>") {
		v.t.Errorf("%s: %s\n%s", url, res.Status, text)
	}
	return text
}

// status sends a form, or gets for none, as a program does.
func (v visitor) status(url string, form url.Values) int {
	v.t.Helper()
	res, _ := v.do(url, "application/json", form)
	return res.StatusCode
}

type cartJSON struct {
	User  string         `json:"user"`
	Items map[string]int `json:"items"`
}

func (v visitor) cart(shop string) (c cartJSON) {
	v.t.Helper()
	res, text := v.do(shop+"/cart", "application/json", nil)
	if err := json.Unmarshal([]byte(text), &c); err != nil || res.StatusCode != http.StatusOK {
		v.t.Errorf("%s %v: %s", res.Status, err, text)
	}
	return c
}

// write writes a file of the test's own.
func write(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
