package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// One browser signs another out, whose page closes by itself, wherever the
// sessions are kept and whichever instance hears of it.
func TestSignedOutFromAnotherBrowser(t *testing.T) {
	for name, environment := range stores(t) {
		t.Run(name, func(t *testing.T) {
			here := openShop(t, environment...)
			there := here
			if name != "memory" {
				there = openShop(t, environment...)
			}
			mine, theirs := newBrowser(t), newBrowser(t)
			mine.signIn(here, "ada", false)
			theirs.signIn(there, "ada", false)
			theirs.open(there + "/cart")
			theirs.awaitText("There is nothing in it yet.")

			mine.open(here + "/devices")
			if rows := ask[int](mine, "document.querySelectorAll('.devices li').length"); rows != 2 {
				t.Fatalf("%d devices\n%s", rows, mine.text())
			}
			for _, text := range []string{"Chrome on Linux This device", "From 127.0.0.1.", "just now"} {
				if !mine.shows(text) {
					t.Errorf("%q is not on the page\n%s", text, mine.text())
				}
			}
			mine.click(".devices li:not(.current) button")
			mine.awaitText("That device is signed out.")
			mine.awaitText("You are signed in nowhere else.")

			theirs.await("location.pathname === '/signed-out'")
			theirs.awaitText("You were signed out")
			// The page is not there to go back to, nor is what was before it.
			before := ask[float64](theirs, "performance.timeOrigin")
			theirs.goBack()
			theirs.await(hasLoaded + " && performance.timeOrigin !== " + number(before) + " && document.body.innerText.includes('Your name')")
			if theirs.shows("ada") {
				t.Errorf("what is theirs is still shown\n%s", theirs.text())
			}
			theirs.signIn(there, "ada", false)

			mine.open(here + "/devices")
			mine.click("form[action='/devices/revoke-others'] button")
			mine.awaitText("One other device is signed out.")
			theirs.await("location.pathname === '/signed-out'")
			if !mine.shows("Signed in as ada") {
				t.Errorf("the one that stays\n%s", mine.text())
			}
		})
	}
}

// What one page of a browser adds is on its other pages at once, and what the
// focus is on stays.
func TestTheCartIsLive(t *testing.T) {
	for name, environment := range stores(t) {
		t.Run(name, func(t *testing.T) {
			shop := openShop(t, environment...)
			one := newBrowser(t)
			one.signIn(shop, "bob", false)
			other := one.another()
			other.open(shop + "/cart")
			other.awaitText("There is nothing in it yet.")
			home := one.another()
			home.open(shop)
			home.awaitText("Signed in as bob")

			one.click("[aria-label='Add tea to the cart']")
			other.await(row("tea", 1))
			home.awaitText("1 in your cart")
			other.await("document.querySelector('#empty').hidden && document.querySelector('#cart-link').textContent === 'Cart (1)'")
			ask[bool](other, "document.querySelector('[aria-label=\"One more: tea\"]').focus(), true")

			one.fill("#item", "Earl Grey <b>")
			one.click(".row button")
			other.await(row("Earl Grey <b>", 1))
			one.click("[aria-label='Add tea to the cart']")
			other.await(row("tea", 2))
			other.await("document.querySelector('#news').textContent === 'Things in your cart: 3'")
			if focus := ask[string](other, "document.activeElement.ariaLabel"); focus != "One more: tea" {
				t.Errorf("the focus is on %q", focus)
			}
			// A row that the script has made works as the others do.
			other.click("[aria-label='One fewer: Earl Grey <b>']")
			other.awaitText("There is one Earl Grey <b> fewer in your cart.")
			one.awaitText("Cart (2)")
			other.click("[aria-label='One fewer: tea']")
			other.click("[aria-label='One fewer: tea']")
			other.awaitText("There is nothing in it yet.")
			home.await("document.querySelector('#cart-link').textContent === 'Cart' && document.querySelector('[data-in-cart=tea]').textContent === ''")

			// Signing out on one page leaves none of the others behind.
			home.click("header form button")
			home.awaitText("You are signed out.")
			one.await("location.pathname === '/signed-out'")
			other.await("location.pathname === '/signed-out'")
		})
	}
}

// A page that nobody looks at holds no connection, and catches up when somebody
// does.
func TestAHiddenPage(t *testing.T) {
	shop := openShop(t)
	b, elsewhere := newBrowser(t), newBrowser(t)
	b.signIn(shop, "ada", false)
	b.open(shop + "/cart")
	b.await("events?.readyState === EventSource.OPEN")
	front := newTab(t, b.ctx, chromedp.WithNewWindow(false))
	b.await("document.hidden && events === null")
	front.open(shop)
	front.click("[aria-label='Add honey to the cart']")
	b.show()
	b.await(row("honey", 1))

	front.show()
	b.await("document.hidden && events === null")
	elsewhere.signIn(shop, "ada", false)
	elsewhere.open(shop + "/devices")
	elsewhere.click("form[action='/devices/revoke-others'] button")
	elsewhere.awaitText("One other device is signed out.")
	b.show()
	b.await("location.pathname === '/signed-out'")
}

// row says, in JavaScript, that the cart has a row with so many of an item.
func row(item string, n int) string {
	return fmt.Sprintf("[...document.querySelectorAll('#rows tr')].some(row => row.dataset.item === %q && row.innerText.toLowerCase().includes(%[1]q.toLowerCase()) && row.cells[1].textContent === '%[2]d')", item, n)
}
