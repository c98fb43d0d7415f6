package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fxsession/sessions/session"
)

const (
	chromeOnLinux   = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
	safariOnIPhone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
	firefoxOnPhones = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
)

// signedIn gives a visitor who has signed in from a device.
func signedIn(t *testing.T, shop, user, agent string) visitor {
	t.Helper()
	v := newVisitor(t)
	v.agent = agent
	if status := v.status(shop+"/login", url.Values{"user": {user}}); status != http.StatusOK {
		t.Fatalf("%s signs in: %d", user, status)
	}
	return v
}

// devices is the list as a program gets it.
func (v visitor) devices(shop string) (list []Device) {
	v.t.Helper()
	res, text := v.do(shop+"/devices", "application/json", nil)
	if err := json.Unmarshal([]byte(text), &list); err != nil || res.StatusCode != http.StatusOK {
		v.t.Errorf("%s %v: %s", res.Status, err, text)
	}
	return list
}

// revoke asks for JSON, and gives the status and the answer.
func (v visitor) revoke(shop, what string) (status int, answer string) {
	v.t.Helper()
	res, text := v.do(shop+"/devices/"+what, "application/json", url.Values{})
	return res.StatusCode, strings.TrimSpace(text)
}

func (v visitor) wantRevoked(shop, what string, n string) {
	v.t.Helper()
	if status, answer := v.revoke(shop, what); status != http.StatusOK || answer != `{"revoked":`+n+`}` {
		v.t.Errorf("%s: %d %s", what, status, answer)
	}
}

func (v visitor) wantSignedIn(shop, who string, is bool) {
	v.t.Helper()
	want := http.StatusUnauthorized
	if is {
		want = http.StatusOK
	}
	if status := v.status(shop+"/account", nil); status != want {
		v.t.Errorf("the account of %s: %d, want %d", who, status, want)
	}
}

// A visitor sees where they are signed in, and ends what they choose: never
// what is somebody else's.
func TestDevicesInJSON(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, environment []string) {
		shop := open(t, environment...).url
		before := time.Now().Truncate(time.Millisecond)
		desk, phone, curl := signedIn(t, shop, "ada", chromeOnLinux), signedIn(t, shop, "ada", safariOnIPhone), signedIn(t, shop, "ada", "curl/8.5.0")
		bob := signedIn(t, shop, "bob", firefoxOnPhones)

		list := phone.devices(shop)
		keys := map[string]string{}
		for i, d := range list {
			keys[d.UserAgent] = d.Key.String()
			if d.Current != (i == 0) || d.RemoteAddr != "127.0.0.1" {
				t.Errorf("line %d is %+v", i, d)
			}
			for _, at := range []*time.Time{d.SignedInAt, d.LastSeenAt} {
				if at == nil || at.Before(before) || at.After(time.Now()) {
					t.Errorf("line %d, signed in between %v and now: %v", i, before, at)
				}
			}
		}
		if len(list) != 3 || len(keys) != 3 || list[0].UserAgent != safariOnIPhone {
			t.Fatalf("the devices are %+v", list)
		}

		for name, key := range map[string]string{
			"bob's": bob.devices(shop)[0].Key.String(), "no": strings.Repeat("0", 32), "not a": "x",
		} {
			if status, answer := phone.revoke(shop, key+"/revoke"); status != http.StatusNotFound ||
				answer != `{"error":"You are not signed in there, or not any more."}` {
				t.Errorf("%s key: %d %s", name, status, answer)
			}
		}
		bob.wantSignedIn(shop, "bob", true)

		phone.wantRevoked(shop, keys["curl/8.5.0"]+"/revoke", "1")
		curl.wantSignedIn(shop, "curl", false)
		desk.wantSignedIn(shop, "desk", true)
		if status, _ := phone.revoke(shop, keys["curl/8.5.0"]+"/revoke"); status != http.StatusNotFound {
			t.Errorf("twice: %d", status)
		}

		// A sign-in gives the session another key, and the old one is no good.
		desk.status(shop+"/login", url.Values{"user": {"ada"}})
		if status, _ := phone.revoke(shop, keys[chromeOnLinux]+"/revoke"); status != http.StatusConflict {
			t.Errorf("a renewed session: %d", status)
		}
		desk.wantSignedIn(shop, "desk", true)

		phone.wantRevoked(shop, "revoke-others", "1")
		desk.wantSignedIn(shop, "desk", false)
		phone.wantSignedIn(shop, "phone", true)
		phone.wantRevoked(shop, "revoke-others", "0")

		tablet := signedIn(t, shop, "ada", firefoxOnPhones)
		tablet.wantRevoked(shop, "revoke-all", "2")
		tablet.wantSignedIn(shop, "tablet", false)
		phone.wantSignedIn(shop, "phone", false)
		bob.wantSignedIn(shop, "bob", true)

		bob.wantRevoked(shop, bob.devices(shop)[0].Key.String()+"/revoke", "1") // his own
		bob.wantSignedIn(shop, "bob", false)
	})
}

func TestDevicesNeedASignIn(t *testing.T) {
	t.Parallel()
	shop, v := open(t).url, newVisitor(t)
	if status := v.status(shop+"/devices", nil); status != http.StatusUnauthorized {
		t.Errorf("the list: %d", status)
	}
	for _, what := range []string{strings.Repeat("0", 32) + "/revoke", "revoke-others", "revoke-all"} {
		if status, answer := v.revoke(shop, what); status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", what, status, answer)
		}
	}
}

// The same as a person does it. The theme outlasts the session.
func TestDevicesOnAPage(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, environment []string) {
		shop := open(t, environment...).url
		desk, phone := signedIn(t, shop, "ada", chromeOnLinux), signedIn(t, shop, "ada", safariOnIPhone)
		desk.page(shop+"/theme", url.Values{"theme": {"dark"}})
		page := desk.page(shop+"/devices", nil)
		expect(t, "devices", page, "<h1>Your devices</h1>", `Chrome on Linux <strong class="badge">This device</strong>`,
			"Safari on iPhone", "From 127.0.0.1.", ">just now</time>")
		other := desk.devices(shop)[1].Key.String()
		expect(t, "one", desk.page(shop+"/devices/"+other+"/revoke", url.Values{}), "<h1>Your devices</h1>", "That device is signed out.", "nowhere else")

		// The session that was ended from elsewhere shows nothing any more.
		ended := phone.page(shop+"/account", nil)
		expect(t, "ended", ended, "<h1>You were signed out</h1>", "Your name")
		if strings.Contains(ended, "ada") {
			t.Errorf("the name is still shown\n%s", ended)
		}
		expect(t, "a form", phone.page(shop+"/cart", url.Values{"item": {"tea"}}), "<h1>You were signed out</h1>")
		expect(t, "back again", phone.page(shop+"/login", url.Values{"user": {"ada"}}), "Welcome, ada.")
		expect(t, "signed out, said too late", phone.page(shop+"/signed-out", nil), "What would you like?", "Signed in as")

		expect(t, "others", desk.page(shop+"/devices/revoke-others", url.Values{}), "One other device is signed out.")
		expect(t, "no others", desk.page(shop+"/devices/revoke-others", url.Values{}), "There was no other device.")
		expect(t, "all", desk.page(shop+"/devices/revoke-all", url.Values{}), "You are signed out everywhere.", "Your name", `data-theme="dark"`)

		desk.page(shop+"/login", url.Values{"user": {"ada"}})
		own := desk.devices(shop)[0].Key.String()
		expect(t, "this one", desk.page(shop+"/devices/"+own+"/revoke", url.Values{}), "That device is signed out.", "Your name", `data-theme="dark"`)
		res, page := signedIn(t, shop, "ada", "").do(shop+"/devices/"+own+"/revoke", "text/html", url.Values{})
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("one that has ended: %s", res.Status)
		}
		expect(t, "one that has ended", page, "That did not work", "You are not signed in there, or not any more.")
		expectSecured(t, res)
	})
}

// Who asks to be remembered gets a cookie that outlasts the browser, and every
// later one does; who does not gets one that ends with it.
func TestRememberMe(t *testing.T) {
	t.Parallel()
	shop := open(t, "SESSION_COOKIE_SEND=always", "SESSION_STATE_MAX_LIFETIME=20d").url
	for form, lasts := range map[string]int{
		"user=ada":             0,
		"user=ada&remember=on": 20 * 24 * 60 * 60, // the longest that there may be
	} {
		v := newVisitor(t)
		values, _ := url.ParseQuery(form)
		for _, step := range []struct {
			path string
			form url.Values
		}{{"/login", values}, {"/cart", url.Values{"item": {"tea"}}}, {"/theme", url.Values{"theme": {"dark"}}}} {
			res, _ := v.do(shop+step.path, "application/json", step.form)
			if cookies := res.Cookies(); len(cookies) != 1 || cookies[0].MaxAge > lasts || cookies[0].MaxAge < lasts-60 {
				t.Errorf("%s, %s: %v", form, step.path, cookies)
			}
		}
	}
}

func TestWhatADeviceIsCalled(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string][2]string{
		chromeOnLinux:   {"Chrome on Linux", "desktop"},
		safariOnIPhone:  {"Safari on iPhone", "phone"},
		firefoxOnPhones: {"Firefox on Android", "phone"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":          {"Edge on Windows", "desktop"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15":                  {"Safari on macOS", "desktop"},
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                         {"Chrome on ChromeOS", "desktop"},
		"Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0.0.0 Mobile/15E148 Safari/604.1":      {"Chrome on iPad", "phone"},
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36":                          {"Chrome on Linux", "desktop"},
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 OPR/120.0.0.0":                    {"Opera on Linux", "desktop"},
		"Mozilla/5.0 (Linux; Android 15; SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36": {"Samsung Internet on Android", "phone"},
		"Mozilla/5.0 (X11; Linux x86_64) Something/1.0": {"A browser on Linux", "desktop"},
		"Firefox/1.0":                 {"Firefox", "desktop"},
		"curl/8.5.0":                  {"curl", "program"},
		"Go-http-client/1.1":          {"Go-http-client", "program"},
		"":                            {"An unknown browser", "desktop"},
		"Mozilla/5.0":                 {"An unknown browser", "desktop"},
		"<b>bold</b>/1":               {"An unknown browser", "desktop"},
		strings.Repeat("a", 50) + "/": {"An unknown browser", "desktop"},
		"/":                           {"An unknown browser", "desktop"},
	} {
		if name, icon := describe(agent); name != want[0] || icon != want[1] {
			t.Errorf("%s: %q, %q", agent, name, icon)
		}
	}
}

func TestHowLongAgo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for before, want := range map[time.Duration]string{
		-time.Second: "just now", 0: "just now", 59 * time.Second: "just now",
		time.Minute: "1 minute ago", 59 * time.Minute: "59 minutes ago",
		time.Hour: "1 hour ago", 23 * time.Hour: "23 hours ago",
		24 * time.Hour: "1 day ago", 13 * 24 * time.Hour: "13 days ago",
		14 * 24 * time.Hour: "on 15 February 2026",
	} {
		if got := ago(now, now.Add(-before)); got != want {
			t.Errorf("%v: %q, want %q", before, got, want)
		}
	}
}

// One at a time things leave the cart, and what is not there can.
func TestTakingOutOfTheCart(t *testing.T) {
	t.Parallel()
	shop, v := open(t).url, newVisitor(t)
	tea := url.Values{"item": {"tea"}, "back": {"/cart"}}
	v.status(shop+"/cart", tea)
	v.status(shop+"/cart", tea)
	expect(t, "one of two", v.page(shop+"/cart/remove", tea), "There is one tea fewer in your cart.", "<td>1</td>")
	for range 2 {
		if res, text := v.do(shop+"/cart/remove", "application/json", tea); res.StatusCode != http.StatusOK || text != `{"removed":"tea"}`+"\n" {
			t.Errorf("%s: %s", res.Status, text)
		}
	}
	expect(t, "none", v.page(shop+"/cart", nil), "There is nothing in it yet.")
	if got := newVisitor(t); got.status(shop+"/cart/remove", tea) != http.StatusOK || len(got.cart(shop).Items) != 0 {
		t.Error("a visitor without a cart")
	}
}

// What is not known of a session is null, and left out on the page.
func TestADeviceOfWhichLittleIsKnown(t *testing.T) {
	t.Parallel()
	d := newDevice(session.Info{})
	text, err := json.Marshal(d)
	if want := `{"key":"` + strings.Repeat("0", 32) + `","current":false,"signed_in_at":null,"last_seen_at":null,"user_agent":"","remote_addr":""}`; err != nil || string(text) != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
	pages, err := newPages()
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	if err := pages.write(answer, http.StatusOK, "devices.html", View{User: "ada", Devices: []Device{d}}); err != nil {
		t.Fatal(err)
	}
	expect(t, "device", answer.Body.String(), "An unknown browser", "not seen since")
	if strings.Contains(answer.Body.String(), "<time") || strings.Contains(answer.Body.String(), "From ") {
		t.Errorf("more is said than is known\n%s", answer.Body)
	}
}
