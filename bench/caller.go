package main

import (
	"bytes"
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
// network, and keeps the cookie as a browser does: S6 needs the new one. It
// allocates nothing, so that what is counted is the site's.
type caller struct {
	call   func(follow bool) (status int)
	cookie func() string // name=value, "" for none
	follow bool          // take the cookie of each answer
}

// newCaller makes a caller of path with a cookie.
func newCaller(s *site, path, cookie string, follow bool) *caller {
	c := &caller{follow: follow}
	if s.Fiber != nil {
		c.call, c.cookie = fiberCall(s.Fiber.Handler(), path, cookie)
	} else {
		c.call, c.cookie = httpCall(s.Handler, path, cookie)
	}
	return c
}

// once makes one request.
func (c *caller) once() error {
	if status := c.call(c.follow); status != http.StatusOK {
		return fmt.Errorf("it answered with status %d", status)
	}
	return nil
}

// newCookie is the cookie of a new session with five keys.
func newCookie(s *site) (string, error) {
	c := newCaller(s, "/fill", "", true)
	if err := c.once(); err != nil {
		return "", err
	}
	cookie := c.cookie()
	if cookie == "" {
		return "", errors.New("it set no cookie")
	}
	return cookie, nil
}

// sink is a ResponseWriter that costs nothing.
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

// userAgent is that of a browser: sessions of who is signed in keep it.
const userAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"

func httpCall(h http.Handler, path, cookie string) (call func(bool) int, current func() string) {
	template := httptest.NewRequestWithContext(requestContext, http.MethodGet, path, nil)
	template.Header.Set("User-Agent", userAgent)
	w := &sink{Sink: testkit.Sink{}}
	request := new(http.Request)
	cookies := []string{cookie}
	call = func(follow bool) int {
		clear(w.Sink)
		w.status = http.StatusOK
		// Some libraries keep what they have loaded in the request, so that
		// each gets a new one.
		*request = *template
		if cookies[0] != "" {
			request.Header["Cookie"] = cookies
		}
		h.ServeHTTP(w, request)
		if set := w.Sink["Set-Cookie"]; follow && len(set) > 0 {
			cookies[0], _, _ = strings.Cut(set[len(set)-1], ";")
		}
		return w.status
	}
	return call, func() string { return cookies[0] }
}

func fiberCall(handler fasthttp.RequestHandler, path, cookie string) (call func(bool) int, current func() string) {
	var request fasthttp.Request
	request.SetRequestURI(path)
	request.Header.SetHost("example.com")
	request.Header.SetUserAgent(userAgent)
	var kept []byte
	keep := func(cookie []byte) {
		kept = append(kept[:0], cookie...)
		request.Header.DelAllCookies() // to set would add to them
		request.Header.SetBytesV("Cookie", kept)
	}
	if cookie != "" {
		keep([]byte(cookie))
	}
	var ctx fasthttp.RequestCtx
	ctx.Init(&request, nil, nil)
	call = func(follow bool) int {
		ctx.Response.Reset()
		ctx.ResetUserValues()
		request.CopyTo(&ctx.Request)
		handler(&ctx)
		if follow {
			for _, set := range ctx.Response.Header.Cookies() {
				value, _, _ := bytes.Cut(set, []byte(";"))
				keep(value)
			}
		}
		return ctx.Response.StatusCode()
	}
	return call, func() string { return string(kept) }
}
