package browser

import (
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/fxsession/sessions/config"
)

// What the configuration says is what the browser keeps: it takes the cookie,
// and understands every attribute.
func TestTheCookieAsTheBrowserKeepsIt(t *testing.T) {
	for name, test := range map[string]struct {
		set  func(*config.SessionConfig)
		want network.Cookie
	}{
		"default": {nil, network.Cookie{
			Name: "__Host-session", Path: "/", Domain: "site.test", Secure: true, HTTPOnly: true, SameSite: network.CookieSameSiteLax,
		}},
		"strict, until the browser ends": {func(cfg *config.SessionConfig) {
			cfg.Cookie.SameSite, cfg.Cookie.Kind, cfg.Cookie.Name = config.SameSiteStrict, config.KindSession, "shop"
		}, network.Cookie{
			Name: "__Host-shop", Path: "/", Domain: "site.test", Secure: true, HTTPOnly: true, SameSite: network.CookieSameSiteStrict, Session: true,
		}},
		"partitioned": {func(cfg *config.SessionConfig) {
			cfg.Cookie.SameSite, cfg.Cookie.Partitioned = config.SameSiteNone, true
		}, network.Cookie{
			Name: "__Host-session", Path: "/", Domain: "site.test", Secure: true, HTTPOnly: true, SameSite: network.CookieSameSiteNone,
			PartitionKey: &network.CookiePartitionKey{TopLevelSite: "https://site.test"},
		}},
		"of a domain, below a path, for scripts": {func(cfg *config.SessionConfig) {
			cfg.Cookie.Domain, cfg.Cookie.Path, cfg.Cookie.HTTPOnly = "site.test", "/in", false
		}, network.Cookie{
			Name: "__Secure-session", Path: "/in", Domain: ".site.test", Secure: true, SameSite: network.CookieSameSiteLax,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b, site := newBrowser(t), openSite(t, test.set)
			b.open(at("site.test", site) + "/in")
			cookies := b.cookies()
			if len(cookies) != 1 {
				t.Fatalf("%d cookies", len(cookies))
			}
			c, lasts := *cookies[0], time.Until(time.Unix(int64(cookies[0].Expires), 0))
			if !c.Session && (lasts < 23*time.Hour || lasts > 24*time.Hour+time.Second) {
				t.Errorf("it lasts for %v", lasts)
			}
			if (c.PartitionKey == nil) != (test.want.PartitionKey == nil) || c.PartitionKey != nil && c.PartitionKey.TopLevelSite != test.want.PartitionKey.TopLevelSite {
				t.Errorf("its partition is %v", c.PartitionKey)
			}
			got := network.Cookie{
				Name: c.Name, Path: c.Path, Domain: c.Domain, Secure: c.Secure, HTTPOnly: c.HTTPOnly, SameSite: c.SameSite, Session: c.Session,
				PartitionKey: test.want.PartitionKey,
			}
			if got != test.want {
				t.Errorf("the browser keeps\n%+v, want\n%+v", got, test.want)
			}
			if script := ask[string](b, "document.cookie"); (script == "") != c.HTTPOnly {
				t.Errorf("a script sees %q", script)
			}
		})
	}
}

// A sign-out takes the cookie out of the browser, whatever its attributes.
func TestASignOutRemovesTheCookie(t *testing.T) {
	for name, set := range map[string]func(*config.SessionConfig){
		"default":      nil,
		"session kind": func(cfg *config.SessionConfig) { cfg.Cookie.Kind = config.KindSession },
		"partitioned": func(cfg *config.SessionConfig) {
			cfg.Cookie.SameSite, cfg.Cookie.Partitioned = config.SameSiteNone, true
		},
		"of a domain": func(cfg *config.SessionConfig) { cfg.Cookie.Domain = "site.test" },
	} {
		t.Run(name, func(t *testing.T) {
			b, site := newBrowser(t), at("site.test", openSite(t, set))
			b.open(site + "/in")
			b.open(site)
			if !b.shows("GET by ada") || len(b.cookies()) != 1 {
				t.Fatalf("before: %q, %d cookies", b.text(), len(b.cookies()))
			}
			b.open(site + "/out")
			if left := b.cookies(); len(left) != 0 {
				t.Errorf("the browser still has %s", left[0].Name)
			}
			b.open(site)
			if b.shows("ada") {
				t.Errorf("still signed in: %q", b.text())
			}
		})
	}
}

// A cookie that was copied before the sign-out opens nothing after it.
func TestACopiedCookieAfterASignOut(t *testing.T) {
	b, site := newBrowser(t), at("site.test", openSite(t, nil))
	b.open(site + "/in")
	copied := b.cookies()[0]
	b.open(site + "/out")
	yes := true
	if _, err := chromedp.Call(b.ctx, network.SetCookie, network.SetCookieParams{
		Name: copied.Name, Value: copied.Value, URL: site, Path: "/", Secure: &yes, HTTPOnly: &yes,
	}); err != nil {
		t.Fatal(err)
	}
	b.open(site)
	if b.shows("ada") || len(b.cookies()) != 1 {
		t.Errorf("%q, %d cookies", b.text(), len(b.cookies()))
	}
}

// What another site may do in the visitor's name is for SameSite to say.
func TestRequestsFromAnotherSite(t *testing.T) {
	for name, test := range map[string]struct {
		sameSite   config.SameSite
		link, post string
	}{
		"lax":    {config.SameSiteLax, "GET by ada", "POST by nobody"},
		"strict": {config.SameSiteStrict, "GET by nobody", "POST by nobody"},
		"none":   {config.SameSiteNone, "GET by ada", "POST by ada"},
	} {
		t.Run(name, func(t *testing.T) {
			b, server := newBrowser(t), openSite(t, func(cfg *config.SessionConfig) { cfg.Cookie.SameSite = test.sameSite })
			site, other := at("site.test", server), at("other.test", server)
			b.open(site + "/in")
			// Browsers let even a Lax cookie go along with a form for its first
			// two minutes, unless the attribute is there.
			for element, want := range map[string]string{"a": test.link, "button": test.post} {
				b.open(other + "/post?to=" + url.QueryEscape(site+"/"))
				b.click(element)
				if got := b.text(); got != want {
					t.Errorf("%s: %q, want %q", element, got, want)
				}
			}
		})
	}
}

// Embedded in two sites, a partitioned session is two sessions.
func TestAPartitionedSession(t *testing.T) {
	b, server := newBrowser(t), openSite(t, func(cfg *config.SessionConfig) {
		cfg.Cookie.SameSite, cfg.Cookie.Partitioned = config.SameSiteNone, true
	})
	framed := func(top, want string) {
		t.Helper()
		b.open(at(top, server) + "/frame?of=" + url.QueryEscape(at("site.test", server)+"/count"))
		b.await("document.title.startsWith('visit')")
		if got := ask[string](b, "document.title"); got != want {
			t.Errorf("in %s: %q, want %q", top, got, want)
		}
	}
	framed("one.test", "visit 1")
	framed("one.test", "visit 2")
	framed("two.test", "visit 1")
	framed("one.test", "visit 3")
	sites := map[string]bool{}
	for _, c := range b.cookies() {
		if c.PartitionKey != nil {
			sites[c.PartitionKey.TopLevelSite] = true
		}
	}
	if len(b.cookies()) != 2 || !sites["https://one.test"] || !sites["https://two.test"] {
		t.Errorf("the browser keeps %d cookies, for %v", len(b.cookies()), sites)
	}
}
