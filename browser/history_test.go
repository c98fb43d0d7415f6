package browser

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// goBack goes back as the button does. What comes may be a page that the
// browser has kept, of which chromedp would not hear.
func (b tab) goBack() {
	b.Helper()
	ask[bool](b, "setTimeout(() => history.back()), true") // which leaves the page, but not before it has answered
}

// A page that is marked shows by its mark that the browser has kept it as it
// was, and by the kind of its navigation that it was asked for once more.
const (
	mark      = "window.mark = true"
	marked    = "window.mark === true"
	wentBack  = "performance.getEntriesByType('navigation')[0].type === 'back_forward'"
	hasLoaded = "document.readyState === 'complete'"
)

// This browser does keep pages, so that the next test means something.
func TestTheBrowserKeepsPages(t *testing.T) {
	b, site := newBrowser(t), openSite(t, nil)
	b.open(site.URL + "/public")
	ask[bool](b, mark)
	b.open(site.URL + "/public?next")
	b.goBack()
	b.await("!location.search && " + marked)
}

// After a sign-out the back button finds nothing that is private.
func TestTheBackButtonAfterASignOut(t *testing.T) {
	shop, b := openShop(t), newBrowser(t)
	b.signIn(shop, "ada", false)
	b.click("[aria-label='Add tea to the cart']")
	for _, page := range []string{"/cart", "/account", "/devices"} {
		b.open(shop + page)
		b.awaitText("Signed in as ada")
		ask[bool](b, mark)
	}
	b.click("header form button")
	b.awaitText("You are signed out.")
	for _, page := range []string{"devices", "account", "cart", "home"} {
		before := ask[float64](b, "performance.timeOrigin")
		b.goBack()
		b.await(hasLoaded + " && " + wentBack + " && performance.timeOrigin !== " + number(before) + " || " + marked)
		if ask[bool](b, marked) {
			t.Errorf("%s: the browser has kept the page", page)
		}
		for _, private := range []string{"ada", "Your account", "Your devices", "in your cart", "Cart ("} {
			if b.shows(private) {
				t.Errorf("back to %s: %q is shown\n%s", page, private, b.text())
			}
		}
	}
}

// What the browser drops when it ends, and what it keeps: without "Remember me"
// the cookie is gone, with it the visitor is still signed in.
func TestARestartOfTheBrowser(t *testing.T) {
	shop := openShop(t)
	names := map[string]string{"remembered": shop, "not remembered": onLocalhost(shop)} // two hosts, so two cookies
	dir, err := os.MkdirTemp("", "profile")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeAll(t, dir) })
	run := func(visit func(b tab)) {
		t.Helper()
		ctx, end := chromedp.NewExecAllocator(context.Background(), flags(chromedp.UserDataDir(dir))...)
		defer end()
		ctx, end = chromedp.NewContext(ctx)
		defer end()
		if err := chromedp.Do(ctx); err != nil {
			t.Fatal(err)
		}
		visit(tab{t, ctx})
		closing, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := chromedp.Cancel(closing); err != nil { // in order, so that it writes its cookies down
			t.Errorf("the browser ends: %v", err)
		}
	}

	run(func(b tab) {
		for name, url := range names {
			b.signIn(url, "ada", name == "remembered")
			b.open(url + "/account")
			if !b.shows("Your account") {
				t.Errorf("%s, before: %s", name, b.text())
			}
		}
		for _, c := range b.cookies() {
			if c.Session != (c.Domain == "localhost") {
				t.Errorf("the cookie of %s ends with the browser: %t", c.Domain, c.Session)
			}
			if left := time.Until(time.Unix(int64(c.Expires), 0)); !c.Session && (left < 29*24*time.Hour || left > 30*24*time.Hour) {
				t.Errorf("the cookie lasts for %v", left)
			}
		}
	})
	run(func(b tab) {
		for name, url := range names {
			b.open(url + "/account")
			if is := b.shows("Your account"); is != (name == "remembered") {
				t.Errorf("%s, after: signed in %t\n%s", name, is, b.text())
			}
		}
	})
}

func removeAll(t *testing.T, dir string) {
	tick, late := time.NewTicker(10*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for {
		err := os.RemoveAll(dir) // the last of the browser's processes may still write
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Error(err)
			return
		}
	}
}
