package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/fxsession/sessions/internal/testkit"
)

// caller makes one request after the other to a site in the process, without a
// network, and keeps the cookie as a browser does: S6 needs the new one.
type caller struct {
	call   func(cookie string) (status int, setCookie string)
	cookie string // name=value, "" for none
	follow bool   // take the cookie of each answer
}

// newCaller makes a caller of path with a cookie.
func newCaller(s *site, path, cookie string, follow bool) *caller {
	c := &caller{cookie: cookie, follow: follow}
	if s.Fiber != nil {
		c.call = fiberCall(s, path)
	} else {
		c.call = httpCall(s.Handler, path)
	}
	return c
}

// once makes one request.
func (c *caller) once() error {
	status, set := c.call(c.cookie)
	if status != http.StatusOK {
		return fmt.Errorf("it answered with status %d", status)
	}
	if c.follow && set != "" {
		c.cookie, _, _ = strings.Cut(set, ";")
	}
	return nil
}

// newCookie is the cookie of a new session with five keys.
func newCookie(s *site) (string, error) {
	c := newCaller(s, "/fill", "", true)
	if err := c.once(); err != nil {
		return "", err
	}
	if c.cookie == "" {
		return "", errors.New("it set no cookie")
	}
	return c.cookie, nil
}

// sink is a ResponseWriter that keeps the status.
type sink struct {
	testkit.Sink
	status int
}

func (w *sink) WriteHeader(status int) { w.status = status }

// requestContext is that of all requests. It can be cancelled, as a server
// cancels that of a client which has gone: what reaches out to Redis for a
// request then has to be ready to give up, which a context that never ends
// would spare it.
var requestContext, endRequests = context.WithCancel(context.Background())

func httpCall(h http.Handler, path string) func(string) (int, string) {
	template := httptest.NewRequestWithContext(requestContext, http.MethodGet, path, nil)
	w := &sink{Sink: testkit.Sink{}}
	request := new(http.Request)
	cookies := []string{""}
	return func(cookie string) (int, string) {
		clear(w.Sink)
		w.status = http.StatusOK
		// Some libraries keep what they have loaded in the request, so that
		// each gets a new one.
		*request = *template
		if cookie != "" {
			cookies[0] = cookie
			request.Header["Cookie"] = cookies
		}
		h.ServeHTTP(w, request)
		set := w.Sink["Set-Cookie"]
		if len(set) == 0 {
			return w.status, ""
		}
		return w.status, set[len(set)-1]
	}
}

func fiberCall(s *site, path string) func(string) (int, string) {
	handler := s.Fiber.Handler()
	var request fasthttp.Request
	request.SetRequestURI(path)
	request.Header.SetHost("example.com")
	var ctx fasthttp.RequestCtx
	sent := ""
	return func(cookie string) (int, string) {
		if cookie != sent {
			request.Header.DelAllCookies() // Set would add to them
			request.Header.Set("Cookie", cookie)
			sent = cookie
		}
		ctx.Response.Reset()
		ctx.ResetUserValues()
		ctx.Init(&request, nil, nil)
		handler(&ctx)
		var set string // Peek would give the name alone
		for _, value := range ctx.Response.Header.Cookies() {
			set = string(value)
		}
		return ctx.Response.StatusCode(), set
	}
}
