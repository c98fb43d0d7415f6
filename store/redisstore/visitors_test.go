package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// site is an application, and a visitor of it.
type site struct {
	t       *testing.T
	url     string
	visitor *http.Client
}

// hasty is how much time an application allows for a call of Redis where a test
// waits for that to be over.
const hasty = 300 * time.Millisecond

// newSite makes an application that allows so much time for a call of Redis.
func newSite(t *testing.T, url string, callTimeout time.Duration) *site {
	t.Helper()
	key, err := config.ParseKey("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{key}
	backend := open(t, redisstore.Connection{URL: url, DialTimeout: tooLate, IOTimeout: tooLate})
	m, err := session.NewManager(cfg, store.New(backend, store.WithTimeout(callTimeout)))
	if err != nil {
		t.Fatal(err)
	}
	name := session.NewField[string]("name")
	mux := http.NewServeMux()
	handle := func(pattern string, h func(r *http.Request, s *session.Session) (string, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			text, err := h(r, session.FromContext(r.Context()))
			if err != nil {
				http.Error(w, "", http.StatusInternalServerError)
				return
			}
			fmt.Fprint(w, text)
		})
	}
	handle("/plain", func(*http.Request, *session.Session) (string, error) { return "plain", nil })
	handle("/read", func(r *http.Request, s *session.Session) (string, error) {
		text, _, err := name.Get(r.Context(), s)
		return text, err
	})
	handle("/write/{name}", func(r *http.Request, s *session.Session) (string, error) {
		return "", name.Set(r.Context(), s, r.PathValue("name"))
	})
	handle("/logout", func(_ *http.Request, s *session.Session) (string, error) { return "", s.Invalidate() })
	server := httptest.NewTLSServer(m.Middleware(mux))
	t.Cleanup(server.Close)
	visitor := server.Client()
	visitor.Timeout = tooLate / 2 // which is too late, too
	visitor.Jar, _ = cookiejar.New(nil)
	return &site{t, server.URL, visitor}
}

// visit gives the status and the text of a page.
func (s *site) visit(path string) (status int, text string) {
	s.t.Helper()
	response, err := s.visitor.Get(s.url + path)
	if err != nil {
		s.t.Error(err)
		return 0, ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Error(err)
	}
	return response.StatusCode, string(body)
}

func (s *site) sees(path string, status int, text string) {
	s.t.Helper()
	if gotStatus, gotText := s.visit(path); gotStatus != status || status == http.StatusOK && gotText != text {
		s.t.Errorf("%s: %d %q, want %d %q", path, gotStatus, gotText, status, text)
	}
}

// await visits a page until it is answered, and gives its text.
func (s *site) await(path string) (text string) {
	s.t.Helper()
	eventually(s.t, func() error {
		var status int
		if status, text = s.visit(path); status != http.StatusOK {
			return fmt.Errorf("status %d", status)
		}
		return nil
	})
	return text
}

// comesToSee waits until a page is answered, with text.
func (s *site) comesToSee(path, text string) {
	s.t.Helper()
	if got := s.await(path); got != text {
		s.t.Errorf("%s: %q, want %q", path, got, text)
	}
}

// What the visitors of an application see while Redis is in trouble, and that
// all is well again by itself when Redis is. docs/redis.md has it as a table.
func TestWhatVisitorsSeeOfAnOutage(t *testing.T) {
	t.Parallel()
	const ok, failed = http.StatusOK, http.StatusInternalServerError
	type statuses struct{ read, write, logout int }
	everything, nothing := statuses{ok, ok, ok}, statuses{failed, failed, failed}
	do := func(words ...string) func(*testing.T, *testserver.RedisServer) {
		return func(t *testing.T, s *testserver.RedisServer) {
			t.Helper()
			if _, err := s.Command(words...); err != nil {
				t.Fatal(err)
			}
		}
	}
	kept := []string{"--appendonly", "yes", "--appendfsync", "always"}
	for _, c := range []struct {
		name        string
		args        []string
		fault, heal func(*testing.T, *testserver.RedisServer)
		during      statuses
		lost        bool // the session is, once it is over
		hangs       bool // so that calls are to end by their own timeout, and soon
	}{
		{
			name: "it is gone, and comes back with what it had", args: kept,
			fault:  func(_ *testing.T, s *testserver.RedisServer) { s.Kill() },
			heal:   func(_ *testing.T, s *testserver.RedisServer) { s.Start() },
			during: nothing,
		},
		{
			name: "it has lost everything", args: nil,
			fault: func(_ *testing.T, s *testserver.RedisServer) { s.Kill(); s.Start() },
			heal:  func(*testing.T, *testserver.RedisServer) {}, during: everything, lost: true,
		},
		{
			name: "it hangs", args: kept,
			fault:  func(_ *testing.T, s *testserver.RedisServer) { s.Pause() },
			heal:   func(_ *testing.T, s *testserver.RedisServer) { s.Resume() },
			during: nothing, hangs: true,
		},
		{name: "it is slow", fault: do("CLIENT", "PAUSE", "100"), heal: do("CLIENT", "UNPAUSE"), during: everything},
		{
			name: "it only reads", fault: do("REPLICAOF", "127.0.0.1", "1"), heal: do("REPLICAOF", "NO", "ONE"),
			during: statuses{ok, failed, failed},
		},
		{
			name: "it is out of memory", args: []string{"--maxmemory-policy", "noeviction"},
			fault: do("CONFIG", "SET", "maxmemory", "1"), heal: do("CONFIG", "SET", "maxmemory", "0"),
			during: statuses{ok, failed, ok},
		},
		{
			name: "it evicts", args: []string{"--maxmemory-policy", "allkeys-lru"},
			fault: func(t *testing.T, s *testserver.RedisServer) {
				do("CONFIG", "SET", "maxmemory", "1")(t, s)
				eventually(t, func() error {
					_, _ = s.Command("GET", "any") // so that it looks after its memory
					if size, err := s.Command("DBSIZE"); err != nil || size != "0" {
						return fmt.Errorf("%s keys are left, %w", size, err)
					}
					return nil
				})
				do("CONFIG", "SET", "maxmemory", "0")(t, s)
			},
			heal: func(*testing.T, *testserver.RedisServer) {}, during: everything, lost: true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := testserver.Redis(t, c.args...)
			timeout := tooLate
			if c.hangs {
				timeout = hasty
			}
			s, other := newSite(t, server.URL(), timeout), newSite(t, server.URL(), timeout)
			s.comesToSee("/write/ada", "")
			s.comesToSee("/read", "ada")
			other.comesToSee("/write/eve", "")

			c.fault(t, server)
			s.sees("/plain", ok, "plain")
			name := "ada"
			if c.lost {
				// The connections were lost, too, and each is found out by a request.
				name = ""
				s.comesToSee("/read", name)
				s.comesToSee("/write/bob", "")
				other.comesToSee("/logout", "")
			} else {
				s.sees("/read", c.during.read, name)
				s.sees("/write/bob", c.during.write, "")
				other.sees("/logout", c.during.logout, "")
			}
			c.heal(t, server)

			if c.during.write == ok {
				name = "bob"
			}
			if text := s.await("/read"); text != name && text != "bob" {
				t.Errorf("the session has %q, want %q", text, name)
			}
			s.comesToSee("/write/cyd", "")
			s.comesToSee("/read", "cyd")
			other.comesToSee("/logout", "")
			other.comesToSee("/read", "")
		})
	}
}

// slowToLoad gives a server that takes seconds to load what it has, and says while
// it does; it was killed.
func slowToLoad(t *testing.T, fill func(server *testserver.RedisServer)) (server *testserver.RedisServer, loading func() bool) {
	t.Helper()
	server = testserver.Redis(t, "--key-load-delay", "3000", "--loading-process-events-interval-bytes", "1024")
	fill(server)
	if _, err := server.Command("EVAL", "for i = 1, 1000 do redis.call('SET', 'key-' .. i, string.rep('x', 100)) end", "0"); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Command("SAVE"); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	return server, func() bool {
		_, err := server.Command("PING")
		return err != nil && strings.Contains(err.Error(), "LOADING")
	}
}

// asks counts what a client is asked for.
type asks struct {
	rueidis.Client
	commands, pipelines, cached atomic.Int64
}

func (c *asks) Do(ctx context.Context, command rueidis.Completed) rueidis.RedisResult {
	c.commands.Add(1)
	return c.Client.Do(ctx, command)
}

func (c *asks) DoMulti(ctx context.Context, commands ...rueidis.Completed) []rueidis.RedisResult {
	c.pipelines.Add(1)
	return c.Client.DoMulti(ctx, commands...)
}

func (c *asks) DoMultiCache(ctx context.Context, commands ...rueidis.CacheableTTL) []rueidis.RedisResult {
	c.cached.Add(1)
	return c.Client.DoMultiCache(ctx, commands...)
}

// What Redis refuses for now is asked again for a while, but in no other way after
// that: that would be refused, too.
func TestALoadThatIsRefusedWhileRedisLoadsIsAskedForInOneWay(t *testing.T) {
	t.Parallel()
	var plain, near *asks
	server, loading := slowToLoad(t, func(server *testserver.RedisServer) {
		for _, client := range []**asks{&plain, &near} {
			made, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{server.Addr()}, DisableRetry: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(made.Close)
			*client = &asks{Client: made}
		}
	})
	load := func(s *redisstore.Store) <-chan error {
		return testkit.Begin(func() error {
			for tick := time.Tick(time.Millisecond); ; <-tick {
				if !loading() {
					continue
				}
				_, err := s.Load(t.Context(), key(1))
				if errors.Is(err, store.ErrNotFound) || err != nil && strings.Contains(err.Error(), "LOADING") {
					return nil // it was asked to the end of its patience, or of the loading
				} // else the error was that of the connection of before
			}
		})
	}
	viaPlain, viaNear := load(redisstore.New(plain)), load(redisstore.New(near, redisstore.WithClientCache(time.Minute)))
	server.Start()
	for _, via := range []<-chan error{viaPlain, viaNear} {
		if err := testkit.Receive(t, "a load", via); err != nil {
			t.Error(err)
		}
	}
	if n := plain.commands.Load(); n > 0 || plain.pipelines.Load() < 2 {
		t.Errorf("%d scripts after %d pipelines", n, plain.pipelines.Load())
	}
	if n := near.commands.Load() + near.pipelines.Load(); n > 0 || near.cached.Load() < 2 {
		t.Errorf("%d more after %d that may be cached", n, near.cached.Load())
	}
}

// While Redis loads its data it answers, and refuses.
func TestWhatVisitorsSeeWhileRedisLoads(t *testing.T) {
	t.Parallel()
	var s *site
	server, loading := slowToLoad(t, func(server *testserver.RedisServer) {
		s = newSite(t, server.URL(), hasty)
		s.comesToSee("/write/ada", "")
	})
	loaded := make(chan struct{})
	seen := testkit.Begin(func() error {
		for tick := time.Tick(time.Millisecond); ; <-tick {
			select {
			case <-loaded:
				return errors.New("nobody saw it load")
			default:
			}
			if !loading() {
				continue
			}
			if status, _ := s.visit("/read"); loading() {
				if status != http.StatusInternalServerError {
					return fmt.Errorf("while it loads, a page has the status %d", status)
				}
				return nil
			}
		}
	})
	server.Start()
	close(loaded)
	if err := testkit.Receive(t, "a visit", seen); err != nil {
		t.Error(err)
	}
	s.comesToSee("/read", "ada")
}
