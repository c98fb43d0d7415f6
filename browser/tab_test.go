package browser

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// tab is a page in a browser. Its methods end the test when they fail.
type tab struct {
	*testing.T
	ctx context.Context
}

// newBrowser gives the first tab of a browser of its own: none of its cookies
// is another's. It closes with the test.
func newBrowser(t *testing.T) tab {
	t.Helper()
	return newTab(t, chromium.get(t), chromedp.WithNewBrowserContext())
}

// another gives another window of the same browser.
func (b tab) another() tab { b.Helper(); return newTab(b.T, b.ctx) }

func newTab(t *testing.T, parent context.Context, opts ...chromedp.ContextOption) tab {
	t.Helper()
	ctx, end := chromedp.NewContext(parent, opts...)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil { // opens it, for as long as ctx lasts
		t.Fatal(err)
	}
	// Whatever a page complains of, a breach of its own security policy for
	// one, is a mistake.
	go func() {
		for message, err := range chromedp.Console(ctx) {
			if err != nil {
				return
			}
			if message.Source == "network" { // an answer that is an error, which the tests look at themselves
				continue
			}
			if message.Type == chromedp.ConsoleError || message.Type == chromedp.ConsoleException {
				t.Errorf("the page complains: %s (%s)", message.Text, message.URL)
			}
		}
	}()
	return tab{t, ctx}
}

// do runs what must not take long.
func (b tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

func (b tab) open(url string) { b.Helper(); b.do(chromedp.Navigate(url)) }

func (b tab) fill(field, text string) {
	b.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS(field), text))
}

// click clicks on something that leads to another page, and waits for that.
func (b tab) click(what string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(what))); err != nil {
		b.Fatalf("%s: %v\n%s", what, err, b.text())
	}
}

// ask gives what a JavaScript expression gives.
func ask[T any](b tab, expression string) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return v
}

// text is what a person can read on the page.
func (b tab) text() string { b.Helper(); return ask[string](b, "document.body.innerText") }

// await waits until a JavaScript expression is true, over whatever pages come
// meanwhile.
func (b tab) await(expression string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if err == nil && ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.Fatalf("not in time: %s\n%s: %s", expression, ask[string](b, "location.href"), b.text())
		}
	}
}

// awaitText waits until a text can be read on the page.
func (b tab) awaitText(text string) {
	b.Helper()
	quoted, _ := json.Marshal(text)
	b.await("document.body?.innerText.includes(" + string(quoted) + ")")
}

// shows says whether a text can be read on the page.
func (b tab) shows(text string) bool { b.Helper(); return strings.Contains(b.text(), text) }

// cookies are those that the browser holds, of all sites.
func (b tab) cookies() []*network.Cookie {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	got, err := chromedp.CallBrowser(ctx, storage.GetCookies, storage.GetCookiesParams{
		BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
	})
	if err != nil {
		b.Fatal(err)
	}
	return got.Cookies
}

// signIn signs in at a shop, where it asks for that.
func (b tab) signIn(shop, user string, remember bool) {
	b.Helper()
	b.open(shop)
	b.fill("#user", user)
	if remember {
		b.do(chromedp.Click(chromedp.CSS("[name=remember]")))
	}
	b.click(".sign-in button")
	b.awaitText("Signed in as " + user)
}

// show brings the tab to the front of its window.
func (b tab) show() {
	b.Helper()
	if _, err := chromedp.Call(b.ctx, page.BringToFront, cdp.Empty{}); err != nil {
		b.Fatal(err)
	}
}

// screenshot is what can be seen of the page, as PNG.
func (b tab) screenshot() []byte {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatal(err)
	}
	return shot
}
