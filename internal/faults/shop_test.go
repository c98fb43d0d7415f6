//go:build faults

package faults_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fxsession/sessions/internal/testserver"
)

// shopCookie is the name of the shop's cookie over plain HTTP.
const shopCookie = "session"

// shop is examples/fxapp, a program of its own.
type shop struct {
	program *testserver.Program
	url     atomic.Pointer[string]
	steady  bool // it is never killed, and so answers whatever happens
}

// buildShop gives the program.
func buildShop(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fxapp")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/fxsession/sessions/examples/fxapp")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the shop: %v\n%s", err, output)
	}
	return path
}

// openShop starts a shop with an environment of its own.
func openShop(t *testing.T, path string, environment []string) *shop {
	t.Helper()
	environment = append([]string{"SESSION_STORE_TIMEOUT=" + callTimeout.String()}, environment...)
	s := &shop{program: testserver.NewProgram(t, path, environment, "-addr", "127.0.0.1:0")}
	s.start()
	return s
}

// start waits for the shop to say where it is, which is elsewhere each time:
// while it is gone, its port may be given to somebody else.
func (s *shop) start() {
	at := s.program.Start("listening on ")
	s.url.Store(&at)
}

// killed ends shops at one moment, in the middle of whatever they do, and
// starts them again.
func killed(shops ...*shop) {
	for _, one := range shops {
		one.program.Kill()
	}
	for _, one := range shops {
		one.start()
	}
}

// request asks the shop for what a page of the site is in it.
func (s *shop) request(page string) (*http.Request, error) {
	words := strings.Split(page, "/")
	method, path, form := http.MethodPost, words[1], url.Values{}
	switch path {
	case "read":
		method, path = http.MethodGet, "cart"
	case "write":
		path = "cart"
		form.Set("item", words[2])
	case "login":
		form.Set("user", words[2])
	case "theme":
		form.Set("theme", words[2])
	case "look":
		method, path = http.MethodGet, ""
	}
	r, err := http.NewRequest(method, *s.url.Load()+"/"+path, strings.NewReader(form.Encode()))
	if err == nil {
		r.Header.Set("Accept", "application/json")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r, err
}

func (s *shop) keys(answer io.Reader) (keys []string) {
	var said struct {
		Items              map[string]int
		Added, User, Theme string
	}
	_ = json.NewDecoder(answer).Decode(&said)
	for item := range said.Items {
		keys = append(keys, item)
	}
	if said.Added != "" {
		keys = append(keys, said.Added)
	}
	if said.Theme != "" { // the home page
		keys = append(keys, "user "+said.User, "theme "+said.Theme)
	}
	return keys
}

func (s *shop) breaks() bool { return !s.steady }
func (s *shop) close()       { s.program.Stop() }
