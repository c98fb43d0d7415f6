package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// remaining is the TTL of the browser's record, to the minute.
func (b *browser) remaining() time.Duration {
	b.e.Helper()
	rec, err := b.e.spy.Backend.Load(b.e.Context(), b.incoming().ID().Key())
	if err != nil {
		b.e.Fatal(err)
	}
	return rec.TTL.Round(time.Minute)
}

func load(ctx context.Context, s *session.Session) error { return s.Load(ctx) }

func readClientKeys(ctx context.Context, s *session.Session) error {
	_, err := s.Client().Keys(ctx)
	return err
}

func readClientOne(ctx context.Context, s *session.Session) error {
	var v string
	_, err := s.Client().Get(ctx, "k", &v)
	return err
}

// ttl10h makes ten hours the TTL, so that the default threshold is two hours
// after the beginning.
func ttl10h(cfg *config.SessionConfig) { cfg.State.TTL = 10 * time.Hour }

func TestA14_RecordAndCookieAreExtendedTogetherBelowTheThreshold(t *testing.T) {
	for name, c := range map[string]struct {
		handle  handler
		calls   []string // above the threshold
		touched []string // below it
	}{
		"a load":                   {load, []string{"load"}, []string{"load", "update"}},
		"a write":                  {write("k", "w"), []string{"update"}, []string{"update"}},
		"a read of client state":   {readClientKeys, nil, []string{"update"}},
		"a clear":                  {func(ctx context.Context, s *session.Session) error { return s.Clear(ctx) }, []string{"update"}, []string{"update"}},
		"a get of client state":    {readClientOne, nil, []string{"update"}},
		"a write of client state":  {writeClient("k", "w"), []string{"load"}, []string{"update"}},
		"a read and a write":       {then(load, write("k", "w")), []string{"load", "update"}, []string{"load", "update"}},
		"a new ID":                 {cycle, []string{"change key"}, []string{"change key"}},
		"a new ID and a write":     {then(cycle, write("k", "w")), []string{"change key"}, []string{"change key"}},
		"a removal of what is not": {func(ctx context.Context, s *session.Session) error { return s.Remove(ctx, "x") }, []string{"update"}, []string{"update"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachBackend(t, func(e *env) {
				b := e.browser()
				b.visit(write("k", "v"))
				end := b.incoming().ExpiresAt()
				e.advance(2 * time.Hour) // 0.8 remain, which is not less than 0.8
				e.calls()
				b.visit(c.handle)
				e.wantCalls(c.calls...)
				if !b.incoming().ExpiresAt().Equal(end) || b.remaining() != 8*time.Hour {
					t.Errorf("above the threshold: the cookie ends %v, the record lives %v", b.incoming().ExpiresAt(), b.remaining())
				}
				e.advance(time.Minute)
				e.calls()
				res := b.visit(c.handle)
				e.wantCalls(c.touched...)
				b.wantCookie(res, aCookie)
				if want := e.time().Add(10 * time.Hour); !b.incoming().ExpiresAt().Equal(want) || b.remaining() != 10*time.Hour {
					t.Errorf("below the threshold: the cookie ends %v, want %v; the record lives %v", b.incoming().ExpiresAt(), want, b.remaining())
				}
				if c := b.setCookie(res); c.MaxAge != 10*60*60 {
					t.Errorf("Max-Age is %d", c.MaxAge)
				}
				e.calls()
				b.visit(c.handle)
				e.wantCalls(c.calls...)
			}, ttl10h)
		})
	}
}

func TestA14_AnUntouchedSessionIsNotExtended(t *testing.T) {
	e := newEnv(t, ttl10h)
	b := e.browser()
	b.visit(write("k", "v"))
	e.advance(9 * time.Hour)
	e.calls()
	b.wantCookie(b.visit(nothing), noCookie)
	e.wantCalls()
}

func TestA14_ThresholdsAtTheEnds(t *testing.T) {
	for _, c := range []struct {
		threshold float64
		cookie    change
	}{{1, aCookie}, {0, noCookie}} {
		t.Run(fmt.Sprint(c.threshold), func(t *testing.T) {
			eachBackend(t, func(e *env) {
				b := e.browser()
				b.visit(write("k", "v"))
				for range 3 {
					e.advance(time.Minute)
					b.wantCookie(b.visit(load), c.cookie)
				}
				if c.threshold == 0 {
					e.advance(10 * time.Hour)
					b.wantCookie(b.visit(load), aRemoval)
				}
			}, ttl10h, func(cfg *config.SessionConfig) { cfg.State.TTLExtensionThreshold = c.threshold })
		})
	}
}

func TestA14_OnStateChangesAReadExtendsNothing(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(write("k", "v"), writeClient("k", "v")))
		e.advance(5 * time.Hour)
		e.calls()
		b.wantCookie(b.visit(then(load, readClientKeys)), noCookie)
		e.wantCalls("load")
		b.wantCookie(b.visit(write("k", "w")), aCookie)
		e.advance(5 * time.Hour)
		b.wantCookie(b.visit(writeClient("k", "w")), aCookie)
		if b.remaining() != 10*time.Hour {
			t.Errorf("after a change of client state the record lives %v", b.remaining())
		}
	}, ttl10h, func(cfg *config.SessionConfig) { cfg.State.ExtendTTL = config.ExtendTTLOnStateChanges })
}

func TestA14_ASessionWithoutARecordIsExtendedToo(t *testing.T) {
	e := newEnv(t, ttl10h, func(cfg *config.SessionConfig) {
		cfg.State.ServerStateCreation = config.ServerStateCreationSkipIfEmpty
	})
	b := e.browser()
	b.visit(writeClient("k", "v"))
	e.advance(5 * time.Hour)
	b.wantCookie(b.visit(readClientKeys), aCookie)
	if want := e.time().Add(10 * time.Hour); !b.incoming().ExpiresAt().Equal(want) {
		t.Errorf("the cookie ends %v, want %v", b.incoming().ExpiresAt(), want)
	}
	e.wantCalls()
}

func TestA14_APastCookieOpensNothing(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(write("k", "v"), writeClient("k", "v")))
		id := b.incoming().ID()
		// Another instance has kept the record alive, the cookie got lost.
		if err := e.spy.Update(t.Context(), id.Key(), store.Change{TTL: 100 * time.Hour}); err != nil {
			t.Fatal(err)
		}
		e.advance(10 * time.Hour)
		e.calls()
		b.wantCookie(b.serve(then(load, readClientKeys)), aRemoval)
		e.wantCalls()
		b.visit(write("k", "w"))
		e.wantCalls("create")
		if b.incoming().ID() == id {
			t.Error("the ID of a cookie past its expiry was adopted")
		}
	}, ttl10h)
}

func TestA14_AnExtensionThatFailsDoesNotFailTheResponse(t *testing.T) {
	e := newEnv(t, ttl10h)
	b := e.browser()
	b.visit(write("k", "v"))
	e.advance(5 * time.Hour)
	e.spy.fail(errors.New("down"), "update")
	res := b.visit(load)
	if res.StatusCode != 200 {
		t.Errorf("status %d", res.StatusCode)
	}
	b.wantCookie(res, noCookie)
	e.spy.fail(nil)
	b.wantCookie(b.visit(load), aCookie)
}

func TestA14_ASessionThatExpiresDuringItsRequestIsOver(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(write("k", "v"), writeClient("k", "v")))
		old := b.incoming().ID()
		res := b.visit(func(ctx context.Context, s *session.Session) error {
			err := load(ctx, s)
			e.advance(10 * time.Hour)
			return errors.Join(err, s.Set(ctx, "new", "1"))
		})
		b.wantCookie(res, aCookie)
		if b.incoming().ID() == old {
			t.Error("the session goes on under its ID")
		}
		b.wantRead("k", "")
		b.wantRead("new", "1")
	}, ttl10h)
}

// The cookie that a slow request came with is not the last word: another request
// may have extended the session since.
func TestD2_ASlowRequestThatCrossesTheExpiryOfItsCookieEndsNothing(t *testing.T) {
	for name, late := range map[string]handler{
		"reads": load, "writes": write("late", "1"), "writes client state": writeClient("late", "1"), "renews": cycle,
	} {
		t.Run(name, func(t *testing.T) {
			eachBackend(t, func(e *env) {
				b := e.browser()
				b.visit(signIn("ada"))
				e.advance(10*time.Hour - time.Minute)
				slow := b.serve(func(ctx context.Context, s *session.Session) error {
					err := load(ctx, s)
					b.wantCookie(b.visit(load), aCookie) // extends
					e.advance(2 * time.Minute)
					return errors.Join(err, late(ctx, s))
				})
				if slow.StatusCode != http.StatusOK {
					t.Errorf("status %d", slow.StatusCode)
				}
				b.receive(slow)
				if got := b.subject(); got != "ada" {
					t.Errorf("%q is signed in", got)
				}
			}, ttl10h)
		})
	}
}

// Nor does a request that lasts longer than the marks of what has ended.
func TestD2_ARequestThatOutlastsTheMarksUndoesNoSignIn(t *testing.T) {
	for name, late := range map[string]handler{
		"reads": load, "writes": write("late", "1"), "renews": cycle, "deletes": func(_ context.Context, s *session.Session) error { return s.Delete() },
	} {
		for _, read := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, has read %t", name, read), func(t *testing.T) {
				e := newEnv(t)
				b := e.browser()
				b.visit(write("k", "v"))
				slow := b.serve(func(ctx context.Context, s *session.Session) (err error) {
					if read {
						err = load(ctx, s)
					} else {
						_, err = s.Client().Keys(ctx)
					}
					b.visit(signIn("ada"))
					e.advance(store.Grace + time.Second)
					return errors.Join(err, late(ctx, s))
				})
				b.wantCookie(slow, noCookie)
				b.receive(slow)
				if got := b.subject(); got != "ada" {
					t.Errorf("%q is signed in", got)
				}
			})
		}
	}
}

func lifetime24h(cfg *config.SessionConfig) { cfg.State.MaxLifetime = 24 * time.Hour }

func TestA15_NothingOutlivesTheAbsoluteLifetime(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(write("k", "v"), writeClient("k", "v")))
		end := e.time().Add(24 * time.Hour)
		for _, handle := range []handler{load, write("k", "v"), cycle} {
			e.advance(7 * time.Hour)
			b.visit(handle)
			if b.incoming().ExpiresAt().After(end) {
				t.Fatalf("the cookie ends %v after the lifetime", b.incoming().ExpiresAt().Sub(end))
			}
		}
		if got := b.remaining(); got != 3*time.Hour {
			t.Errorf("with three hours of the lifetime left the record lives %v", got)
		}
		// At the cap there is nothing to extend, and so no cookie and no call.
		e.calls()
		b.wantCookie(b.visit(load), noCookie)
		e.wantCalls("load")
		e.advance(3 * time.Hour)
		for name, handle := range map[string]handler{
			"a read": load, "a read of client state": readClientKeys, "a new ID": cycle,
		} {
			late := b.clone()
			late.wantCookie(late.visit(handle), aRemoval)
			if late.cookie != nil {
				t.Errorf("%s: the session lives", name)
			}
		}
		old := b.incomingEvenIfOver()
		b.visit(write("new", "1")) // which loads nothing
		if in := b.incoming(); in.ID() == old || !in.BeganAt().Equal(e.time()) {
			t.Error("a write past the absolute lifetime goes on with the session")
		}
		b.wantRead("k", "")
	}, ttl10h, lifetime24h)
}

// incomingEvenIfOver is the ID that no Manager gives any more.
func (b *browser) incomingEvenIfOver() session.ID {
	b.e.Helper()
	now := b.e.now
	defer func() { b.e.now = now }()
	b.e.now = now.Add(-time.Hour)
	return b.incoming().ID()
}

func TestA15_SignInBeginsTheLifetimeAnew(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(write("k", "v"))
		for range 3 {
			e.advance(7 * time.Hour)
			b.visit(load)
		}
		b.visit(signIn("ada"))
		in := b.incoming()
		if !in.BeganAt().Equal(e.time()) || !in.ExpiresAt().Equal(e.time().Add(10*time.Hour)) || b.remaining() != 10*time.Hour {
			t.Errorf("after sign-in it began %v, ends %v, the record lives %v", in.BeganAt(), in.ExpiresAt(), b.remaining())
		}
		b.wantRead("k", "v")
	}, ttl10h, lifetime24h)
}

func TestA15_AShorterLifetimeCountsForSessionsThatAreThere(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("k", "v"))
	e.advance(3 * time.Hour)
	b.m = e.manager(func(cfg *config.SessionConfig) { cfg.State.TTL, cfg.State.MaxLifetime = time.Hour, 2*time.Hour })
	b.wantCookie(b.visit(load), aRemoval)
}

func TestA15_ZeroIsNoLimit(t *testing.T) {
	e := newEnv(t, ttl10h, func(cfg *config.SessionConfig) { cfg.State.MaxLifetime = 0 })
	b := e.browser()
	b.visit(write("k", "v"))
	for range 200 {
		e.advance(9 * time.Hour)
		b.visit(load)
	}
	b.wantRead("k", "v")
}

// A clock that was ahead, this instance's or another's, has given the cookie an
// expiry of which the store knows nothing.
func TestA14_ASessionInUseOutlivesAClockThatGoesBack(t *testing.T) {
	for name, by := range map[string]time.Duration{"by an hour": time.Hour, "by most of a TTL": 7 * time.Minute} {
		for what, row := range map[string]struct {
			begin, visit handler
			read         func(b *browser) string
		}{
			"read":                   {write("k", "v"), load, func(b *browser) string { return b.read("k") }},
			"renewed":                {write("k", "v"), cycle, func(b *browser) string { return b.read("k") }},
			"of client state, alone": {writeClient("k", "v"), readClientKeys, func(b *browser) string { return b.readClient("k") }},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				e := newEnv(t, func(cfg *config.SessionConfig) {
					cfg.State.TTL = 10 * time.Minute
					cfg.State.ServerStateCreation = config.ServerStateCreationSkipIfEmpty
				})
				b := e.browser()
				b.visit(row.begin)
				e.skew(-by)
				for range 30 {
					e.advance(time.Minute)
					b.visit(row.visit)
				}
				if got := row.read(b); got != "v" {
					t.Errorf("k is %q", got)
				}
			})
		}
	}
}

// A lifetime that has become shorter ends sessions before anybody sees what is
// in them.
func TestA15_NothingOfASessionPastAShorterLifetimeIsShown(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(then(write("k", "v"), writeClient("k", "v")))
	e.advance(3 * time.Hour)
	b.m = e.manager(func(cfg *config.SessionConfig) { cfg.State.TTL, cfg.State.MaxLifetime = time.Hour, 2*time.Hour })
	b.visit(func(ctx context.Context, s *session.Session) error {
		held, err := s.Keys(ctx)
		kept, err2 := s.Client().Keys(ctx)
		if len(held) > 0 || len(kept) > 0 {
			t.Errorf("the handler sees %q and %q", held, kept)
		}
		return errors.Join(err, err2)
	})
}

func TestA15_SignInOfASessionWithoutARecordBeginsTheLifetimeAnew(t *testing.T) {
	e := newEnv(t, ttl10h, lifetime24h, func(cfg *config.SessionConfig) {
		cfg.State.ServerStateCreation = config.ServerStateCreationSkipIfEmpty
	})
	b := e.browser()
	b.visit(writeClient("k", "v"))
	for range 3 {
		e.advance(7 * time.Hour)
		b.visit(readClientKeys)
	}
	b.visit(signIn("ada"))
	if in := b.incoming(); !in.BeganAt().Equal(e.time()) {
		t.Errorf("it began %s ago", e.time().Sub(in.BeganAt()))
	}
}

// What a stream reads and writes late extends no record whose cookie cannot
// follow.
func TestA14_NothingIsExtendedAfterTheFirstByte(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(write("k", "v"))
		e.advance(5 * time.Hour)
		b.serveHTTP(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "first byte")
			ctx, s := r.Context(), session.FromContext(r.Context())
			if err := errors.Join(load(ctx, s), s.Set(ctx, "late", "1")); err != nil {
				t.Error(err)
			}
		})
		if got := b.remaining(); got != 5*time.Hour {
			t.Errorf("the record lives %s", got)
		}
	}, ttl10h)
}

// skew makes the clock another instance's, which is ahead by d.
func (e *env) skew(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = e.now.Add(d)
}

// A request on an instance whose clock is a little behind has nothing to tell the
// client, however young the session is.
func TestD2_AClockThatIsBehindMakesNoReadUndoASignIn(t *testing.T) {
	for name, handle := range map[string]handler{"a read": load, "a read of client state": readClientKeys} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			b := e.browser()
			e.skew(2 * time.Second)
			b.visit(write("k", "v"))
			e.skew(-2 * time.Second)
			slow := b.serve(then(handle, func(context.Context, *session.Session) error {
				e.skew(2 * time.Second)
				b.visit(signIn("ada"))
				e.skew(-2 * time.Second)
				return nil
			}))
			b.wantCookie(slow, noCookie)
			if got := b.subject(); got != "ada" {
				t.Errorf("%q is signed in", got)
			}
		})
	}
}

// A reader whose cookie expires under it leaves the client's cookie alone: it may
// be a newer one.
func TestD2_AReaderThatOutlivesItsCookieTakesNoOtherAway(t *testing.T) {
	for name, row := range map[string]struct {
		begin, read  handler
		before, late time.Duration
	}{
		"of a record":           {write("k", "v"), load, 30 * time.Second, store.Grace + time.Second},
		"of client state alone": {writeClient("k", "v"), readClientKeys, time.Second, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, ttl10h, func(cfg *config.SessionConfig) {
				cfg.State.ServerStateCreation = config.ServerStateCreationSkipIfEmpty
			})
			b := e.browser()
			b.visit(row.begin)
			e.advance(10*time.Hour - row.before)
			slow := b.serve(then(row.read, func(context.Context, *session.Session) error {
				b.visit(signIn("ada"))
				e.advance(row.late)
				return nil
			}))
			b.wantCookie(slow, noCookie)
			if got := b.subject(); got != "ada" {
				t.Errorf("%q is signed in", got)
			}
		})
	}
}

// Where missing records are allowed, one that the request has seen is not missing:
// it was ended.
func TestD2_ARecordThatWasSeenIsNotAllowedToBeMissing(t *testing.T) {
	e := newEnv(t, func(cfg *config.SessionConfig) { cfg.State.MissingServerState = config.MissingServerStateAllow })
	b := e.browser()
	b.visit(write("k", "v"))
	slow := b.serve(then(load, func(context.Context, *session.Session) error {
		b.visit(signIn("ada"))
		e.advance(store.Grace + time.Second)
		return nil
	}, write("late", "1")))
	if slow.StatusCode != http.StatusConflict {
		t.Errorf("status %d", slow.StatusCode)
	}
	b.wantCookie(slow, noCookie)
	if got := b.subject(); got != "ada" {
		t.Errorf("%q is signed in", got)
	}
}

// A session that is never extended is not, not even by a clock that is ahead.
func TestA14_AThresholdOfZeroExtendsNothingWhateverTheClock(t *testing.T) {
	for name, handle := range map[string]handler{"a read": load, "a new ID": cycle} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, ttl10h, func(cfg *config.SessionConfig) { cfg.State.TTLExtensionThreshold = 0 })
			b := e.browser()
			b.visit(write("k", "v"))
			end := b.incoming().ExpiresAt()
			e.skew(2 * time.Second)
			e.advance(10*time.Hour - 3*time.Second)
			b.visit(then(handle, func(context.Context, *session.Session) error {
				e.advance(1500 * time.Millisecond)
				return nil
			}))
			e.skew(-2 * time.Second)
			if b.cookie != nil && b.incoming().ExpiresAt().After(end) {
				t.Errorf("it was extended by %s", b.incoming().ExpiresAt().Sub(end))
			}
		})
	}
}

// A record whose ID this request has made itself, and which the store has lost, is
// one that was lost, however long the request lasts.
func TestA17_ARecordThatIsLostUnderTheRequestThatMadeItsIDIsMadeAnew(t *testing.T) {
	for name, begin := range map[string]handler{"created": write("k", "v"), "renewed": then(load, cycle)} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			b := e.browser()
			if name == "renewed" {
				b.visit(write("k", "v"))
			}
			res := b.visit(func(ctx context.Context, s *session.Session) error {
				_, err := s.Client().Keys(ctx) // the cookie is opened
				e.advance(store.Grace + time.Second)
				err = errors.Join(err, begin(ctx, s), s.Sync(ctx))
				lost := false
				e.spy.intercept(func(op string) error {
					if op == "update" && !lost {
						lost = true
						return store.ErrNotFound
					}
					return nil
				})
				return errors.Join(err, s.Set(ctx, "later", "1"))
			})
			if res.StatusCode != http.StatusOK {
				t.Errorf("status %d", res.StatusCode)
			}
			b.wantRead("later", "1")
		})
	}
}

// Clocks that differ by a little make no difference.
func TestA14_AClockThatIsALittleBehindExtendsNothing(t *testing.T) {
	e := newEnv(t, ttl10h)
	b := e.browser()
	b.visit(write("k", "v"))
	e.skew(-time.Hour)
	e.calls()
	b.wantCookie(b.visit(load), noCookie)
	e.wantCalls("load")
}

// A new ID is a change.
func TestA14_OnStateChangesANewIDExtends(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(write("k", "v"))
		e.advance(3 * time.Hour)
		b.visit(load)
		if got := b.remaining(); got != 7*time.Hour {
			t.Errorf("after a read %s remain", got)
		}
		b.visit(cycle)
		if got := b.remaining(); got != 10*time.Hour {
			t.Errorf("with a new ID %s remain", got)
		}
	}, ttl10h, func(cfg *config.SessionConfig) { cfg.State.ExtendTTL = config.ExtendTTLOnStateChanges })
}

// A request that lists devices has not used its session: it only says which one
// is its own.
func TestA14_AListOfDevicesExtendsNothing(t *testing.T) {
	e := newEnv(t, ttl10h)
	b := e.signedIn("ada")
	e.advance(3 * time.Hour)
	e.calls()
	b.wantCookie(b.visit(func(ctx context.Context, _ *session.Session) error {
		list, err := e.Sessions(ctx, "ada")
		if len(list) != 1 || !list[0].Current {
			t.Errorf("the list is %v", list)
		}
		return err
	}), noCookie)
	e.wantCalls("list")
}

// Whoever was signed in with a record that has gone is not signed in any more.
func TestA17_ASubjectGoesWithItsRecord(t *testing.T) {
	e := newEnv(t)
	b := e.signedIn("ada")
	b.visit(func(ctx context.Context, s *session.Session) error {
		if got, err := s.Subject(ctx); got != "ada" || err != nil {
			t.Errorf("before: %q, %v", got, err)
		}
		e.advance(25 * time.Hour)
		if err := errors.Join(s.Remove(ctx, "k"), s.Sync(ctx)); err != nil {
			return err
		}
		got, err := s.Subject(ctx)
		if got != "" {
			t.Errorf("after: %q is signed in", got)
		}
		return err
	})
}

// A read of server state touches a session that has none, too.
func TestA14_AReadExtendsASessionWithoutARecord(t *testing.T) {
	e := newEnv(t, ttl10h, func(cfg *config.SessionConfig) {
		cfg.State.ServerStateCreation = config.ServerStateCreationSkipIfEmpty
	})
	b := e.browser()
	b.visit(writeClient("theme", "dark"))
	e.advance(3 * time.Hour)
	b.wantRead("k", "")
	if got := b.incoming().ExpiresAt().Sub(e.time()); got != 10*time.Hour {
		t.Errorf("the session lives for %s", got)
	}
	e.wantCalls()
}
