package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// atMost bounds the sessions of a subject.
func atMost(n int, policy config.MaxSessionsPolicy) func(*config.SessionConfig) {
	return func(cfg *config.SessionConfig) {
		cfg.State.MaxSessionsPerSubject, cfg.State.MaxSessionsPolicy = n, policy
	}
}

// impatient is a store that is given up soon, and with it a turn to sign in.
func impatient(cfg *config.SessionConfig) { cfg.Store.Timeout = 50 * time.Millisecond }

// over gives the environment a Manager over a backend of the test's own.
func (e *env) over(b store.Backend, changes ...func(*config.SessionConfig)) {
	e.Helper()
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{testKey}
	for _, change := range changes {
		change(&cfg)
	}
	e.Manager = e.managerOver(store.New(b), cfg)
}

func TestASignInBeyondTheLimitEndsTheOldest(t *testing.T) {
	eachBackend(t, func(e *env) {
		bob := e.signedIn("bob")
		var all []*browser
		for i := range 4 {
			e.advance(time.Second)
			b := e.browser()
			if i%2 == 0 { // from a session as well as from none
				b.visit(write("k", "v"))
			}
			b.visit(signIn("ada"))
			all = append(all, b)
		}
		for i, want := range []string{"", "", "ada", "ada"} {
			if got := all[i].subject(); got != want {
				e.Errorf("%d: %q is signed in, want %q", i, got, want)
			}
		}
		// Signing in again is no further session, and makes it the newest.
		e.advance(time.Second)
		all[2].visit(signIn("ada"))
		all[3].wantSubject("ada")
		e.advance(time.Second)
		e.signedIn("ada")
		all[2].wantSubject("ada")
		all[3].wantSubject("")
		bob.wantSubject("bob")
	}, atMost(2, config.MaxSessionsEvictOldest))
}

func TestASignInBeyondTheLimitIsDenied(t *testing.T) {
	eachBackend(t, func(e *env) {
		first := e.signedIn("ada")
		b := e.browser()
		b.visit(write("cart", "full"))
		b.visit(func(ctx context.Context, s *session.Session) error {
			if err := s.SignIn(ctx, "ada"); !errors.Is(err, session.ErrTooManySessions) {
				t.Errorf("the sign-in: %v", err)
			}
			return s.Set(ctx, "told", "yes") // the handler answers, and goes on
		})
		b.wantSubject("")
		b.wantRead("cart", "full")
		b.wantRead("told", "yes")
		b.visit(signIn("bob"))
		b.wantSubject("bob")

		first.visit(signIn("ada")) // again, which is no further session
		first.wantSubject("ada")
		first.visit(invalidate)
		b.visit(signIn("ada"))
		b.wantSubject("ada")
	}, atMost(1, config.MaxSessionsDeny))
}

// When the last place is taken between the sign-in and its save, the save is
// what fails.
func TestASignInThatLosesItsPlace(t *testing.T) {
	e := newEnv(t, atMost(1, config.MaxSessionsDeny))
	b := e.browser()
	res := b.visit(then(signIn("ada"), func(context.Context, *session.Session) error {
		e.signedIn("ada")
		return nil
	}))
	b.wantCookie(res, noCookie)
	if res.StatusCode != http.StatusConflict {
		t.Errorf("status %d", res.StatusCode)
	}
	if got := e.browser().devices("ada"); len(got) != 1 {
		t.Errorf("there are %d sessions", len(got))
	}
}

// However many sign in at once, the limit holds, and no place stays empty.
func TestConcurrentSignInsKeepToTheLimit(t *testing.T) {
	const limit, visitors = 3, 12
	for _, policy := range []config.MaxSessionsPolicy{config.MaxSessionsEvictOldest, config.MaxSessionsDeny} {
		t.Run(string(policy), func(t *testing.T) {
			eachBackend(t, func(e *env) {
				var all, ready sync.WaitGroup
				ready.Add(visitors)
				admitted := make([]bool, visitors)
				browsers := make([]*browser, visitors)
				for i := range visitors {
					browsers[i] = e.browser()
					all.Go(func() {
						arrive := sync.OnceFunc(ready.Done)
						defer arrive() // also where it gets no further
						res := browsers[i].serve(func(ctx context.Context, s *session.Session) error {
							arrive()
							ready.Wait()
							if err := s.SignIn(ctx, "ada"); !errors.Is(err, session.ErrTooManySessions) {
								return err
							}
							return nil
						})
						browsers[i].receive(res)
						admitted[i] = res.StatusCode == http.StatusOK && browsers[i].cookie != nil
						if res.StatusCode != http.StatusOK && (policy != config.MaxSessionsDeny || res.StatusCode != http.StatusConflict) {
							t.Errorf("status %d", res.StatusCode)
						}
					})
				}
				all.Wait()
				alive, told := 0, 0
				for i, b := range browsers {
					if b.cookie != nil && b.subject() == "ada" {
						alive++
					}
					if admitted[i] {
						told++
					}
				}
				if alive != limit || len(e.browser().devices("ada")) != limit {
					t.Errorf("%d sessions are alive, %d in the list, want %d", alive, len(e.browser().devices("ada")), limit)
				}
				if policy == config.MaxSessionsDeny && told != limit {
					t.Errorf("%d were let in, want %d", told, limit)
				}
			}, atMost(limit, policy))
		})
	}
}

// An eviction that fails is made up for by the next sign-in, which is no worse
// for it; a check that fails lets nobody in.
func TestALimitWhileTheStoreFails(t *testing.T) {
	t.Run("evict", func(t *testing.T) {
		e := newEnv(t, atMost(1, config.MaxSessionsEvictOldest))
		first := e.signedIn("ada")
		e.advance(time.Second)
		e.spy.fail(errors.New("away"), "list")
		second := e.signedIn("ada")
		e.spy.fail(nil)
		first.wantSubject("ada")
		second.wantSubject("ada")
		e.advance(time.Second)
		e.signedIn("ada")
		first.wantSubject("")
		second.wantSubject("")
	})
	t.Run("deny", func(t *testing.T) {
		e := newEnv(t, atMost(1, config.MaxSessionsDeny))
		e.spy.fail(errors.New("away"), "list")
		e.browser().visit(func(ctx context.Context, s *session.Session) error {
			if err := s.SignIn(ctx, "ada"); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("the sign-in: %v", err)
			}
			return nil
		})
		e.spy.fail(nil)
		b := e.browser()
		res := b.visit(then(signIn("ada"), func(context.Context, *session.Session) error {
			e.spy.fail(errors.New("away"), "create", "list")
			return nil
		}))
		e.spy.fail(nil)
		if res.StatusCode != http.StatusInternalServerError || len(e.browser().devices("ada")) != 0 {
			t.Errorf("status %d, %d sessions", res.StatusCode, len(e.browser().devices("ada")))
		}
	})
}

// A program that dies while it signs somebody in keeps others from it for some
// seconds, and no longer.
func TestATurnThatIsNeverGivenBack(t *testing.T) {
	e := newEnv(t, atMost(1, config.MaxSessionsDeny), impatient)
	e.spy.fail(errors.New("away"), "delete")
	e.signedIn("ada").m.RevokeAll(t.Context(), "ada")
	e.spy.fail(nil)
	if n, err := e.RevokeAll(t.Context(), "ada"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	b := e.browser()
	if res := b.visit(signIn("ada")); res.StatusCode != http.StatusConflict {
		t.Errorf("status %d while another sign-in seems to be under way", res.StatusCode)
	}
	e.advance(150 * time.Millisecond)
	b.visit(signIn("ada"))
	b.wantSubject("ada")
}

// A sign-in over a record that an attempt whose answer was lost has created counts
// as any other.
func TestALimitHoldsAfterACreateWhoseOutcomeIsNotKnown(t *testing.T) {
	for _, policy := range []config.MaxSessionsPolicy{config.MaxSessionsEvictOldest, config.MaxSessionsDeny} {
		t.Run(string(policy), func(t *testing.T) {
			e := newEnv(t, atMost(1, policy))
			syncInDoubt := e.losing()
			b := e.browser()
			res := b.visit(then(write("a", "1"), syncInDoubt, signIn("ada"), func(context.Context, *session.Session) error {
				e.signedIn("ada") // takes the one place
				return nil
			}))
			want := http.StatusOK
			if policy == config.MaxSessionsDeny {
				want = http.StatusConflict
			}
			if list := e.browser().devices("ada"); res.StatusCode != want || len(list) != 1 {
				t.Errorf("status %d, and ada has %d sessions", res.StatusCode, len(list))
			}
		})
	}
}

// A sign-in that could not ask which ones there are may seem older than they are:
// it must not end itself.
func TestASignInThatMayNotBeTheLatestEndsNobody(t *testing.T) {
	for name, before := range map[string]handler{"new": nothing, "renewed": write("k", "v")} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, atMost(1, config.MaxSessionsEvictOldest))
			m, err := session.NewManager(config.Default(), store.New(e.spy), session.WithClock(func() time.Time { return e.time().Add(time.Second) }))
			if err != nil {
				t.Fatal(err)
			}
			(&browser{e: e, m: m}).visit(signIn("ada")) // on an instance whose clock is ahead
			b := e.browser()
			b.visit(before)
			lists := 0
			e.spy.intercept(func(op string) error {
				if op == "list" {
					if lists++; lists == 1 {
						return errors.New("it will pass")
					}
				}
				return nil
			})
			b.visit(signIn("ada"))
			e.spy.intercept(nil)
			b.wantSubject("ada")
		})
	}
}

func TestALimitNeedsAnIndexOfSubjects(t *testing.T) {
	e := newEnv(t)
	cfg := config.Default()
	cfg.State.MaxSessionsPerSubject = 1
	_, err := session.NewManager(cfg, store.New(struct{ store.Backend }{e.spy}))
	if !errors.Is(err, store.ErrUnsupported) || !strings.Contains(fmt.Sprint(err), "session.state.max_sessions_per_subject") {
		t.Errorf("got %v", err)
	}
}

// renaming is a backend in which records move on while it lists, so that they
// are there under both keys, as store.SubjectIndex allows.
type renaming struct {
	*spy
	during func()
}

func (r *renaming) ListBySubject(ctx context.Context, subject string) ([]store.Entry, error) {
	all, err := r.spy.ListBySubject(ctx, subject)
	if during := r.during; during != nil {
		r.during = nil
		during()
		var more []store.Entry
		more, err = r.spy.ListBySubject(ctx, subject)
		for _, e := range more {
			known := false
			for _, old := range all {
				known = known || old.Key == e.Key
			}
			if !known {
				all = append(all, e)
			}
		}
	}
	return all, err
}

// A session that a list has twice is one session.
func TestASessionThatIsListedTwiceIsOneToTheLimit(t *testing.T) {
	const limit = 3
	for _, policy := range []config.MaxSessionsPolicy{config.MaxSessionsEvictOldest, config.MaxSessionsDeny} {
		t.Run(string(policy), func(t *testing.T) {
			e := newEnv(t)
			backend := &renaming{spy: e.spy}
			e.over(backend, atMost(limit, policy))
			var all []*browser
			for range 2 {
				all = append(all, e.signedIn("ada"))
				e.advance(time.Second)
			}
			backend.during = func() { all[1].visit(cycle) }
			third := e.browser()
			all = append(all, third)
			third.visit(signIn("ada"))
			for i, b := range all {
				if got := b.subject(); got != "ada" {
					t.Errorf("%d of %d, where %d are allowed: %q is signed in", i+1, len(all), limit, got)
				}
			}
		})
	}
}

// lossy is a backend that does some operations and loses the answer.
type lossy struct {
	*spy
	lost map[string]bool
}

var errLost = errors.New("the connection is lost")

func (l *lossy) answer(op string, err error) error {
	if err == nil && l.lost[op] {
		return errLost
	}
	return err
}

func (l *lossy) Create(ctx context.Context, key store.Key, rec store.Record) error {
	op := "create"
	if rec.Subject == "" {
		op = "create of nobody's"
	}
	return l.answer(op, l.spy.Create(ctx, key, rec))
}

func (l *lossy) ChangeKey(ctx context.Context, from, to store.Key, ch store.Change) error {
	return l.answer("change key", l.spy.ChangeKey(ctx, from, to, ch))
}

// A sign-in that nobody heard of must not keep its subject out for a whole TTL.
func TestADeniedPlaceThatNobodyHolds(t *testing.T) {
	for op, status := range map[string]int{
		"create": http.StatusInternalServerError, "change key": http.StatusInternalServerError,
		"create of nobody's": http.StatusOK, // the turn, of which it can be found out
	} {
		t.Run(op, func(t *testing.T) {
			e := newEnv(t)
			backend := &lossy{spy: e.spy}
			e.over(backend, atMost(1, config.MaxSessionsDeny), impatient)
			b := e.browser()
			if op == "change key" {
				b.visit(write("k", "v"))
			}
			backend.lost = map[string]bool{op: true}
			if res := b.visit(signIn("ada")); res.StatusCode != status {
				t.Fatalf("status %d, want %d", res.StatusCode, status)
			}
			backend.lost = nil
			if status == http.StatusOK {
				b.visit(invalidate)
			}
			again := e.browser()
			if res := again.visit(func(ctx context.Context, s *session.Session) error {
				if err := s.SignIn(ctx, "ada"); err != nil {
					t.Errorf("the next sign-in: %v", err)
				}
				return nil
			}); res.StatusCode != http.StatusOK {
				t.Errorf("the next sign-in: status %d", res.StatusCode)
			}
		})
	}
}

// The same request may try again: nothing of it is in doubt when the look at the
// other sessions has failed.
func TestASignInWhoseLookAtTheOthersFailsCanBeSavedAgain(t *testing.T) {
	for _, op := range []string{"list", "create"} {
		t.Run(op, func(t *testing.T) {
			e := newEnv(t, atMost(1, config.MaxSessionsDeny))
			b := e.browser()
			b.visit(write("k", "v"))
			b.visit(func(ctx context.Context, s *session.Session) error {
				if err := s.SignIn(ctx, "ada"); err != nil {
					return err
				}
				e.spy.fail(errors.New("away"), op)
				if err := s.Sync(ctx); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("while the store is away: %v", err)
				}
				e.spy.fail(nil)
				return s.Sync(ctx)
			})
			b.wantSubject("ada")
		})
	}
}

// A handler that hears from Sync that there is no place left can say so in its
// own words, as it can when SignIn itself says it.
func TestASignInThatLosesItsPlaceIsTheHandlersToAnswer(t *testing.T) {
	e := newEnv(t, atMost(1, config.MaxSessionsDeny))
	b := e.browser()
	b.visit(write("cart", "full"))
	res := b.visit(then(signIn("ada"), func(ctx context.Context, s *session.Session) error {
		e.signedIn("ada")
		if err := s.Sync(ctx); !errors.Is(err, session.ErrTooManySessions) {
			t.Errorf("the save: %v", err)
		}
		return nil
	}))
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d", res.StatusCode)
	}
	b.wantRead("cart", "full")
	b.wantSubject("")
}

// A new ID that the handler has asked for is not the sign-in's alone.
func TestASignInThatLosesItsPlaceTakesNoNewIDBack(t *testing.T) {
	for name, both := range map[string]handler{
		"before": then(cycle, signIn("ada")),
		"after":  then(signIn("ada"), cycle),
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, atMost(1, config.MaxSessionsDeny))
			b := e.browser()
			b.visit(write("cart", "full"))
			old := b.clone()
			b.visit(then(both, func(ctx context.Context, s *session.Session) error {
				e.signedIn("ada")
				if err := s.Sync(ctx); !errors.Is(err, session.ErrTooManySessions) {
					t.Errorf("the save: %v", err)
				}
				return nil
			}))
			b.wantRead("cart", "full")
			old.wantRead("cart", "")
		})
	}
}

// Nor does it leave its terms behind, however often it was asked for.
func TestASignInThatLosesItsPlaceLeavesTheTermsAsTheyWere(t *testing.T) {
	const remembered = 20 * 24 * time.Hour
	e := newEnv(t, atMost(1, config.MaxSessionsDeny))
	b := e.browser()
	b.visit(func(ctx context.Context, s *session.Session) error {
		return s.SignIn(ctx, "ada", session.SignInTTL(remembered))
	})
	b.visit(func(ctx context.Context, s *session.Session) error {
		err := errors.Join(s.SignIn(ctx, "eve", session.SignInTTL(time.Hour)), s.SignIn(ctx, "eve", session.SignInTTL(2*time.Hour)))
		e.signedIn("eve")
		if err := s.Sync(ctx); !errors.Is(err, session.ErrTooManySessions) {
			t.Errorf("the save: %v", err)
		}
		return err
	})
	e.advance(remembered / 2)
	b.wantSubject("ada")
	if lives := b.incoming().ExpiresAt().Sub(e.time()); lives != remembered {
		t.Errorf("it is extended to live for %s", lives)
	}
}

// The oldest is who signed in first, not whose record is the oldest.
func TestAClearDoesNotMakeASignInOlder(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(write("k", "v"))
		e.advance(time.Minute)
		oldest := e.signedIn("ada")
		e.advance(time.Minute)
		b.visit(signIn("ada"))
		b.visit(func(ctx context.Context, s *session.Session) error { return s.Clear(ctx) }) // unread
		e.advance(time.Minute)
		e.signedIn("ada")
		oldest.wantSubject("")
		b.wantSubject("ada")
	}, atMost(2, config.MaxSessionsEvictOldest))
}

// Where the clocks of two instances differ, whoever signs in is signed in.
func TestASignInOnAnInstanceWhoseClockIsBehind(t *testing.T) {
	e := newEnv(t)
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{testKey}
	atMost(1, config.MaxSessionsEvictOldest)(&cfg)
	ahead, err := session.NewManager(cfg, store.New(e.spy), session.WithClock(func() time.Time { return e.time().Add(time.Second) }))
	if err != nil {
		t.Fatal(err)
	}
	e.Manager = e.managerOver(store.New(e.spy), cfg)
	first := e.browser()
	first.m = ahead
	first.visit(signIn("ada"))
	e.advance(500 * time.Millisecond)
	later := e.signedIn("ada")
	later.wantSubject("ada")
}

// A client that goes away while its turn is taken gives it back.
func TestATurnWhoseRequestIsCancelled(t *testing.T) {
	e := newEnv(t)
	backend := &cancelling{spy: e.spy}
	e.over(backend, atMost(1, config.MaxSessionsDeny), impatient)
	ctx, cancel := context.WithCancel(t.Context())
	backend.cancel = cancel
	s := e.New(nil)
	e.must(s.SignIn(t.Context(), "ada"))
	if err := s.Sync(ctx); err == nil { // it went through, and has the place
		e.must(second(e.RevokeAll(t.Context(), "ada")))
	}
	b := e.browser()
	if res := b.visit(signIn("ada")); res.StatusCode != http.StatusOK {
		t.Errorf("the next sign-in: status %d", res.StatusCode)
	}
}

// cancelling is a backend whose first Create is done, and cancelled before its
// answer has come.
type cancelling struct {
	*spy
	once   sync.Once
	cancel func()
}

func (c *cancelling) Create(ctx context.Context, key store.Key, rec store.Record) error {
	err := c.spy.Create(ctx, key, rec)
	c.once.Do(func() {
		c.cancel()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	})
	return err
}

// A sign-in that is done is bounded, whether or not its client waits.
func TestAnEvictionWhoseRequestIsCancelled(t *testing.T) {
	e := newEnv(t, atMost(1, config.MaxSessionsEvictOldest))
	first := e.signedIn("ada")
	e.advance(time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	b := e.browser()
	b.visit(func(_ context.Context, s *session.Session) error {
		if err := s.SignIn(ctx, "ada"); err != nil {
			return err
		}
		lists := 0
		e.spy.intercept(func(op string) error {
			if op == "list" {
				if lists++; lists == 2 { // the first is before the sign-in is stored
					cancel()
				}
			}
			return nil
		})
		return s.Sync(ctx)
	})
	e.spy.fail(nil)
	b.wantSubject("ada")
	first.wantSubject("")
}

// A save that is tried again knows the record of the first try for its own.
func TestADeniedSignInThatIsSavedAgain(t *testing.T) {
	e := newEnv(t)
	backend := &lossy{spy: e.spy}
	e.over(backend, atMost(1, config.MaxSessionsDeny))
	b := e.browser()
	b.visit(func(ctx context.Context, s *session.Session) error {
		if err := s.SignIn(ctx, "ada"); err != nil {
			return err
		}
		backend.lost = map[string]bool{"create": true}
		if err := s.Sync(ctx); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("the first save: %v", err)
		}
		backend.lost = nil
		return s.Sync(ctx)
	})
	b.wantSubject("ada")
}

// The limit holds on the way of a session that is renewed as on that of a new one.
func TestTheLimitHoldsForASessionThatIsRenewed(t *testing.T) {
	for _, policy := range []config.MaxSessionsPolicy{config.MaxSessionsEvictOldest, config.MaxSessionsDeny} {
		t.Run(string(policy), func(t *testing.T) {
			e := newEnv(t, atMost(1, policy))
			first := e.signedIn("ada")
			e.advance(time.Second)
			old := first.key()
			if res := first.visit(signIn("ada")); res.StatusCode != http.StatusOK || first.key() == old {
				t.Errorf("signed in again: status %d", res.StatusCode)
			}
			e.must(e.Revoke(t.Context(), "ada", first.key()))

			e.advance(2 * time.Minute)
			b := e.browser()
			b.visit(write("k", "v"))
			var other *browser
			res := b.visit(then(signIn("ada"), func(context.Context, *session.Session) error {
				other = e.signedIn("ada")
				e.advance(time.Second)
				return nil
			}))
			if policy == config.MaxSessionsDeny {
				b.wantSubject("")
				other.wantSubject("ada")
			} else {
				b.wantSubject("ada")
				other.wantSubject("")
			}
			if got := len(e.browser().devices("ada")); got != 1 {
				t.Errorf("status %d, and %d sessions", res.StatusCode, got)
			}
		})
	}
}

// Subjects wait for themselves alone.
func TestATurnIsOneSubjectsOwn(t *testing.T) {
	e := newEnv(t, atMost(1, config.MaxSessionsDeny))
	waited := false
	e.spy.intercept(func(op string) error {
		if op == "list" && !waited { // ada's turn, in mid-sign-in
			waited = true
			e.signedIn("bob").wantSubject("bob")
		}
		return nil
	})
	b := e.browser()
	b.visit(then(func(context.Context, *session.Session) error { waited = true; return nil }, signIn("ada"),
		func(context.Context, *session.Session) error { waited = false; return nil }))
	if !waited {
		t.Error("bob did not sign in meanwhile")
	}
	b.wantSubject("ada")
}

// A record that an attempt may have left behind is the session's own, also after
// one that came to nothing: it does not take the place that it is for.
func TestASignInDoesNotStandInItsOwnWay(t *testing.T) {
	e := newEnv(t, atMost(1, config.MaxSessionsDeny))
	syncInDoubt := e.losing()
	b := e.browser()
	b.visit(then(signIn("ada"), func(ctx context.Context, s *session.Session) error {
		e.spy.fail(errors.New("away"), "delete") // so that nothing is taken back
		if err := syncInDoubt(ctx, s); err != nil {
			return err
		}
		e.advance(time.Minute) // the turn is over
		e.spy.fail(errors.New("away"))
		if err := s.Sync(ctx); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("while the store is away: %v", err)
		}
		e.spy.fail(nil)
		return nil
	}))
	b.wantSubject("ada")
}

// And a session that nobody has given a new ID keeps the one that it has.
func TestASignInThatLosesItsPlaceLeavesTheIDAsItWas(t *testing.T) {
	e := newEnv(t, atMost(1, config.MaxSessionsDeny))
	b := e.browser()
	b.visit(write("cart", "full"))
	tab := b.clone()
	b.wantCookie(b.visit(then(signIn("ada"), func(ctx context.Context, s *session.Session) error {
		e.signedIn("ada")
		if err := s.Sync(ctx); !errors.Is(err, session.ErrTooManySessions) {
			t.Errorf("the save: %v", err)
		}
		return nil
	})), noCookie)
	tab.wantRead("cart", "full")
}

// Sessions of which no more is known than that they were there are as many as
// they are, and as old as their records.
func TestSignInsOfWhichNothingIsKnownCount(t *testing.T) {
	clearUnread := func(ctx context.Context, s *session.Session) error { return s.Clear(ctx) }
	e := newEnv(t)
	limited := e.manager(atMost(2, config.MaxSessionsEvictOldest))
	oldest := e.signedIn("ada")
	e.advance(time.Minute)
	unknown := e.signedIn("ada")
	unknown.visit(clearUnread) // before there was a limit
	e.advance(time.Minute)
	b := e.browser()
	b.m = limited
	b.visit(signIn("ada"))
	oldest.wantSubject("")

	b.visit(clearUnread)
	e.advance(time.Minute)
	last := e.browser()
	last.m = limited
	last.visit(signIn("ada"))
	unknown.wantSubject("")
	b.wantSubject("ada")
	last.wantSubject("ada")
}
