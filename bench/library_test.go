package main

import (
	"strings"
	"testing"

	"github.com/fxsession/sessions/internal/testserver"
)

// A figure means something only when the library does what the scenario says.
func TestEveryLibraryDoesWhatItIsMeasuredFor(t *testing.T) {
	t.Parallel()
	redis := testserver.Redis(t)
	for _, l := range libraries() {
		t.Run(l.Name, func(t *testing.T) {
			s, err := l.Open(redis.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			visit := func(path, cookie string) (after string) {
				t.Helper()
				c := newCaller(s, path, cookie, true)
				if err := c.once(); err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				return c.cookie()
			}
			if !l.hasSessions() {
				for _, sc := range l.Scenarios {
					visit(sc.path(), "")
				}
				return
			}
			filled := visit("/fill", "")
			if filled == "" {
				t.Fatal("a new session sends no cookie")
			}
			if l.Name != fiberMemory && l.Name != fiberRedis { // which begins a session for everybody
				if got := visit("/S1", ""); got != "" {
					t.Error("S1 begins a session")
				}
			}
			if got := visit("/S7", ""); got == "" || got == filled {
				t.Error("S7 begins no session")
			}
			cookie := filled
			for _, path := range []string{"/S2", "/S3", "/S4", "/S5", "/S4"} {
				cookie = visit(path, cookie) // S3 and S4 compare what they read
			}
			renewed := visit("/S6", cookie)
			if renewed == cookie {
				t.Error("a login leaves the cookie as it was")
			}
			visit("/S4", renewed)
			// The old ID opens nothing, so that its S4 finds nothing to compare; a
			// cookie alone cannot be taken back.
			if c := newCaller(s, "/S4", cookie, false); l.Backend != "cookie" && c.once() == nil {
				t.Error("the ID from before the login still opens the session")
			}
		})
	}
}

func TestAFloorIsSentACookieAsLongAsOurs(t *testing.T) {
	t.Parallel()
	s, err := ours()[0].Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if cookie, err := newCookie(s); err != nil || len(cookie) != len(floorCookie) {
		t.Errorf("%q, which is not as long as %q, %v", cookie, floorCookie, err)
	}
}

func TestALibraryThatLosesTheStateIsNoticed(t *testing.T) {
	t.Parallel()
	s, err := ours()[0].Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, path := range []string{"/S3", "/S4", "/S8"} {
		if err := newCaller(s, path, "", false).once(); err == nil {
			t.Errorf("%s of a client without a session is no error", path)
		}
	}
	if _, err := timed(newCaller(s, "/S3", "", false), 1); err == nil || !strings.Contains(err.Error(), "500") {
		t.Errorf("timing requests that fail: %v", err)
	}
}
