package redisstore_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
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

// callTimeout is what the application allows for a call of Redis.
const callTimeout = 500 * time.Millisecond

func newSite(t *testing.T, url string) *site {
	t.Helper()
	key, err := config.ParseKey("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{key}
	backend := open(t, redisstore.Connection{URL: url, DialTimeout: callTimeout, IOTimeout: callTimeout})
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
	visitor.Jar, _ = cookiejar.New(nil)
	return &site{t, server.URL, visitor}
}

// visit gives the status and the text of a page. No page may take much longer
// than the application allows for two calls of Redis.
func (s *site) visit(path string) (status int, text string) {
	s.t.Helper()
	began := time.Now()
	response, err := s.visitor.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if took := time.Since(began); took > 2*callTimeout+soon {
		s.t.Errorf("%s took %s", path, took)
	}
	return response.StatusCode, string(body)
}

func (s *site) sees(path string, status int, text string) {
	s.t.Helper()
	if gotStatus, gotText := s.visit(path); gotStatus != status || status == http.StatusOK && gotText != text {
		s.t.Errorf("%s: %d %q, want %d %q", path, gotStatus, gotText, status, text)
	}
}

// comesToSee waits until a page is answered, with text.
func (s *site) comesToSee(path, text string) {
	s.t.Helper()
	eventually(s.t, func() error {
		status, got := s.visit(path)
		if status != http.StatusOK {
			return fmt.Errorf("status %d", status)
		}
		if got != text {
			s.t.Errorf("%s: %q, want %q", path, got, text)
		}
		return nil
	})
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
			during: nothing,
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
			s, other := newSite(t, server.URL()), newSite(t, server.URL())
			s.sees("/write/ada", ok, "")
			s.sees("/read", ok, "ada")
			other.sees("/write/eve", ok, "")

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

			eventually(t, func() error {
				runtime.Gosched()
				if status, _ := s.visit("/read"); status != ok {
					return fmt.Errorf("status %d", status)
				}
				return nil
			})
			if c.during.write == ok {
				name = "bob"
			}
			if _, text := s.visit("/read"); text != name && text != "bob" {
				t.Errorf("the session has %q, want %q", text, name)
			}
			s.comesToSee("/write/cyd", "")
			s.comesToSee("/read", "cyd")
			other.comesToSee("/logout", "")
			other.comesToSee("/read", "")
		})
	}
}

// While Redis loads its data it answers, and refuses.
func TestWhatVisitorsSeeWhileRedisLoads(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--key-load-delay", "3000", "--loading-process-events-interval-bytes", "1024")
	s := newSite(t, server.URL())
	s.sees("/write/ada", http.StatusOK, "")
	if _, err := server.Command("EVAL", "for i = 1, 1000 do redis.call('SET', 'key-' .. i, string.rep('x', 100)) end", "0"); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Command("SAVE"); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	refused, loaded := make(chan bool, 1), make(chan struct{})
	go func() {
		seen := false
		for {
			status, _ := s.visit("/read")
			if seen = seen || status == http.StatusInternalServerError; seen {
				refused <- true
				return
			}
			select {
			case <-loaded:
				refused <- seen
				return
			default:
			}
		}
	}()
	server.Start()
	close(loaded)
	if !<-refused {
		t.Error("nobody saw it load")
	}
	eventually(t, func() error {
		if status, _ := s.visit("/read"); status != http.StatusOK {
			return fmt.Errorf("status %d", status)
		}
		return nil
	})
	s.sees("/read", http.StatusOK, "ada")
}
