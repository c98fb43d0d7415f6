package browser

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// view is how somebody looks at the pages.
type view struct {
	name          string
	width, height int64
	theme         string
}

var views = []view{
	{"light", 1000, 750, "light"},
	{"dark", 1000, 750, "dark"},
	{"phone", 360, 720, "light"},
}

// kept are the screenshots that are in the documentation.
var kept = map[string]bool{
	"shop-light": true, "shop-dark": true, "shop-phone": true,
	"cart-light": true, "cart-dark": true, "cart-phone": true,
	"devices-light": true, "devices-dark": true, "devices-phone": true,
	"signed-out-light": true,
}

// Every page, in both themes, on a desk and on a phone: nothing is wider than
// the window, every text has contrast enough, every control a name and a size
// for fingers. With -screenshots it also writes what it sees.
func TestPages(t *testing.T) {
	shop := openShop(t)
	elsewhere(t, shop, "ada", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1")
	elsewhere(t, shop, "ada", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0")
	for _, v := range views {
		t.Run(v.name, func(t *testing.T) {
			b := newBrowser(t)
			b.do(chromedp.EmulateViewport(v.width, v.height))
			b.open(shop)
			b.click(".choice [value=" + v.theme + "]")
			b.awaitText("The theme is " + v.theme)
			b.open(shop)
			b.examine(v, "shop")
			b.open(shop + "/cart")
			b.awaitText("There is nothing in it yet.")
			b.examine(v, "cart-empty")
			b.open(shop + "/signed-out")
			b.awaitText("You were signed out")
			b.examine(v, "signed-out")

			b.signIn(shop, "ada", false)
			for _, item := range []string{"tea", "tea", "honey", "biscuits"} {
				b.click("[aria-label='Add " + item + " to the cart']")
			}
			b.fill("#item", "a pot with a lid")
			b.click(".row button")
			for _, page := range []string{"cart", "devices", "account"} {
				b.open(shop + "/" + page)
				b.awaitText("Signed in as ada")
				b.examine(v, page)
			}
			b.open(shop)
			b.examine(v, "shop-signed-in")
			// A name as long as there can be, without a place to break it.
			b.fill("#item", strings.Repeat("M", 64))
			b.click(".row button")
			b.open(shop + "/cart")
			b.examine(v, "cart-long")
			b.post(shop+"/cart", "item=")
			b.awaitText("That did not work")
			b.examine(v, "error")
			b.open(shop)
			b.click("header form button")
			b.awaitText("You are signed out.")
		})
	}
}

// elsewhere signs in from another device.
func elsewhere(t *testing.T, shop, user, agent string) {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, shop+"/login", strings.NewReader(url.Values{"user": {user}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", agent)
	res, err := (&http.Client{Jar: jar}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
}

// finding is what is wrong with an element.
type finding struct{ What, Element string }

// examine looks at a page as it is.
func (b tab) examine(v view, page string) {
	b.Helper()
	for _, f := range ask[[]finding](b, examination) {
		b.Errorf("%s: %s: %s", page, f.What, f.Element)
	}
	name := page + "-" + v.name
	shot := b.screenshot()
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		b.Fatal(err)
	}
	if width := int64(picture.Bounds().Dx()); width != v.width {
		b.Errorf("%s: the picture is %d wide", name, width)
	}
	if len(colours(picture)) < 8 {
		b.Errorf("%s: there is nothing on the picture", name)
	}
	if *screenshots == "" || !kept[name] {
		return
	}
	if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), shot, 0o644); err != nil {
		b.Fatal(err)
	}
}

func colours(picture image.Image) map[[3]uint32]bool {
	seen := map[[3]uint32]bool{}
	bounds := picture.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y += 3 {
		for x := bounds.Min.X; x < bounds.Max.X; x += 3 {
			r, g, b, _ := picture.At(x, y).RGBA()
			seen[[3]uint32{r, g, b}] = true
		}
	}
	return seen
}

// post posts a form that no page of the shop has.
func (b tab) post(to, form string) {
	b.Helper()
	name, value, _ := strings.Cut(form, "=")
	script, _ := json.Marshal([]string{to, name, value})
	ask[bool](b, `((to, name, value) => {
		const form = document.createElement("form"), input = document.createElement("input");
		form.method = "post"; form.action = to; input.name = name; input.value = value;
		form.append(input); document.body.append(form); form.submit(); return true;
	})(...`+string(script)+`)`)
}

// examination lists what is wrong with a page, for WCAG 2.2: 1.4.3 contrast,
// 1.4.10 reflow, 2.5.8 target size, 4.1.2 names, 1.3.1 and 2.4.6 structure.
const examination = `(() => {
	const findings = [];
	const find = (what, element) => findings.push({What: what, Element: element.outerHTML.slice(0, 200)});
	const visible = (element) => element.checkVisibility({visibilityProperty: true, opacityProperty: true}) && !element.closest(".hidden, .skip");
	const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const rgba = (colour) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = colour;
		canvas.fillRect(0, 0, 1, 1);
		return canvas.getImageData(0, 0, 1, 1).data;
	};
	const luminance = (c) => {
		const [r, g, b] = [...c].map((n) => (n /= 255) <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const background = (element) => {
		for (let e = element; e; e = e.parentElement) {
			const c = rgba(getComputedStyle(e).backgroundColor);
			if (c[3] === 255) return c;
			if (c[3] > 0) find("a background that is half transparent", e);
		}
		return [255, 255, 255];
	};
	const contrast = (a, b) => {
		const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x);
		return (hi + 0.05) / (lo + 0.05);
	};
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (texts.nextNode()) {
		const element = texts.currentNode.parentElement;
		if (!texts.currentNode.data.trim() || !visible(element) || element.closest("template, script")) continue;
		const ratio = contrast(rgba(getComputedStyle(element).color), background(element));
		if (ratio < 4.5) find("a contrast of " + ratio.toFixed(2), element);
	}
	if (document.documentElement.scrollWidth > innerWidth) {
		for (const element of document.body.querySelectorAll("*")) {
			if (visible(element) && element.getBoundingClientRect().right > innerWidth + 0.5) find("wider than the window", element);
		}
	}
	for (const control of document.querySelectorAll("button, .button, nav a, input:not([type=hidden])")) {
		if (!visible(control)) continue;
		const name = control.ariaLabel || control.innerText?.trim() || control.labels?.[0]?.innerText;
		if (!name) find("no name", control);
		const box = (control.labels?.[0]?.contains(control) ? control.labels[0] : control).getBoundingClientRect();
		if (box.height < 44 || box.width < 24) find("small: " + box.width + " by " + box.height, control);
		if (control.matches("button, input") && contrast(rgba(getComputedStyle(control).borderColor), background(control.parentElement)) < 3) find("an edge that is hard to see", control);
	}
	for (const landmark of ["main", "header", "nav[aria-label]"]) {
		if (document.querySelectorAll(landmark).length !== 1) find("not one " + landmark, document.body);
	}
	if ([...document.querySelectorAll("h1")].filter(visible).length !== 1) find("not one h1", document.body);
	if (!document.documentElement.lang) find("no language", document.documentElement);
	const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
	if (new Set(ids).size !== ids.length) find("an id twice", document.body);
	return findings;
})()`
