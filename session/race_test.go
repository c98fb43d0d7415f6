package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"
	"testing"

	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

func TestD1_OverlappingRequestsThatWriteDifferentKeysLoseNothing(t *testing.T) {
	for _, requests := range []int{2, 50} {
		t.Run(fmt.Sprint(requests), func(t *testing.T) {
			eachBackend(t, func(e *env) {
				b := e.browser()
				b.visit(write("k", "v"))
				var ready, all sync.WaitGroup
				ready.Add(requests)
				for i := range requests {
					all.Go(func() {
						arrive := sync.OnceFunc(ready.Done)
						defer arrive() // also where it gets no further
						res := b.serve(func(ctx context.Context, s *session.Session) error {
							if i%2 == 0 { // every other one has read first
								if err := s.Load(ctx); err != nil {
									return err
								}
							}
							arrive()
							ready.Wait() // all of them are under way
							return s.Set(ctx, fmt.Sprint("k", i), i)
						})
						if res.StatusCode != 200 {
							t.Errorf("status %d", res.StatusCode)
						}
					})
				}
				all.Wait()
				b.visit(func(ctx context.Context, s *session.Session) error {
					keys, err := s.Keys(ctx)
					if len(keys) != requests+1 {
						t.Errorf("%d of %d writes survive", len(keys)-1, requests)
					}
					return err
				})
			})
		})
	}
}

// endings are the ways in which another request ends a session, or its ID.
var endings = map[string]func(b *browser){
	"logout": func(b *browser) { b.visit(invalidate) },
	"deletion in the store": func(b *browser) {
		if err := b.e.spy.Delete(b.e.Context(), b.incoming().ID().Key()); err != nil {
			b.e.Error(err)
		}
	},
	"renewal": func(b *browser) { b.visit(cycle) },
	"sign-in": func(b *browser) { b.visit(signIn("ada")) },
}

func TestD2_ARequestWhoseSessionEndsUnderItSavesNothing(t *testing.T) {
	for ending, end := range endings {
		for work, c := range map[string]struct {
			handle handler
			status int
		}{
			"a slow reader":           {load, 200},
			"one that does nothing":   {nothing, 200},
			"a write of server state": {write("late", "1"), 409},
			"a removal":               {func(ctx context.Context, s *session.Session) error { return s.Remove(ctx, "k") }, 409},
			"clear":                   {func(ctx context.Context, s *session.Session) error { return s.Clear(ctx) }, 409},
			"a write of client state": {writeClient("late", "1"), 409},
			"a new ID":                {cycle, 409},
			"a new ID and a write":    {then(cycle, write("late", "1")), 409},
			"an update": {func(ctx context.Context, s *session.Session) error {
				return session.NewField[string]("k").Update(ctx, s, func(string) (string, error) { return "late", nil })
			}, 409},
			"a reset and a write":      {then(func(_ context.Context, s *session.Session) error { return s.Reset() }, write("late", "1")), 409},
			"a reset and client state": {then(func(_ context.Context, s *session.Session) error { return s.Reset() }, writeClient("late", "1")), 409},
			"delete and a write":       {then(func(_ context.Context, s *session.Session) error { return s.Delete() }, write("late", "1")), 409},
		} {
			for _, when := range []string{"before it reads", "after it has read"} {
				t.Run(ending+"/"+work+"/"+when, func(t *testing.T) {
					eachBackend(t, func(e *env) {
						b := e.browser()
						b.visit(then(write("k", "v"), writeClient("k", "v")))
						slow := b.clone()
						res := slow.serve(func(ctx context.Context, s *session.Session) error {
							if when == "after it has read" {
								if err := then(load, readClientKeys)(ctx, s); err != nil {
									return err
								}
							}
							end(b)
							return c.handle(ctx, s)
						})
						if res.StatusCode != c.status {
							t.Errorf("status %d, want %d", res.StatusCode, c.status)
						}
						slow.wantCookie(res, noCookie)
						if ending == "renewal" || ending == "sign-in" {
							b.wantRead("k", "v")
							b.wantRead("late", "")
						}
						// A minute later the old cookie is an ordinary stale one.
						e.advance(store.Grace)
						slow.wantCookie(slow.visit(write("fresh", "1")), aCookie)
						slow.wantRead("k", "")
						slow.wantRead("late", "")
					})
				})
			}
		}
	}
}

func TestD2_AReaderOfAnEndedSessionSeesNothingOfIt(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(signIn("ada"), write("k", "v"), writeClient("k", "v")))
		slow := b.clone()
		b.visit(invalidate)
		slow.serve(func(ctx context.Context, s *session.Session) error {
			keys, err := s.Keys(ctx)
			who, err2 := s.Subject(ctx)
			client, err3 := s.Client().Keys(ctx)
			if len(keys) != 0 || who != "" || len(client) != 0 {
				t.Errorf("it sees %v, %q, %v", keys, who, client)
			}
			return errors.Join(err, err2, err3)
		})
	})
}

func TestD2_SyncTellsTheHandlerThatItsSessionHasEnded(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(write("k", "v"))
		slow := b.clone()
		b.visit(invalidate)
		res := slow.serve(func(ctx context.Context, s *session.Session) error {
			if err := s.Set(ctx, "late", "1"); err != nil {
				return err
			}
			if err := s.Sync(ctx); !errors.Is(err, store.ErrEnded) {
				t.Errorf("Sync = %v", err)
			}
			return nil
		})
		if res.StatusCode != 409 {
			t.Errorf("status %d", res.StatusCode)
		}
	})
}

func TestD2_LogoutTwiceIsLogout(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(signIn("ada"))
		for name, out := range map[string]handler{
			"invalidate": invalidate,
			"reset":      func(_ context.Context, s *session.Session) error { return s.Reset() },
			"delete":     func(_ context.Context, s *session.Session) error { return s.Delete() },
		} {
			second := b.clone()
			first := b.clone()
			first.visit(invalidate)
			res := second.serve(out)
			if res.StatusCode != 200 {
				t.Errorf("%s: status %d", name, res.StatusCode)
			}
			second.wantCookie(res, noCookie)
			b = e.browser()
			b.visit(signIn("ada"))
		}
	})
}

func TestD2_ALogoutThatARenewalOvertookSaysSo(t *testing.T) {
	eachBackend(t, func(e *env) {
		for name, out := range map[string]handler{
			"invalidate": invalidate,
			"reset":      func(_ context.Context, s *session.Session) error { return s.Reset() },
			"delete":     func(_ context.Context, s *session.Session) error { return s.Delete() },
		} {
			b := e.browser()
			b.visit(signIn("ada"))
			slow := b.clone()
			b.visit(cycle)
			res := slow.serve(out)
			if res.StatusCode != 409 { // who is told "signed out" is signed out
				t.Errorf("%s: status %d while the session goes on", name, res.StatusCode)
			}
			slow.wantCookie(res, noCookie)
			if b.subject() != "ada" {
				t.Errorf("%s: the renewed session has ended", name)
			}
		}
	})
}

func TestD3_AfterParallelRequestsTheBrowserHoldsTheSignedInSession(t *testing.T) {
	eachBackend(t, func(e *env) {
		for round := range 5 {
			b := e.browser()
			b.visit(then(write("k", "v"), writeClient("theme", "dark")))
			var all sync.WaitGroup
			responses := make([]*http.Response, 6)
			for i, handle := range []handler{signIn("ada"), load, write("a", "1"), nothing, readClientKeys, write("b", "2")} {
				all.Go(func() { responses[i] = b.serve(handle) })
			}
			all.Wait()
			for i, res := range responses {
				if res.StatusCode != 200 && res.StatusCode != 409 {
					t.Errorf("round %d, request %d: status %d", round, i, res.StatusCode)
				}
			}
			before, want := b.cookie, b.setCookie(responses[0])
			if want == nil {
				t.Fatalf("round %d: the sign-in sets no cookie", round)
			}
			everyOrder(responses, func(order []*http.Response) {
				if got := heldAfter(t, before, order); got != want.Value {
					t.Fatalf("round %d: after some order of arrival the browser does not hold the cookie of the sign-in", round)
				}
			})
			b.receive(responses[0])
			if got := b.subject(); got != "ada" {
				t.Fatalf("round %d: %q is signed in", round, got)
			}
		}
	})
}

// everyOrder calls visit with each order of all.
func everyOrder(all []*http.Response, visit func([]*http.Response)) {
	var permute func(n int)
	permute = func(n int) {
		if n == len(all) {
			visit(all)
			return
		}
		for i := n; i < len(all); i++ {
			all[n], all[i] = all[i], all[n]
			permute(n + 1)
			all[n], all[i] = all[i], all[n]
		}
	}
	permute(0)
}

// heldAfter gives the session cookie of a client that holds one, and then gets
// responses.
func heldAfter(t *testing.T, cookie *http.Cookie, responses []*http.Response) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	site := &url.URL{Scheme: "https", Host: "shop.example", Path: "/"}
	jar.SetCookies(site, []*http.Cookie{{Name: cookie.Name, Value: cookie.Value, Path: "/", Secure: true}})
	for _, res := range responses {
		jar.SetCookies(site, res.Cookies())
	}
	held := jar.Cookies(site)
	if len(held) != 1 {
		return ""
	}
	return held[0].Value
}

func TestD4_SignInSucceedsWhereTheRecordHasEnded(t *testing.T) {
	for ending, end := range endings {
		t.Run(ending, func(t *testing.T) {
			eachBackend(t, func(e *env) {
				b := e.browser()
				b.visit(then(write("old", "1"), writeClient("old", "1")))
				late := b.clone()
				res := late.visit(func(ctx context.Context, s *session.Session) error {
					err := then(load, readClientKeys)(ctx, s)
					end(b)
					return errors.Join(err, s.SignIn(ctx, "eve"), s.Set(ctx, "mine", "1"), s.Client().Set(ctx, "mine", "1"),
						session.NewField[string]("old").Update(ctx, s, func(v string) (string, error) { return v + "+", nil }))
				})
				if res.StatusCode != 200 {
					t.Fatalf("status %d", res.StatusCode)
				}
				late.wantCookie(res, aCookie)
				if got := late.subject(); got != "eve" {
					t.Errorf("%q is signed in", got)
				}
				late.wantRead("mine", "1")
				late.wantRead("old", "+") // the update ran again, on nothing
				if late.readClient("mine") != "1" || late.readClient("old") != "" {
					t.Error("the client state is not what this request wrote alone")
				}
			})
		})
	}
}

func TestD4_ASignInThatIsSavedIsASessionLikeAnyOther(t *testing.T) {
	eachBackend(t, func(e *env) {
		for name, begin := range map[string]handler{"an existing session": write("k", "v"), "none": nothing} {
			b := e.browser()
			b.visit(begin)
			res := b.visit(func(ctx context.Context, s *session.Session) error {
				if err := errors.Join(s.SignIn(ctx, "ada"), s.Sync(ctx)); err != nil {
					return err
				}
				if err := e.spy.Delete(ctx, e.spy.lastKey()); err != nil {
					return err
				}
				return s.Set(ctx, "late", "1")
			})
			if res.StatusCode != 409 {
				t.Errorf("%s: status %d", name, res.StatusCode)
			}
			b.wantCookie(res, noCookie)
		}
	})
}

func TestD5_TheNextRequestSeesWhatTheLastOneWroteOnAnyInstance(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		other := &spy{Backend: e.harness.Open(t)}
		first, second := e.spy, other
		for i := range 20 {
			b.visit(write("k", fmt.Sprint(i)))
			e.spy = second // the second instance: its own connections, the same data
			elsewhere := &browser{e: e, m: e.manager(), cookie: b.cookie}
			elsewhere.wantRead("k", fmt.Sprint(i))
			e.spy = first
			b.wantRead("k", fmt.Sprint(i))
		}
	})
}

// That a session has ended is told once, whatever its request goes on to ask.
func TestD2_AnUpdateOfASessionThatHasEndedIsNoSecondEnd(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(write("n", 1))
		slow := b.clone()
		b.visit(invalidate)
		e.seen.take()
		if res := slow.visit(then(load, increment)); res.StatusCode != 409 {
			t.Errorf("status %d", res.StatusCode)
		}
		e.wantEvents(session.EventEndedUnder)
	})
}
