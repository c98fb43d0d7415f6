package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testbackends"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// devices lists the sessions of a subject in a request of the browser's.
func (b *browser) devices(subject string) (list []session.Info) {
	b.e.Helper()
	b.visit(func(ctx context.Context, _ *session.Session) (err error) {
		list, err = b.m.Sessions(ctx, subject)
		return err
	})
	return list
}

// signedIn is a browser of its own in which subject has signed in.
func (e *env) signedIn(subject string) *browser {
	e.Helper()
	b := e.browser()
	b.visit(signIn(subject))
	return b
}

// key is what the browser's session is filed under.
func (b *browser) key() store.Key {
	b.e.Helper()
	return b.incoming().ID().Key()
}

func (b *browser) wantSubject(want string) {
	b.e.Helper()
	if got := b.subject(); got != want {
		b.e.Errorf("%q is signed in, want %q", got, want)
	}
}

// A subject sees where it is signed in: the device at hand first, then what was
// seen last.
func TestTheListOfDevices(t *testing.T) {
	eachBackend(t, func(e *env) {
		start := e.time()
		phone := e.browser()
		phone.agent, phone.address = "Phone/1.0", "192.0.2.7:4711"
		phone.visit(write("before", "the sign-in"))
		e.advance(time.Minute)
		phone.visit(signIn("ada"))
		e.advance(time.Minute)
		desk := e.browser()
		desk.agent, desk.address = "Desk/2.0", "[2001:db8::1]:4711"
		desk.visit(signIn("ada"))
		e.signedIn("bob")
		e.advance(time.Minute)

		list := phone.devices("ada")
		if len(list) != 2 {
			e.Fatalf("there are %d devices: %v", len(list), list)
		}
		for i, want := range []session.Info{
			{
				Key: phone.key(), Subject: "ada", CreatedAt: start, SignedInAt: start.Add(time.Minute), LastSeenAt: e.time(),
				ExpiresAt: start.Add(time.Minute + 24*time.Hour), UserAgent: "Phone/1.0", RemoteAddr: "192.0.2.7", Current: true,
			},
			{
				Key: desk.key(), Subject: "ada", CreatedAt: start.Add(2 * time.Minute), SignedInAt: start.Add(2 * time.Minute),
				LastSeenAt: start.Add(2 * time.Minute), ExpiresAt: start.Add(2*time.Minute + 24*time.Hour),
				UserAgent: "Desk/2.0", RemoteAddr: "2001:db8::1",
			},
		} {
			got := list[i]
			// The backend's clock is not the test's, so an expiry is not exact.
			if d := got.ExpiresAt.Sub(want.ExpiresAt); d.Abs() > 30*time.Second {
				e.Errorf("device %d expires at %v, want %v", i, got.ExpiresAt, want.ExpiresAt)
			}
			for _, pair := range [][2]time.Time{{got.CreatedAt, want.CreatedAt}, {got.SignedInAt, want.SignedInAt}, {got.LastSeenAt, want.LastSeenAt}} {
				if !pair[0].Equal(pair[1]) {
					e.Errorf("device %d: %v, want %v", i, pair[0], pair[1])
				}
			}
			got.ExpiresAt, got.CreatedAt, got.SignedInAt, got.LastSeenAt = want.ExpiresAt, want.CreatedAt, want.SignedInAt, want.LastSeenAt
			if got != want {
				e.Errorf("device %d is\n%+v, want\n%+v", i, got, want)
			}
		}
	})
}

// When a signed-in session was last seen is known to state.last_seen_interval,
// at the price of one write in that time; nobody else is noted.
func TestLastSeenMovesWithRequestsThatRead(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.agent = "Old/1.0"
		b.visit(signIn("ada"))
		e.calls()
		e.advance(4 * time.Minute)
		b.visit(load)
		e.wantCalls("load")
		e.advance(time.Minute)
		b.agent, b.address = "New/1.0", "192.0.2.9:1"
		b.wantCookie(b.visit(load), noCookie)
		e.wantCalls("load", "update")
		seen := e.time()
		b.visit(load)
		e.wantCalls("load")
		if got := e.browser().devices("ada")[0]; !got.LastSeenAt.Equal(seen) || got.UserAgent != "New/1.0" || got.RemoteAddr != "192.0.2.9" {
			t.Errorf("last seen %v, want %v; %+v", got.LastSeenAt, seen, got)
		}
		e.advance(time.Hour)
		e.calls()
		b.visit(write("k", "v")) // which reads nothing, and so knows of nobody
		e.wantCalls("update")
		if got := e.browser().devices("ada")[0]; !got.LastSeenAt.Equal(seen) {
			t.Errorf("a write alone moves last seen to %v", got.LastSeenAt)
		}
	})
}

// What is read after the response has started is no reason for one more write.
func TestALateVisitIsNotNoted(t *testing.T) {
	e := newEnv(t)
	b := e.signedIn("ada")
	e.advance(time.Hour)
	e.calls()
	b.serveHTTP(func(w http.ResponseWriter, r *http.Request) {
		e.must(http.NewResponseController(w).Flush())
		e.must(session.FromContext(r.Context()).Load(r.Context()))
	})
	e.wantCalls("load")
}

func TestLastSeenCanBeLeftToSignIns(t *testing.T) {
	e := newEnv(t, func(cfg *config.SessionConfig) { cfg.State.LastSeenInterval = 0 })
	b := e.signedIn("ada")
	seen := e.time()
	e.advance(time.Hour)
	e.calls()
	b.visit(load)
	e.wantCalls("load")
	if got := e.browser().devices("ada")[0].LastSeenAt; !got.Equal(seen) {
		t.Errorf("last seen %v, want %v", got, seen)
	}
}

// A visit that cannot be noted is no reason to refuse a page.
func TestAVisitThatCannotBeNoted(t *testing.T) {
	e := newEnv(t)
	b := e.signedIn("ada")
	e.advance(time.Hour)
	e.spy.fail(errors.New("away"), "update")
	if res := b.visit(load); res.StatusCode != http.StatusOK {
		t.Errorf("status %d", res.StatusCode)
	}
}

// What the session keeps of its client is not the application's to see, and
// survives what the application does to its values.
func TestWhatIsKnownOfTheClientIsNotAValue(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.agent = "Agent/1.0"
		b.visit(signIn("ada"))
		b.visit(func(ctx context.Context, s *session.Session) error {
			if empty, err := s.IsEmpty(ctx); err != nil || !empty {
				t.Errorf("a session without values: empty is %v, %v", empty, err)
			}
			const reserved = "__session"
			if _, ok, err := s.GetRaw(ctx, reserved); ok || err != nil {
				t.Errorf("it can be read: %v, %v", ok, err)
			}
			for what, err := range map[string]error{
				"set":     s.Set(ctx, reserved, 1),
				"set raw": s.SetRaw(ctx, reserved, []byte("1")),
				"remove":  s.Remove(ctx, reserved),
				"update":  session.NewField[int](reserved).Update(ctx, s, func(n int) (int, error) { return n, nil }),
			} {
				if !errors.Is(err, store.ErrInvalid) {
					t.Errorf("%s: %v", what, err)
				}
			}
			return s.Client().Set(ctx, reserved, "of the client state, which has nothing of the kind")
		})
		b.visit(then(load, func(ctx context.Context, s *session.Session) error { return s.Clear(ctx) }))
		if got := b.devices("ada"); len(got) != 1 || got[0].UserAgent != "Agent/1.0" || got[0].SignedInAt.IsZero() {
			t.Errorf("after a clear: %+v", got)
		}
		b.visit(func(ctx context.Context, s *session.Session) error { return s.Clear(ctx) }) // unread
		b.visit(func(ctx context.Context, s *session.Session) error {
			if n, err := e.RevokeOthers(ctx, s); n != 0 || err != nil {
				t.Errorf("of a session of which nothing is known, %d others are ended, %v", n, err)
			}
			return nil
		})
		b.visit(load) // which notes it again
		if got := b.devices("ada"); len(got) != 1 || got[0].UserAgent != "Agent/1.0" || got[0].SignedInAt.IsZero() {
			t.Errorf("after a clear without a load, and a visit: %+v", got)
		}
	})
}

func TestWhatIsKnownOfTheClientIsBounded(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.agent, b.address = strings.Repeat("ä", 1000)+"\xff", "no address"
	b.visit(signIn("ada"))
	if got := b.devices("ada")[0]; got.UserAgent != strings.Repeat("ä", 128) || got.RemoteAddr != "" {
		t.Errorf("user agent %q, address %q", got.UserAgent, got.RemoteAddr)
	}
}

func TestTheAddressBehindAProxy(t *testing.T) {
	e := newEnv(t)
	cfg := config.Default()
	m, err := session.NewManager(cfg, store.New(e.spy), session.WithRemoteAddr(func(r *http.Request) string { return "from " + r.RemoteAddr }))
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{e: e, m: m, address: "192.0.2.1:5"}
	b.visit(signIn("ada"))
	if got := b.devices("ada")[0].RemoteAddr; got != "from 192.0.2.1:5" {
		t.Errorf("the address is %q", got)
	}
}

func TestSessionsNeedASubjectAndAnIndex(t *testing.T) {
	e := newEnv(t)
	if _, err := e.Sessions(t.Context(), ""); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("of nobody: %v", err)
	}
	if _, err := e.RevokeAll(t.Context(), ""); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("revoke of nobody: %v", err)
	}
	bare := e.managerOver(store.New(struct{ store.Backend }{e.spy}), config.Default())
	if _, err := bare.Sessions(t.Context(), "ada"); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("without an index: %v", err)
	}
}

// A revoked session is dead at once, and only its own subject can revoke it.
func TestRevoke(t *testing.T) {
	eachBackend(t, func(e *env) {
		phone, desk, bob := e.signedIn("ada"), e.signedIn("ada"), e.signedIn("bob")
		anonymous := e.browser()
		anonymous.visit(write("k", "v"))
		phone.visit(func(ctx context.Context, _ *session.Session) error {
			for name, key := range map[string]store.Key{
				"bob's": bob.key(), "nobody's": anonymous.key(), "a key that is none": {1},
			} {
				if err := e.Revoke(ctx, "ada", key); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if err := e.Revoke(ctx, "", anonymous.key()); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("nobody's, by nobody: %v", err)
			}
			return e.Revoke(ctx, "ada", desk.key())
		})
		if err := e.Revoke(t.Context(), "ada", desk.key()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("again: %v", err)
		}
		desk.wantSubject("")
		phone.wantSubject("ada")
		bob.wantSubject("bob")
		anonymous.wantRead("k", "v")
		if got := phone.devices("ada"); len(got) != 1 || !got[0].Current {
			t.Errorf("the list: %+v", got)
		}
	})
}

// Whoever revokes the session at hand signs out, cookie and all.
func TestRevokeOfTheSessionAtHandIsASignOut(t *testing.T) {
	for name, revoke := range map[string]func(ctx context.Context, b *browser) error{
		"by key": func(ctx context.Context, b *browser) error { return b.m.Revoke(ctx, "ada", b.key()) },
		"all": func(ctx context.Context, b *browser) error {
			n, err := b.m.RevokeAll(ctx, "ada")
			if n != 2 {
				b.e.Errorf("%d were ended", n)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachBackend(t, func(e *env) {
				b, other := e.signedIn("ada"), e.signedIn("ada")
				b.visit(writeClient("theme", "dark"))
				res := b.visit(func(ctx context.Context, s *session.Session) error {
					if err := s.Set(ctx, "k", "of the session that ends"); err != nil {
						return err
					}
					if err := revoke(ctx, b); err != nil {
						return err
					}
					if subject, err := s.Subject(ctx); subject != "" || err != nil {
						t.Errorf("%q is signed in, %v", subject, err)
					}
					if err := s.Set(ctx, "k", "v"); !errors.Is(err, session.ErrInvalidated) {
						t.Errorf("a write: %v", err)
					}
					return nil
				})
				b.wantCookie(res, aRemoval)
				if res.StatusCode != http.StatusOK || b.cookie != nil {
					t.Errorf("status %d, cookie %v", res.StatusCode, b.cookie)
				}
				want := "ada"
				if name == "all" {
					want = ""
				}
				other.wantSubject(want)
			})
		})
	}
}

// After a sign-out everywhere the request can go on with a fresh session.
func TestAResetAfterARevocation(t *testing.T) {
	e := newEnv(t)
	b := e.signedIn("ada")
	b.visit(func(ctx context.Context, s *session.Session) error {
		if _, err := e.RevokeAll(ctx, "ada"); err != nil {
			return err
		}
		if err := s.Reset(); err != nil {
			return err
		}
		return s.Set(ctx, "flash", "signed out everywhere")
	})
	b.wantRead("flash", "signed out everywhere")
	b.wantSubject("")
}

func TestRevokeOthers(t *testing.T) {
	eachBackend(t, func(e *env) {
		b, bob := e.signedIn("ada"), e.signedIn("bob")
		others := []*browser{e.signedIn("ada"), e.signedIn("ada"), e.signedIn("ada")}
		others[0].visit(cycle)
		var n int
		b.visit(func(ctx context.Context, s *session.Session) (err error) {
			n, err = e.RevokeOthers(ctx, s)
			return err
		})
		if n != 3 {
			t.Errorf("%d were ended, want 3", n)
		}
		b.wantSubject("ada")
		bob.wantSubject("bob")
		for _, other := range others {
			other.wantSubject("")
		}
		// A new password: the sign-in of this request stays, all else goes.
		other := e.signedIn("ada")
		fresh := e.browser()
		fresh.visit(then(signIn("ada"), func(ctx context.Context, s *session.Session) (err error) {
			n, err = e.RevokeOthers(ctx, s)
			return err
		}))
		if n != 2 {
			t.Errorf("%d were ended, want 2", n)
		}
		b.wantSubject("")
		other.wantSubject("")
		fresh.wantSubject("ada")
	})
}

func TestRevokeOthersIsForThoseWhoAreSignedIn(t *testing.T) {
	eachBackend(t, func(e *env) {
		victim := e.signedIn("ada")
		for name, b := range map[string]*browser{"a visitor": e.browser(), "a signed-out one": e.signedIn("ada")} {
			if name != "a visitor" {
				b.visit(invalidate)
			}
			b.visit(func(ctx context.Context, s *session.Session) error {
				if n, err := e.RevokeOthers(ctx, s); n != 0 || !errors.Is(err, session.ErrNotSignedIn) {
					t.Errorf("%s: %d, %v", name, n, err)
				}
				return nil
			})
		}
		// A session that was revoked while its request was under way has no say.
		revoked := e.signedIn("ada")
		revoked.visit(then(load, func(ctx context.Context, s *session.Session) error {
			if err := e.Revoke(t.Context(), "ada", revoked.key()); err != nil {
				return err
			}
			if n, err := e.RevokeOthers(ctx, s); n != 0 || !errors.Is(err, store.ErrEnded) {
				t.Errorf("a revoked one: %d, %v", n, err)
			}
			return nil
		}))
		victim.wantSubject("ada")

		// And that it was ended is told once, however often it asks.
		revoked = e.signedIn("ada")
		e.must(e.Revoke(t.Context(), "ada", revoked.key()))
		e.seen.take()
		revoked.visit(then(load, func(ctx context.Context, s *session.Session) error {
			for range 2 {
				if _, err := e.RevokeOthers(ctx, s); !errors.Is(err, store.ErrEnded) {
					t.Errorf("a revoked one that knows it: %v", err)
				}
			}
			return nil
		}))
		e.wantEvents(session.EventEndedUnder)
	})
}

// A session that is renewed while it is being revoked is found under its new
// key, or the caller is told to look again.
func TestARenewalThatOvertakesARevocation(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.signedIn("ada")
		overtaken := false
		e.spy.intercept(func(op string) error {
			if op == "delete" && !overtaken {
				overtaken = true
				b.visit(cycle)
			}
			return nil
		})
		old := b.key()
		if err := e.Revoke(t.Context(), "ada", old); !errors.Is(err, store.ErrRenewed) {
			t.Errorf("by key: %v", err)
		}
		if err := e.Revoke(t.Context(), "ada", old); !errors.Is(err, store.ErrRenewed) {
			t.Errorf("by the old key: %v", err)
		}
		overtaken = false
		if n, err := e.RevokeAll(t.Context(), "ada"); n != 1 || err != nil {
			t.Errorf("all: %d, %v", n, err)
		}
		b.wantSubject("")
	})
}

// A store that fails in the middle leaves the rest for another try.
func TestARevocationThatFailsHalfWay(t *testing.T) {
	e := newEnv(t)
	for range 3 {
		e.signedIn("ada")
	}
	e.calls()
	deleted := 0
	e.spy.intercept(func(op string) error {
		if op == "delete" {
			if deleted++; deleted == 2 {
				return errors.New("away")
			}
		}
		return nil
	})
	if n, err := e.RevokeAll(t.Context(), "ada"); n != 1 || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := e.RevokeAll(t.Context(), "ada"); n != 2 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	e.spy.fail(errors.New("away"))
	b := e.browser()
	b.visit(func(ctx context.Context, _ *session.Session) error {
		for what, err := range map[string]error{
			"list":   second(e.Sessions(ctx, "ada")),
			"revoke": e.Revoke(ctx, "ada", store.Key{1}),
			"all":    second(e.RevokeAll(ctx, "ada")),
		} {
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: %v", what, err)
			}
		}
		return nil
	})
}

func second[T any](_ T, err error) error { return err }

// A page that matters asks how long ago the password was given.
func TestSignedInAt(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		at := func() (at time.Time) {
			b.visit(func(ctx context.Context, s *session.Session) (err error) {
				at, err = s.SignedInAt(ctx)
				return err
			})
			return at
		}
		b.visit(write("k", "v"))
		if got := at(); !got.IsZero() {
			t.Errorf("nobody signed in at %v", got)
		}
		e.advance(time.Hour)
		b.visit(then(signIn("ada"), func(ctx context.Context, s *session.Session) error {
			if got, err := s.SignedInAt(ctx); !got.Equal(e.time()) || err != nil {
				t.Errorf("in the request that signs in: %v, %v", got, err)
			}
			return nil
		}))
		first := e.time()
		e.advance(10 * time.Hour) // enough to be extended
		b.visit(cycle)
		if got := at(); !got.Equal(first) {
			t.Errorf("signed in at %v, want %v", got, first)
		}
		b.visit(signIn("ada"))
		if got := at(); !got.Equal(e.time()) {
			t.Errorf("signed in again at %v, want %v", got, e.time())
		}
		b.visit(func(_ context.Context, s *session.Session) error { return s.Delete() })
		b.visit(write("k", "v"))
		if got := at(); !got.IsZero() {
			t.Errorf("nobody is signed in any more, since %v", got)
		}
	})
}

// The times that are made now are as exact as those that are stored, and of the
// same form: they can be compared, and look alike in JSON.
func TestTimesAreInMillisecondsAndUTC(t *testing.T) {
	e := newEnv(t)
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{testKey}
	zone := time.FixedZone("somewhere", 3600)
	m, err := session.NewManager(cfg, store.New(e.spy), session.WithClock(func() time.Time { return time.Now().In(zone) }))
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, got time.Time) {
		t.Helper()
		if got.IsZero() || got != time.UnixMilli(got.UnixMilli()).UTC() {
			t.Errorf("%s is %v", what, got)
		}
	}
	b := &browser{e: e, m: m}
	b.visit(then(signIn("ada"), func(ctx context.Context, s *session.Session) error {
		at, err := s.SignedInAt(ctx)
		check("the sign-in of this request", at)
		return err
	}))
	b.visit(func(ctx context.Context, s *session.Session) error {
		at, err := s.SignedInAt(ctx)
		if err != nil {
			return err
		}
		check("the sign-in", at)
		list, err := m.Sessions(ctx, "ada")
		if err != nil || len(list) != 1 || !list[0].Current {
			t.Fatalf("the list is %v, %v", list, err)
		}
		check("CreatedAt", list[0].CreatedAt)
		check("SignedInAt", list[0].SignedInAt)
		check("LastSeenAt", list[0].LastSeenAt)
		check("ExpiresAt", list[0].ExpiresAt)
		return nil
	})
}

func ExampleManager_Sessions() {
	m := exampleManager()
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).SignIn(r.Context(), "ada"); err != nil {
			session.HandleError(w, r, err)
		}
	})
	mux.HandleFunc("/devices", func(w http.ResponseWriter, r *http.Request) {
		subject, err := session.FromContext(r.Context()).Subject(r.Context())
		if err != nil {
			session.HandleError(w, r, err)
			return
		}
		devices, err := m.Sessions(r.Context(), subject)
		if err != nil {
			session.HandleError(w, r, err)
			return
		}
		for _, d := range devices {
			fmt.Fprintln(w, d.RemoteAddr, "this one:", d.Current)
		}
	})
	phone, desk := &visitor{handler: m.Middleware(mux)}, &visitor{handler: m.Middleware(mux)}
	phone.get("/login")
	desk.get("/login")
	desk.get("/devices")
	// Output:
	// /login 200
	// /login 200
	// /devices 200 192.0.2.1 this one: true
	// 192.0.2.1 this one: false
}

// A20: a Field.Update before RevokeOthers is as good a read-modify-write as one
// after it.
func TestRevokeOthersLosesNoUpdate(t *testing.T) {
	eachBackend(t, func(e *env) {
		n := session.NewField[int]("n")
		add := func(ctx context.Context, s *session.Session) error {
			return n.Update(ctx, s, func(n int) (int, error) { return n + 1, nil })
		}
		b := e.signedIn("ada")
		b.visit(add)
		b.visit(then(add, func(ctx context.Context, s *session.Session) error {
			b.clone().visit(add) // another request of the session
			return second(e.RevokeOthers(ctx, s))
		}))
		b.visit(func(ctx context.Context, s *session.Session) error {
			if got, _, err := n.Get(ctx, s); got != 3 || err != nil {
				t.Errorf("three requests that add 1 end at %d, %v", got, err)
			}
			return nil
		})
	})
}

// The session at hand is not one of the others, whatever its ID becomes
// meanwhile.
func TestRevokeOthersWhileTheOwnSessionIsRenewed(t *testing.T) {
	for _, at := range []string{"list", "delete"} {
		t.Run("at the "+at, func(t *testing.T) {
			eachBackend(t, func(e *env) {
				b := e.signedIn("ada")
				other := e.signedIn("ada")
				tab := b.clone()
				b.serve(func(ctx context.Context, s *session.Session) error {
					renewed := false
					e.spy.intercept(func(op string) error {
						if op == at && !renewed {
							renewed = true
							tab.visit(cycle)
							if at == "delete" { // so that it lists again
								other.visit(cycle)
							}
						}
						return nil
					})
					if _, err := e.RevokeOthers(ctx, s); err != nil && !errors.Is(err, store.ErrEnded) {
						t.Errorf("the others: %v", err)
					}
					e.spy.fail(nil)
					return nil
				})
				tab.wantSubject("ada")
			})
		})
	}
}

// RevokeAll ends every session, also the one that this request is signing in
// with.
func TestRevokeAllAfterASignIn(t *testing.T) {
	for name, begin := range map[string]handler{
		"a new session":           nothing,
		"an anonymous one":        write("k", "v"),
		"one of the same subject": signIn("ada"),
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			b := e.browser()
			b.visit(begin)
			b.visit(then(signIn("ada"), func(ctx context.Context, _ *session.Session) error {
				return second(e.RevokeAll(ctx, "ada"))
			}))
			b.wantSubject("")
		})
	}
}

// chi's RealIP and gorilla's ProxyHeaders put an address without a port into
// the request.
func TestAnAddressWithoutAPort(t *testing.T) {
	e := newEnv(t)
	for _, address := range []string{"192.0.2.7", "2001:db8::1"} {
		b := e.browser()
		b.address = address
		b.visit(signIn(address))
		if got := b.devices(address)[0].RemoteAddr; got != address {
			t.Errorf("the address of %s is %q", address, got)
		}
	}
}

// What is cut to 256 bytes is not longer.
func TestAUserAgentThatIsNotUTF8IsBoundedAsWell(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.agent = strings.Repeat("\xffa", 200)
	b.visit(signIn("ada"))
	if got := b.devices("ada")[0].UserAgent; len(got) > 256 {
		t.Errorf("the user agent has %d bytes", len(got))
	}
}

// Where sign-ins alone are noted, a Clear is no reason to note a visit.
func TestAClearWhereSignInsAloneAreNoted(t *testing.T) {
	e := newEnv(t, func(cfg *config.SessionConfig) { cfg.State.LastSeenInterval = 0 })
	b := e.browser()
	b.agent = "SignIn/1.0"
	b.visit(signIn("ada"))
	at := e.time()
	e.advance(time.Hour)
	b.agent = "Later/2.0"
	b.visit(then(load, func(ctx context.Context, s *session.Session) error { return s.Clear(ctx) }))
	if got := e.browser().devices("ada")[0]; got.UserAgent == "Later/2.0" || got.LastSeenAt.After(at) {
		t.Errorf("noted: %+v", got)
	}
}

// The manager of another store's sessions has no say about this session's.
func TestRevokeOthersOfAnotherManagersSession(t *testing.T) {
	e := newEnv(t)
	cfg := config.Default()
	cfg.Cookie.Name = "foreign"
	foreign, err := session.NewManager(cfg, store.New(testbackends.Memory(t).Open(t)))
	if err != nil {
		t.Fatal(err)
	}
	victim := e.signedIn("ada")
	b := e.browser()
	b.m = foreign
	b.visit(then(signIn("ada"), func(ctx context.Context, s *session.Session) error {
		if n, err := e.RevokeOthers(ctx, s); err == nil {
			t.Errorf("%d are ended", n)
		}
		return nil
	}))
	victim.wantSubject("ada")
}

// A User-Agent is whatever bytes a client sends.
func TestAUserAgentOfNoRuneAtAll(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.agent = strings.Repeat("\x80", 1000)
	b.visit(signIn("ada"))
	b.wantSubject("ada")
}

// Of visitors whom nobody knows nothing is kept.
func TestNothingIsKeptOfVisitorsWhomNobodyKnows(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.agent, b.address = "Agent/1.0", "192.0.2.1:80"
		for _, step := range []handler{
			write("k", "v"), then(load, write("k", "w")), then(load, cycle),
			func(ctx context.Context, s *session.Session) error {
				return errors.Join(s.Clear(ctx), s.Set(ctx, "k", "x"))
			},
		} {
			b.visit(step)
			e.advance(time.Hour)
			b.visit(load)
			rec, err := e.spy.Backend.Load(t.Context(), b.key())
			if err != nil || len(rec.State) != 1 {
				t.Errorf("the record holds %s, %v", rec.State, err)
			}
		}
	})
}

// Whoever has asked for a revocation may be gone before it is told.
func TestARevocationIsToldThoughItsCallerHasGone(t *testing.T) {
	e := newEnv(t)
	told := 0
	m := e.managerOver(store.New(e.spy), config.Default(), session.WithObserver(observerFunc(func(ctx context.Context, event session.Event) {
		if event.Kind == session.EventRevoked {
			if told++; ctx.Done() != nil || ctx.Value(caller{}) != "of the caller" {
				t.Error("the context can be cancelled, or is not the caller's")
			}
		}
	})))
	b := &browser{e: e, m: m}
	b.visit(signIn("ada"))
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), caller{}, "of the caller"))
	defer cancel()
	if n, err := m.RevokeAll(ctx, "ada"); n != 1 || err != nil || told != 1 {
		t.Errorf("%d revoked, %v, %d told", n, err, told)
	}
}

type caller struct{}

// The others are in the order in which they were last seen, the latest first.
func TestDevicesAreListedByWhenTheyWereLastSeen(t *testing.T) {
	eachBackend(t, func(e *env) {
		var want []store.Key
		for range 5 {
			b := e.signedIn("ada")
			want = append([]store.Key{b.key()}, want...)
			e.advance(time.Minute)
		}
		list, err := e.Sessions(t.Context(), "ada")
		if err != nil {
			t.Fatal(err)
		}
		var got []store.Key
		for _, info := range list {
			got = append(got, info.Key)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the list is %v, want %v", got, want)
		}
	})
}

// A session that ends by itself while it is being revoked is in nobody's way.
func TestARevocationThatASignOutOvertakes(t *testing.T) {
	eachBackend(t, func(e *env) {
		e.signedIn("ada")
		b := e.signedIn("ada")
		key, overtaken := b.key(), false
		e.spy.intercept(func(op string) error {
			if op == "delete" && !overtaken {
				overtaken = true
				return e.spy.Backend.Delete(t.Context(), key)
			}
			return nil
		})
		if n, err := e.RevokeAll(t.Context(), "ada"); n != 1 || err != nil {
			t.Errorf("revoked %d, %v", n, err)
		}
	})
}

// RevokeAll of one subject leaves the sign-in of another alone, and so does one
// that failed.
func TestRevokeAllOfSomebodyElse(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(then(signIn("ada"), func(ctx context.Context, _ *session.Session) error { return second(e.RevokeAll(ctx, "bob")) }))
	b.wantSubject("ada")

	b = e.browser()
	b.visit(then(signIn("ada"), func(ctx context.Context, _ *session.Session) error {
		e.spy.fail(errors.New("down"), "list")
		defer e.spy.fail(nil)
		if _, err := e.RevokeAll(ctx, "ada"); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("RevokeAll = %v", err)
		}
		return nil
	}))
	b.wantSubject("ada")
}

// A session whose record has gone has no say either, and one that has ended
// nothing more to show.
func TestRevokeOthersOfASessionThatIsOver(t *testing.T) {
	eachBackend(t, func(e *env) {
		e.signedIn("ada").visit(then(load, func(ctx context.Context, s *session.Session) error {
			e.harness.Advance(e, 25*time.Hour)
			if n, err := e.RevokeOthers(ctx, s); n != 0 || !errors.Is(err, session.ErrNotSignedIn) {
				t.Errorf("of a record that has gone: %d, %v", n, err)
			}
			return nil
		}))
		b := e.signedIn("ada")
		b.visit(write("k", "v"))
		b.visit(then(load, func(ctx context.Context, s *session.Session) error {
			b.clone().visit(invalidate)
			if _, err := e.RevokeOthers(ctx, s); !errors.Is(err, store.ErrEnded) {
				t.Errorf("of one that has ended: %v", err)
			}
			keys, err := s.Keys(ctx)
			if len(keys) > 0 {
				t.Errorf("it still shows %v", keys)
			}
			return err
		}))
	})
}

func TestALongAddressIsCut(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.m = e.managerOver(store.New(e.spy), config.Default(), session.WithRemoteAddr(func(*http.Request) string { return strings.Repeat("ä", 100) }))
	b.visit(signIn("ada"))
	if got := b.devices("ada")[0].RemoteAddr; got != strings.Repeat("ä", 32) {
		t.Errorf("the address is %q", got)
	}
}

// An early Sync has noted the visit, however the sign-in is saved.
func TestASignInThatIsSavedEarlyNotesItsVisitOnce(t *testing.T) {
	eachBackend(t, func(e *env) {
		sync := func(ctx context.Context, s *session.Session) error { return s.Sync(ctx) }
		b := e.browser()
		b.visit(then(signIn("ada"), sync, load))
		e.wantCalls("create", "load") // the last says that the cookie may go out
		b.visit(then(signIn("bob"), sync))
		e.wantCalls("change key", "load")
	})
}

// A sign-in whose answer was lost has its time in the list of devices.
func TestASignInWhoseOutcomeIsNotKnownHasItsTime(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(signIn("ada"), e.losing()))
		list, err := e.Sessions(t.Context(), "ada")
		if err != nil || len(list) != 1 || !list[0].SignedInAt.Equal(e.time()) {
			t.Errorf("the list is %+v, %v", list, err)
		}
	})
}
