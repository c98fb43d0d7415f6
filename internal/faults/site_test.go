//go:build faults

package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// site is an application of several instances behind one name.
type site struct {
	counters
	t         *testing.T
	url       *url.URL
	instances []instance
	cookie    string // its name
}

const siteName = "https://shop.example"

// instance is one of the application.
type instance interface {
	// request is that for one of the pages.
	request(page string) (*http.Request, error)
	// keys reads an answer: /read gives what the session holds, /look whose it is
	// and its theme, the others what they have put into it.
	keys(answer io.Reader) []string
	// breaks says that the instance itself is broken, and so may not answer.
	breaks() bool
	close()
}

// local is an instance within the tests.
type local struct{ *httptest.Server }

func (l local) request(page string) (*http.Request, error) {
	return http.NewRequest(http.MethodGet, l.URL+page, nil)
}

func (l local) keys(answer io.Reader) (keys []string) {
	_ = json.NewDecoder(answer).Decode(&keys)
	return keys
}

func (l local) breaks() bool { return false }
func (l local) close()       { l.Close() }

func newSite(t *testing.T, sys system) *site {
	t.Helper()
	key, err := config.ParseKey("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{key}
	s := &site{t: t}
	s.url, _ = url.Parse(siteName)
	for _, one := range sys.shops {
		s.cookie = shopCookie
		s.instances = append(s.instances, one)
	}
	for _, one := range sys.stores {
		m, err := session.NewManager(cfg, store.New(one, store.WithTimeout(callTimeout)))
		if err != nil {
			t.Fatal(err)
		}
		s.cookie = m.CookieName()
		s.instances = append(s.instances, local{httptest.NewServer(m.Middleware(pages()))})
	}
	return s
}

func (s *site) close() {
	for _, one := range s.instances {
		one.close()
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// pages are those of the application.
func pages() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(ctx context.Context, r *http.Request, s *session.Session) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer, err := h(r.Context(), r, session.FromContext(r.Context()))
			if err != nil {
				http.Error(w, "", http.StatusInternalServerError)
				return
			}
			_ = json.NewEncoder(w).Encode(answer)
		})
	}
	handle("/read", func(ctx context.Context, _ *http.Request, s *session.Session) (any, error) {
		keys, err := s.Keys(ctx)
		return keys, err
	})
	handle("/write/{key}", func(ctx context.Context, r *http.Request, s *session.Session) (any, error) {
		key := r.PathValue("key")
		return []string{key}, s.Set(ctx, key, true)
	})
	handle("/login/{subject}/{key}", func(ctx context.Context, r *http.Request, s *session.Session) (any, error) {
		if err := s.SignIn(ctx, r.PathValue("subject")); err != nil {
			return nil, err
		}
		key := r.PathValue("key")
		return []string{key}, s.Set(ctx, key, true)
	})
	theme := session.NewField[string]("theme")
	handle("/theme/{theme}", func(ctx context.Context, r *http.Request, s *session.Session) (any, error) {
		return nil, theme.Set(ctx, s.Client(), r.PathValue("theme"))
	})
	handle("/look", func(ctx context.Context, _ *http.Request, s *session.Session) (any, error) {
		chosen, _, err := theme.Get(ctx, s.Client())
		if err != nil {
			return nil, err
		}
		subject, err := s.Subject(ctx)
		return []string{"user " + subject, "theme " + chosen}, err
	})
	handle("/logout", func(_ context.Context, _ *http.Request, s *session.Session) (any, error) { return nil, s.Invalidate() })
	return mux
}

// healed visits each instance until it reads and writes, and gives the time
// that the slowest took.
func (s *site) healed(t *testing.T) time.Duration {
	began := time.Now()
	for i := range s.instances {
		v := s.visitor(0, 0)
		for {
			if _, ok := v.get(i, "/write/probe"); ok {
				if keys, ok := v.get(i, "/read"); ok && len(keys) == 1 {
					break
				}
			}
			if time.Since(began) > 2*healTimeout {
				t.Fatal("it never healed")
			}
			pause(5 * time.Millisecond)
		}
	}
	return time.Since(began)
}

// visitor has a browser, and remembers what it was told.
type visitor struct {
	site    *site
	random  *rand.Rand
	client  *http.Client
	number  int
	written int
	has     map[string]bool // what the session surely holds
	looks   look            // what its pages surely look like
	sure    bool            // the cookie in the jar is surely that of a live session
	dead    []string        // cookies that surely open nothing any more
	left    []leftBehind
}

// leftBehind is a session that its visitor goes on without.
type leftBehind struct {
	cookie string
	has    map[string]bool
	looks  look
}

// look is who is signed in and the theme; "" where that is not sure.
type look struct{ user, theme string }

func (s *site) visitor(seed uint64, n int) *visitor {
	v := &visitor{site: s, number: n, random: rand.New(rand.NewPCG(seed, uint64(n)+1))}
	v.fresh()
	return v
}

func (v *visitor) fresh() {
	jar, _ := cookiejar.New(nil)
	v.client = &http.Client{Jar: jar, Transport: http.DefaultTransport}
	v.has, v.looks, v.sure = map[string]bool{}, look{}, true
}

// get asks an instance for a page; the cookies are those of the site. ok says
// that it was answered with 200.
func (v *visitor) get(instance int, path string) (keys []string, ok bool) {
	return v.getWith(instance, path, v.client.Jar.Cookies(v.site.url))
}

func (v *visitor) getWith(instance int, path string, cookies []*http.Cookie) (keys []string, ok bool) {
	asked := v.site.instances[instance]
	r, err := asked.request(path)
	if err != nil {
		v.site.t.Error(err)
		return nil, false
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	began := time.Now()
	response, err := http.DefaultTransport.RoundTrip(r)
	took := int64(time.Since(began))
	for longest := v.site.longest.Load(); took > longest && !v.site.longest.CompareAndSwap(longest, took); {
		longest = v.site.longest.Load()
	}
	v.site.requests.Add(1)
	if err != nil {
		v.site.failed.Add(1)
		if !asked.breaks() {
			v.site.t.Error(err)
		}
		return nil, false
	}
	defer response.Body.Close()
	v.client.Jar.SetCookies(v.site.url, response.Cookies())
	if response.StatusCode != http.StatusOK {
		v.site.failed.Add(1)
		return nil, false
	}
	return asked.keys(response.Body), true
}

func (v *visitor) sessionCookie() string {
	for _, c := range v.client.Jar.Cookies(v.site.url) {
		if c.Name == v.site.cookie {
			return c.Value
		}
	}
	return ""
}

// act does one thing, on any instance.
func (v *visitor) act() {
	instance := v.random.IntN(len(v.site.instances))
	before := v.sessionCookie()
	v.written++
	key := fmt.Sprint("key-", v.written)
	switch n := v.random.IntN(100); {
	case n < 55:
		keys, _ := v.get(instance, "/write/"+key)
		v.acknowledged(keys)
	case n < 85:
		_, _ = v.get(instance, "/read")
	case n < 90:
		chosen := []string{"auto", "light", "dark"}[v.random.IntN(3)]
		if _, ok := v.get(instance, "/theme/"+chosen); ok {
			v.looks.theme = chosen
			v.site.counters.acknowledged.Add(1)
		} else {
			v.looks.theme = ""
		}
	case n < 96:
		user := fmt.Sprint("user-", v.number%8)
		if keys, ok := v.get(instance, "/login/"+user+"/"+key); ok {
			v.looks.user = user
			v.acknowledged(keys)
			if before != "" && v.sessionCookie() != before {
				v.ends(before)
			}
		} else {
			v.sure = false // it may have been renewed, under an ID that was never sent
		}
	default:
		if before == "" {
			return
		}
		if _, ok := v.get(instance, "/logout"); ok {
			v.ends(before)
		}
		v.fresh()
	}
	if len(v.has) > 200 || !v.sure {
		if v.sure {
			v.left = append(v.left, leftBehind{v.sessionCookie(), v.has, v.looks})
		}
		v.fresh()
	}
}

func (v *visitor) acknowledged(keys []string) {
	for _, key := range keys {
		v.has[key] = true
	}
	v.site.counters.acknowledged.Add(int64(len(keys)))
}

func (v *visitor) ends(cookie string) {
	v.dead = append(v.dead, cookie)
	v.site.ended.Add(1)
}

// check says what is wrong once all is over.
func (v *visitor) check() (problems []string) {
	if cookie := v.sessionCookie(); cookie != "" {
		v.left = append(v.left, leftBehind{cookie, v.has, v.looks})
	}
	for n, one := range v.left {
		lost := maps.Clone(one.has)
		for _, key := range v.patiently(n, "/read", one.cookie) {
			delete(lost, key)
		}
		if len(lost) > 0 {
			problems = append(problems, fmt.Sprintf("visitor %d: %d of %d acknowledged writes are lost", v.number, len(lost), len(one.has)))
		}
		seen := v.patiently(n, "/look", one.cookie)
		if user := "user " + one.looks.user; one.looks.user != "" && !slices.Contains(seen, user) {
			problems = append(problems, fmt.Sprintf("visitor %d: a sign-in is lost", v.number))
		}
		if theme := "theme " + one.looks.theme; one.looks.theme != "" && !slices.Contains(seen, theme) {
			problems = append(problems, fmt.Sprintf("visitor %d: a theme is lost", v.number))
		}
	}
	for _, cookie := range v.dead {
		if keys := v.patiently(0, "/read", cookie); len(keys) > 0 {
			problems = append(problems, fmt.Sprintf("visitor %d: a session that had ended is back", v.number))
		}
	}
	return problems
}

// patiently asks for a page with a cookie until it is answered, for a while.
func (v *visitor) patiently(n int, page, cookie string) (keys []string) {
	for range 20 {
		var ok bool
		if keys, ok = v.getWith(n%len(v.site.instances), page, v.cookies(cookie)); ok {
			return keys
		}
		pause(50 * time.Millisecond)
	}
	v.site.t.Errorf("visitor %d: no answer at the end", v.number)
	return nil
}

func (v *visitor) cookies(session string) []*http.Cookie {
	return []*http.Cookie{{Name: v.site.cookie, Value: session}}
}
