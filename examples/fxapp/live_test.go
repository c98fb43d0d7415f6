package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/internal/testserver"
)

// stream is a response of server-sent events that a visitor has open.
type stream struct {
	t     *testing.T
	lines chan string // closed at its end
}

// follow opens the live cart, and returns after the line that says how soon to
// come back.
func (v visitor) follow(shop, retry string) stream {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, shop+"/cart/events", nil)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	res, err := v.browser.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Cache-Control") != "no-store" {
		v.t.Fatalf("%s, %v", res.Status, res.Header)
	}
	expectSecured(v.t, res)
	st := stream{v.t, make(chan string)}
	go func() {
		defer res.Body.Close()
		defer close(st.lines)
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			select {
			case st.lines <- lines.Text():
			case <-v.t.Context().Done():
				return
			}
		}
	}()
	st.want("retry: " + retry)
	return st
}

// next gives the next line that says something, "" at the end.
func (st stream) next() string {
	st.t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case line, ok := <-st.lines:
			if !ok || line != "" && line != ":" {
				return line
			}
		case <-late:
			st.t.Fatal("nothing comes")
		}
	}
}

func (st stream) want(lines ...string) {
	st.t.Helper()
	for _, want := range lines {
		if got := st.next(); got != want {
			st.t.Fatalf("the stream says %q, want %q", got, want)
		}
	}
}

func (st stream) wantCart(data string) { st.t.Helper(); st.want("event: cart", "data: "+data) }
func (st stream) wantEnd()             { st.t.Helper(); st.want("") }

// wantNothingToFollow is the answer that keeps a browser from asking again.
func (v visitor) wantNothingToFollow(shop string) {
	v.t.Helper()
	res, _ := v.do(shop+"/cart/events", "text/event-stream", nil)
	if res.StatusCode != http.StatusNoContent {
		v.t.Errorf("with nothing to follow: %s", res.Status)
	}
	expectSecured(v.t, res)
}

var (
	tea   = url.Values{"item": {"tea"}}
	honey = url.Values{"item": {"honey"}}
)

// On one instance a change is on every page of the session at once, and on no
// other's, and the end of the session too: nobody has to ask the store.
func TestTheLiveCart(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, environment []string) {
		shop := open(t, append(environment, "SESSION_STATE_WATCH_INTERVAL=1h")...).url
		v := newVisitor(t)
		v.wantNothingToFollow(shop)
		v.status(shop+"/cart", tea)
		anonymous := v.follow(shop, "1000")
		anonymous.wantCart(`{"user":"","items":{"tea":1}}`)
		v.status(shop+"/cart", tea)
		anonymous.wantCart(`{"user":"","items":{"tea":2}}`)

		v.status(shop+"/login", url.Values{"user": {"ada"}})
		anonymous.wantEnd()
		other := signedIn(t, shop, "ada", chromeOnLinux)
		first, second, others := v.follow(shop, "1000"), v.follow(shop, "1000"), other.follow(shop, "1000")
		for _, st := range []stream{first, second} {
			st.wantCart(`{"user":"ada","items":{"tea":2}}`)
		}
		others.wantCart(`{"user":"ada","items":{}}`)
		v.status(shop+"/cart", honey)
		v.status(shop+"/theme", url.Values{"theme": {"dark"}}) // changes no cart
		v.status(shop+"/cart/remove", tea)
		for _, st := range []stream{first, second} {
			last := ""
			for last != `data: {"user":"ada","items":{"honey":1,"tea":1}}` { // two changes may be seen as one
				st.want("event: cart")
				last = st.next()
			}
		}

		if res, err := v.browser.Head(shop + "/cart/events"); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("HEAD: %v, %v", res, err)
		}

		other.wantRevoked(shop, "revoke-others", "1")
		first.wantEnd()
		second.wantEnd()
		v.wantNothingToFollow(shop)
		other.status(shop+"/cart", tea)
		others.wantCart(`{"user":"ada","items":{"tea":1}}`)
		other.status(shop+"/logout", url.Values{})
		others.wantEnd()
	})
}

// Another instance takes as long as the configuration says.
func TestTheLiveCartOfAnotherInstance(t *testing.T) {
	t.Parallel()
	environment := append(onRedis(t, redis.Get(t)), "SESSION_STATE_WATCH_INTERVAL=20ms")
	here, there := open(t, environment...).url, open(t, environment...).url
	v := signedIn(t, here, "ada", "")
	st := v.follow(here, "1000")
	st.wantCart(`{"user":"ada","items":{}}`)
	v.status(there+"/cart", tea)
	st.wantCart(`{"user":"ada","items":{"tea":1}}`)
	signedIn(t, there, "ada", "").wantRevoked(there, "revoke-others", "1")
	st.wantEnd()
}

// A stream does not keep the shop from closing.
func TestTheShopClosesWithStreamsOpen(t *testing.T) {
	t.Parallel()
	shop := open(t)
	st := signedIn(t, shop.url, "ada", "").follow(shop.url, "1000")
	st.wantCart(`{"user":"ada","items":{}}`)
	begun := time.Now()
	shop.close()
	st.wantEnd()
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// While the store is away, browsers are told to come back later, not never.
func TestTheLiveCartWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	shop := open(t, append(onRedis(t, server), "SESSION_STORE_TIMEOUT=500ms")...).url
	v := signedIn(t, shop, "ada", "")
	st := v.follow(shop, "1000")
	st.wantCart(`{"user":"ada","items":{}}`)
	server.Stop()
	v.follow(shop, "5000").wantEnd()
	server.Start()
	v.awaitReady(shop, http.StatusOK)
	testkit.Eventually(t, func() error { // the first write over a connection that was lost may fail
		// Redis has lost everything.
		if status := v.status(shop+"/login", url.Values{"user": {"ada"}}); status != http.StatusOK {
			return fmt.Errorf("the sign-in: %d", status)
		}
		return nil
	})
	v.follow(shop, "1000").wantCart(`{"user":"ada","items":{}}`)
}

// The timeouts of the server are for requests that come to an end.
func TestStreamsOutlastTheTimeoutsOfTheServer(t *testing.T) {
	t.Setenv("SESSION_STATE_WATCH_INTERVAL", "20ms")
	addr := make(chan string, 1)
	const timeout = 400 * time.Millisecond // enough for the other requests
	app := fx.New(shop(Settings{Addr: "127.0.0.1:0"}), fx.NopLogger, fx.Decorate(func(server *http.Server) *http.Server {
		server.ReadTimeout, server.WriteTimeout = timeout, timeout
		server.BaseContext = func(l net.Listener) context.Context {
			addr <- l.Addr().String()
			return context.Background()
		}
		return server
	}))
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	url := "http://" + <-addr
	v := signedIn(t, url, "ada", "")
	st := v.follow(url, "1000")
	st.wantCart(`{"user":"ada","items":{}}`)
	for begun := time.Now(); time.Since(begun) < 2*timeout; {
		if _, ok := <-st.lines; !ok {
			t.Fatalf("it ended after %v", time.Since(begun))
		}
	}
	v.status(url+"/cart", tea)
	st.wantCart(`{"user":"ada","items":{"tea":1}}`)
}
