package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testbackends"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

func TestA1_AFreshSessionIsEmptyOnBothSides(t *testing.T) {
	eachBackend(t, func(e *env) {
		e.browser().visit(func(ctx context.Context, s *session.Session) error {
			for side, state := range map[string]interface {
				session.State
				Get(context.Context, string, any) (bool, error)
				Pop(context.Context, string, any) (bool, error)
				IsEmpty(context.Context) (bool, error)
				Keys(context.Context) ([]string, error)
			}{"server": s, "client": s.Client()} {
				v := "as it was"
				if ok, err := state.Get(ctx, "missing", &v); ok || err != nil || v != "as it was" {
					t.Errorf("%s: Get = %v, %v and %q", side, ok, err, v)
				}
				if ok, err := state.Pop(ctx, "missing", &v); ok || err != nil {
					t.Errorf("%s: Pop = %v, %v", side, ok, err)
				}
				if empty, err := state.IsEmpty(ctx); !empty || err != nil {
					t.Errorf("%s: IsEmpty = %v, %v", side, empty, err)
				}
				if keys, err := state.Keys(ctx); len(keys) != 0 || err != nil {
					t.Errorf("%s: Keys = %v, %v", side, keys, err)
				}
				if n, ok, err := session.NewField[int]("missing").Get(ctx, state); n != 0 || ok || err != nil {
					t.Errorf("%s: Field.Get = %v, %v, %v", side, n, ok, err)
				}
			}
			if who, err := s.Subject(ctx); who != "" || err != nil {
				t.Errorf("Subject = %q, %v", who, err)
			}
			return nil
		})
	})
}

func TestA2_AWriteIsReadableAtOnceAndTheSidesNeverMix(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		check := func(ctx context.Context, s *session.Session) error {
			var server, client string
			s.Get(ctx, "k", &server)
			s.Client().Get(ctx, "k", &client)
			if server != "server" || client != "client" {
				t.Errorf("k is %q on the server and %q on the client", server, client)
			}
			return nil
		}
		b.visit(then(write("k", "server"), writeClient("k", "client"), check))
		b.visit(check)
		b.visit(then(func(ctx context.Context, s *session.Session) error { return s.Client().Remove(ctx, "k") }))
		b.wantRead("k", "server")
		if got := b.readClient("k"); got != "" {
			t.Errorf("the client's k is %q after it was removed", got)
		}
	})
}

func TestA3_OverwriteRemoveAndClear(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(func(ctx context.Context, s *session.Session) error {
			return errors.Join(s.Clear(ctx), s.Remove(ctx, "a"), s.Client().Clear(ctx), s.Client().Remove(ctx, "a"))
		})
		e.wantCalls()
		b.visit(then(write("a", "1"), write("a", "2"), write("b", "1"), write("c", "1"), writeClient("a", "1"), writeClient("b", "1")))
		b.wantRead("a", "2")
		b.visit(func(ctx context.Context, s *session.Session) error {
			return errors.Join(s.Remove(ctx, "b"), s.Remove(ctx, "never there"))
		})
		b.visit(func(ctx context.Context, s *session.Session) error {
			keys, err := s.Keys(ctx)
			if fmt.Sprint(keys) != "[a c]" {
				t.Errorf("keys are %v", keys)
			}
			return err
		})
		b.visit(func(ctx context.Context, s *session.Session) error {
			if err := errors.Join(s.Clear(ctx), s.Client().Clear(ctx), s.Set(ctx, "d", "1")); err != nil {
				return err
			}
			keys, err := s.Keys(ctx)
			if fmt.Sprint(keys) != "[d]" {
				t.Errorf("keys are %v in the request that cleared", keys)
			}
			return err
		})
		b.wantRead("a", "")
		b.wantRead("d", "1")
		b.visit(then(write("e", "1"), func(ctx context.Context, s *session.Session) error {
			return errors.Join(s.Remove(ctx, "d"), s.Clear(ctx))
		}, write("f", "1")))
		b.wantRead("e", "")
		b.wantRead("f", "1")
		if got := b.readClient("a"); got != "" {
			t.Errorf("the client state is %q after Clear", got)
		}
	})
}

// What a *ValueError says: in English, for a type that begins with a vowel too.
func TestTheMessagesOfValueErrors(t *testing.T) {
	s := newEnv(t).New(nil)
	var number *int
	_, pop := s.Pop(t.Context(), "n", number)
	_, value := s.Get(t.Context(), "n", 1)
	_, client := s.Client().Get(t.Context(), "n", nil)
	if err := s.Set(t.Context(), "n", "text"); err != nil {
		t.Fatal(err)
	}
	_, _, typed := session.NewField[int]("n").Get(t.Context(), s)
	for want, err := range map[string]error{
		`session: server state "n": the target must be a non-nil pointer, not a nil *int`:  pop,
		`session: server state "n": the target must be a non-nil pointer, not of type int`: value,
		`session: client state "n": the target must be a non-nil pointer, not nil`:         client,
		`session: server state "n": the stored value does not decode into type int`:        typed,
		`session: server state "n": a value of type func() cannot be encoded as JSON`:      s.Set(t.Context(), "n", func() {}),
	} {
		if err == nil || err.Error() != want || !errors.Is(err, session.ErrInvalidValue) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestA4_AValueOfTheWrongTypeIsAnErrorThatNamesKeyAndSideAndChangesNothing(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	const secret = 987654321
	b.visit(then(write("n", secret), writeClient("n", secret)))
	b.visit(func(ctx context.Context, s *session.Session) error {
		for side, state := range map[string]session.State{"server": s, "client": s.Client()} {
			check := func(what string, err error) {
				t.Helper()
				var value *session.ValueError
				if !errors.As(err, &value) || !errors.Is(err, session.ErrInvalidValue) {
					t.Errorf("%s %s: %v is no ValueError", side, what, err)
					return
				}
				if text := err.Error(); !strings.Contains(text, side) || !strings.Contains(text, `"n"`) || strings.Contains(text, "987654321") {
					t.Errorf("%s %s: %q", side, what, text)
				}
			}
			small := int8(7)
			getter := state.(interface {
				Get(context.Context, string, any) (bool, error)
				Pop(context.Context, string, any) (bool, error)
				Set(context.Context, string, any) error
				SetRaw(context.Context, string, json.RawMessage) error
			})
			ok, err := getter.Get(ctx, "n", &small)
			check("Get", err)
			if ok || small != 7 {
				t.Errorf("Get = %v and left %d", ok, small)
			}
			_, err = getter.Get(ctx, "n", nil)
			check("Get into nil", err)
			_, err = getter.Get(ctx, "n", small)
			check("Get into what is no pointer", err)
			ok, err = getter.Pop(ctx, "n", &small)
			check("Pop", err)
			if ok {
				t.Error("Pop took what it could not give")
			}
			_, _, err = session.NewField[[]string]("n").Get(ctx, state)
			check("Field.Get", err)
			check("Field.Update", session.NewField[string]("n").Update(ctx, state, func(s string) (string, error) { return s, nil }))
			check("Set NaN", getter.Set(ctx, "n", math.NaN()))
			check("Set a channel", getter.Set(ctx, "n", make(chan int)))
			check("Set what refuses", getter.Set(ctx, "n", refuses{}))
			check("SetRaw", getter.SetRaw(ctx, "n", json.RawMessage(`{987654321`)))
			check("SetRaw nothing", getter.SetRaw(ctx, "n", nil))
			if n, ok, err := session.NewField[int]("n").Get(ctx, state); n != secret || !ok || err != nil {
				t.Errorf("%s: after it all: %d, %v, %v", side, n, ok, err)
			}
		}
		return nil
	})
}

type refuses struct{}

func (refuses) MarshalJSON() ([]byte, error) { return nil, errors.New("987654321") }

func TestA4_GetReplacesWhatWasInTheVariable(t *testing.T) {
	e := newEnv(t)
	e.browser().visit(func(ctx context.Context, s *session.Session) error {
		v := map[string]int{"stale": 1}
		err := s.Set(ctx, "m", map[string]int{"fresh": 2})
		if _, err := s.Get(ctx, "m", &v); err != nil || len(v) != 1 {
			t.Errorf("Get gave %v, %v", v, err)
		}
		return err
	})
}

func TestA5_AFreshSessionThatHoldsNothingCallsNoStoreAndSendsNoCookie(t *testing.T) {
	read := func(ctx context.Context, s *session.Session) error {
		_, err := s.Keys(ctx)
		return errors.Join(err, s.Load(ctx), func() error { _, err := s.Client().Keys(ctx); return err }())
	}
	wrongly := func(ctx context.Context, s *session.Session) error { return s.Delete() }
	for name, handle := range map[string]handler{
		"untouched":              nothing,
		"read":                   read,
		"cycled":                 cycle,
		"invalidated":            invalidate,
		"signed out":             func(ctx context.Context, s *session.Session) error { return s.SignOut(ctx) },
		"deleted":                wrongly,
		"reset":                  func(_ context.Context, s *session.Session) error { return s.Reset() },
		"synced":                 func(ctx context.Context, s *session.Session) error { return s.Sync(ctx) },
		"written and taken back": then(write("k", 1), func(ctx context.Context, s *session.Session) error { return s.Remove(ctx, "k") }),
		"all of them":            then(read, cycle, wrongly, invalidate),
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			b := e.browser()
			b.wantCookie(b.visit(handle), noCookie)
			e.wantCalls()
		})
	}
}

func TestA6_TheFirstWriteCreatesARecordWithTheTTLUnderAnIDOfItsOwn(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.wantCookie(b.visit(write("k", "v")), aCookie)
		e.wantCalls("create")
		in := b.incoming()
		if !in.HasRecord() || !in.ExpiresAt().Equal(e.time().Add(time.Hour)) || !in.BeganAt().Equal(e.time()) {
			t.Errorf("the cookie says record %v, began %v, expires %v", in.HasRecord(), in.BeganAt(), in.ExpiresAt())
		}
		rec, err := e.spy.Load(t.Context(), in.ID().Key())
		if err != nil || rec.TTL > time.Hour || rec.TTL < time.Hour-time.Minute || string(rec.State["k"]) != `"v"` {
			t.Errorf("the record is %v, %v", rec, err)
		}
		other := e.browser()
		other.visit(write("k", "other"))
		if other.incoming().ID() == in.ID() {
			t.Error("two sessions have one ID")
		}
		b.wantRead("k", "v")
	}, func(cfg *config.SessionConfig) { cfg.State.TTL = time.Hour })
}

func TestA7_TheRecordIsLoadedOnceOnFirstNeed(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(write("k", "v"), func(ctx context.Context, s *session.Session) error { return s.Load(ctx) }))
		e.wantCalls("create")
		for _, c := range []struct {
			name   string
			handle handler
			calls  []string
		}{
			{"untouched", nothing, nil},
			{"client state alone", func(ctx context.Context, s *session.Session) error { _, err := s.Client().Keys(ctx); return err }, nil},
			{"every read", func(ctx context.Context, s *session.Session) error {
				var v string
				for range 3 {
					s.Get(ctx, "k", &v)
					s.Get(ctx, "missing", &v)
					s.Keys(ctx)
					s.IsEmpty(ctx)
					s.Subject(ctx)
					s.Load(ctx)
				}
				return nil
			}, []string{"load"}},
			{"a write", write("k", "w"), []string{"update"}},
			{"a removal", func(ctx context.Context, s *session.Session) error { return s.Remove(ctx, "x") }, []string{"update"}},
			{"a write read back", then(write("k", "w"), func(ctx context.Context, s *session.Session) error {
				var v string
				_, err := s.Get(ctx, "k", &v)
				return err
			}), []string{"update"}},
			{"sign-in and two writes", then(signIn("ada"), write("a", 1), write("b", 2)), []string{"change key"}},
			{"a cleared state read", then(func(ctx context.Context, s *session.Session) error { return s.Clear(ctx) }, func(ctx context.Context, s *session.Session) error {
				var v string
				_, err := s.Get(ctx, "k", &v)
				return err
			}), []string{"update"}},
			{"delete", func(ctx context.Context, s *session.Session) error {
				_, err := s.Keys(ctx)
				return errors.Join(s.Delete(), err)
			}, []string{"load", "delete"}},
			{"a write to it again", write("k", "w"), []string{"create"}},
			{"delete first", func(ctx context.Context, s *session.Session) error {
				err := s.Delete()
				_, err2 := s.Keys(ctx)
				return errors.Join(err, err2)
			}, []string{"delete"}},
			{"a write once more", write("k", "w"), []string{"create"}},
			{"invalidate first", func(ctx context.Context, s *session.Session) error {
				err := s.Invalidate()
				_, err2 := s.Keys(ctx)
				return errors.Join(err, err2)
			}, []string{"delete"}},
		} {
			b.visit(c.handle)
			if got := e.calls(); fmt.Sprint(got) != fmt.Sprint(c.calls) {
				t.Errorf("%s: the store was asked %q, want %q", c.name, got, c.calls)
			}
		}
	})
}

func TestA8_RemoveAndPopOnALoadedSessionAreStored(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(write("a", "1"), write("b", "2"), write("c", "3"), writeClient("a", "1"), writeClient("b", "2")))
		b.visit(func(ctx context.Context, s *session.Session) error {
			var v, c string
			if err := s.Load(ctx); err != nil {
				return err
			}
			if ok, err := s.Pop(ctx, "a", &v); !ok || err != nil || v != "1" {
				t.Errorf("Pop = %v, %v, %q", ok, err, v)
			}
			if ok, err := s.Pop(ctx, "a", &v); ok || err != nil {
				t.Errorf("a second Pop = %v, %v", ok, err)
			}
			if ok, err := s.Client().Pop(ctx, "a", &c); !ok || err != nil || c != "1" {
				t.Errorf("Pop of the client state = %v, %v, %q", ok, err, c)
			}
			raw, ok, err := s.Client().PopRaw(ctx, "b")
			if string(raw) != `"2"` || !ok {
				t.Errorf("PopRaw = %s, %v", raw, ok)
			}
			return errors.Join(err, s.Remove(ctx, "b"))
		})
		b.visit(func(ctx context.Context, s *session.Session) error {
			keys, err := s.Keys(ctx)
			client, err2 := s.Client().Keys(ctx)
			if fmt.Sprint(keys, client) != "[c] []" {
				t.Errorf("left are %v and %v", keys, client)
			}
			return errors.Join(err, err2)
		})
	})
}

func TestA9_ClearKeepsTheRecordAndDeleteKeepsTheSession(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(signIn("ada"), write("k", "v"), writeClient("theme", "dark")))
		b.wantCookie(b.visit(func(ctx context.Context, s *session.Session) error { return s.Clear(ctx) }), noCookie)
		rec, err := e.spy.Load(t.Context(), b.incoming().ID().Key())
		if err != nil || len(rec.State) != 0 || rec.Subject != "ada" {
			t.Errorf("after Clear the record is %v, %v", rec, err)
		}
		old := b.incoming()
		b.wantCookie(b.visit(func(ctx context.Context, s *session.Session) error { return s.Delete() }), aCookie)
		if in := b.incoming(); in.HasRecord() || !in.ID().IsZero() || string(in.Client()["theme"]) != `"dark"` {
			t.Errorf("after Delete the cookie says record %v, client state %v", in.HasRecord(), in.Client())
		}
		if got := b.subject(); got != "" {
			t.Errorf("after Delete %q is signed in", got)
		}
		e.calls()
		b.wantCookie(b.visit(write("k", "w")), aCookie)
		e.wantCalls("create")
		if in := b.incoming(); in.ID() == old.ID() || !in.HasRecord() {
			t.Error("a write after Delete does not begin a record under a fresh ID")
		}
		if got := b.readClient("theme"); got != "dark" {
			t.Errorf("the client state is %q", got)
		}
		// In one request as well.
		old = b.incoming()
		b.visit(func(ctx context.Context, s *session.Session) error {
			return errors.Join(s.Delete(), s.Set(ctx, "k", "x"))
		})
		if in := b.incoming(); in.ID() == old.ID() || !in.HasRecord() {
			t.Error("a write behind Delete does not begin a record under a fresh ID")
		}
		b.wantRead("k", "x")
	})
}

func TestA9_DeleteForgetsWhatTheRequestDidBefore(t *testing.T) {
	count := session.NewField[int]("count")
	del := func(_ context.Context, s *session.Session) error { return s.Delete() }
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(signIn("ada"), write("count", 7)))
		b.visit(then(signIn("bob"), del, write("new", "1"), func(ctx context.Context, s *session.Session) error {
			who, err := s.Subject(ctx)
			if who != "" {
				t.Errorf("behind Delete %q is signed in", who)
			}
			return err
		}))
		if got := b.subject(); got != "" {
			t.Errorf("after Delete %q is signed in", got)
		}
		b.visit(then(signIn("ada"), write("count", 7)))
		b.visit(then(func(ctx context.Context, s *session.Session) error {
			_, err := s.Subject(ctx) // known before it goes
			return errors.Join(err, count.Update(ctx, s, func(n int) (int, error) { return n + 1, nil }))
		}, del, func(ctx context.Context, s *session.Session) error {
			who, err := s.Subject(ctx)
			if who != "" {
				t.Errorf("behind Delete %q is signed in", who)
			}
			return errors.Join(err, s.Set(ctx, "new", "2"), s.Sync(ctx))
		}))
		b.visit(func(ctx context.Context, s *session.Session) error {
			keys, err := s.Keys(ctx)
			if fmt.Sprint(keys) != "[new]" {
				t.Errorf("the session holds %v", keys)
			}
			return err
		})
		// A sign-in that was taken back is none to an end in another request.
		res := b.visit(then(signIn("ada"), del, func(ctx context.Context, s *session.Session) error {
			b.clone().visit(invalidate)
			return s.Set(ctx, "late", "1")
		}))
		if res.StatusCode != 409 {
			t.Errorf("status %d", res.StatusCode)
		}
	})
}

func TestTheCallsOfOperationsInSequence(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("n", 1))
	e.calls()
	add := func(ctx context.Context, s *session.Session) error {
		return session.NewField[int]("n").Update(ctx, s, func(n int) (int, error) { return n + 1, nil })
	}
	clearAll := func(ctx context.Context, s *session.Session) error { return s.Clear(ctx) }
	for _, c := range []struct {
		name   string
		handle handler
		calls  string
	}{
		{"a removal of what a loaded session does not have", then(load, func(ctx context.Context, s *session.Session) error { return s.Remove(ctx, "missing") }), "[load update]"}, // another request may have written it
		{"an update of what was just cleared", then(clearAll, add), "[update]"},
		{"an update of what was just written", then(write("n", 5), add), "[update]"},
		{"an update", add, "[load update]"},
		{"an update behind a saved update", then(add, func(ctx context.Context, s *session.Session) error { return s.Sync(ctx) }, add), "[load update update]"},
		{"an update behind a saved write", then(load, write("m", 1), func(ctx context.Context, s *session.Session) error { return s.Sync(ctx) }, add), "[load update load update]"},
		{"a clear of an empty session", then(clearAll, func(ctx context.Context, s *session.Session) error { return s.Sync(ctx) }, load, clearAll), "[update load update]"},
	} {
		b.visit(c.handle)
		if got := fmt.Sprint(e.calls()); got != c.calls {
			t.Errorf("%s: the store was asked %s, want %s", c.name, got, c.calls)
		}
	}
	// And a store that is down is not asked again and again.
	b.visit(write("n", 1))
	e.spy.fail(errors.New("down"), "update")
	e.calls()
	if res := b.visit(add); res.StatusCode != 500 {
		t.Errorf("status %d", res.StatusCode)
	}
	e.wantCalls("load", "update")
}

func TestA10_InvalidateEndsTheSession(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(write("k", "v"), writeClient("theme", "dark")))
		thief := b.clone()
		e.calls()
		res := b.visit(func(ctx context.Context, s *session.Session) error {
			if s.IsInvalidated() {
				t.Error("IsInvalidated before Invalidate")
			}
			if err := s.Invalidate(); err != nil {
				return err
			}
			if !s.IsInvalidated() {
				t.Error("not IsInvalidated after Invalidate")
			}
			for name, err := range map[string]error{
				"Set":           s.Set(ctx, "k", 1),
				"SetRaw":        s.SetRaw(ctx, "k", json.RawMessage("1")),
				"Remove":        s.Remove(ctx, "k"),
				"Clear":         s.Clear(ctx),
				"SignIn":        s.SignIn(ctx, "ada"),
				"CycleID":       s.CycleID(),
				"Delete":        s.Delete(),
				"Update":        session.NewField[int]("k").Update(ctx, s, func(n int) (int, error) { return n, nil }),
				"client Set":    s.Client().Set(ctx, "k", 1),
				"client Remove": s.Client().Remove(ctx, "k"),
				"client Clear":  s.Client().Clear(ctx),
			} {
				if !errors.Is(err, session.ErrInvalidated) {
					t.Errorf("%s after Invalidate: %v", name, err)
				}
			}
			var v string
			if ok, err := s.Get(ctx, "k", &v); ok || err != nil {
				t.Errorf("Get after Invalidate = %v, %v", ok, err)
			}
			if ok, err := s.Pop(ctx, "k", &v); ok || err != nil {
				t.Errorf("Pop after Invalidate = %v, %v", ok, err)
			}
			if ok, err := s.Client().Get(ctx, "theme", &v); ok || err != nil {
				t.Errorf("Get of the client state after Invalidate = %v, %v", ok, err)
			}
			return s.Invalidate()
		})
		b.wantCookie(res, aRemoval)
		e.wantCalls("delete")
		e.advance(store.Grace)
		thief.wantRead("k", "")
	})
}

func TestA11_ResetEndsTheSessionAndGoesOnWithAFreshOne(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(signIn("ada"), write("k", "v"), writeClient("theme", "dark")))
		old := b.clone()
		e.calls()
		b.wantCookie(b.visit(func(ctx context.Context, s *session.Session) error {
			return errors.Join(s.Reset(), s.Set(ctx, "flash", "bye"))
		}), aCookie)
		e.wantCalls("delete", "create")
		if b.incoming().ID() == old.incoming().ID() {
			t.Error("the ID is the old one")
		}
		b.visit(func(ctx context.Context, s *session.Session) error {
			keys, _ := s.Keys(ctx)
			client, _ := s.Client().Keys(ctx)
			who, err := s.Subject(ctx)
			if fmt.Sprint(keys, client)+who != "[flash] []" {
				t.Errorf("the new session holds %v, %v, %q", keys, client, who)
			}
			return err
		})
		e.advance(store.Grace)
		old.wantRead("k", "")

		b.wantCookie(b.visit(func(ctx context.Context, s *session.Session) error {
			return errors.Join(s.Invalidate(), s.Reset(), s.Client().Set(ctx, "theme", "light"), s.SignIn(ctx, "bob"))
		}), aCookie)
		if got := b.subject(); got != "bob" {
			t.Errorf("%q is signed in", got)
		}
		b.wantCookie(b.visit(func(_ context.Context, s *session.Session) error { return s.Reset() }), aRemoval)
	})
}

func TestA12_CycleIDKeepsBothStatesUnderANewID(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(write("k", "v"), writeClient("theme", "dark")))
		old, before := b.clone(), b.incoming()
		e.calls()
		b.wantCookie(b.visit(then(cycle, cycle, cycle)), aCookie)
		e.wantCalls("change key")
		after := b.incoming()
		if after.ID() == before.ID() {
			t.Error("the ID is the old one")
		}
		if !after.ExpiresAt().Equal(before.ExpiresAt()) || !after.BeganAt().Equal(before.BeganAt()) {
			t.Error("a new ID has moved the session's times")
		}
		b.wantRead("k", "v")
		if got := b.readClient("theme"); got != "dark" {
			t.Errorf("the client state is %q", got)
		}
		e.advance(store.Grace)
		old.wantRead("k", "")
	})
}

func TestA13_CycleIDWithChangesIsOneStepAndWhateverFailsOneRecordIsThere(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(write("k", "v"))
		e.calls()
		down := errors.New("down")
		e.spy.fail(down)
		res := b.visit(then(cycle, write("k", "w")))
		if res.StatusCode != 500 {
			t.Errorf("status %d while the store is down", res.StatusCode)
		}
		b.wantCookie(res, noCookie)
		e.spy.fail(nil)
		e.wantCalls("change key")
		b.wantRead("k", "v")
		e.calls()
		old := b.clone()
		b.visit(then(cycle, write("k", "w"), func(ctx context.Context, s *session.Session) error { return s.Remove(ctx, "x") }))
		e.wantCalls("change key")
		b.wantRead("k", "w")
		old.wantRead("k", "")
	})
}

func TestA16_ServerStateCreation(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.wantCookie(b.visit(writeClient("theme", "dark")), aCookie)
		e.wantCalls("create")
		if !b.incoming().HasRecord() {
			t.Error("never_skip: the session has no record")
		}

		lazy := &browser{e: e, m: e.manager(func(cfg *config.SessionConfig) {
			cfg.State.ServerStateCreation = config.ServerStateCreationSkipIfEmpty
		})}
		lazy.wantCookie(lazy.visit(writeClient("theme", "dark")), aCookie)
		e.wantCalls()
		if lazy.incoming().HasRecord() {
			t.Error("skip_if_empty: the session has a record")
		}
		lazy.wantRead("k", "")
		if got := lazy.readClient("theme"); got != "dark" {
			t.Errorf("the client state is %q after the server state was read", got)
		}
		lazy.wantCookie(lazy.visit(writeClient("theme", "light")), aCookie)
		e.wantCalls()
		lazy.visit(write("k", "v"))
		e.wantCalls("create")
		lazy.wantRead("k", "v")
		if got := lazy.readClient("theme"); got != "light" {
			t.Errorf("the client state is %q once there is a record", got)
		}
	})
}

// end deletes the record of a browser's session and lets its mark pass.
func (e *env) end(b *browser) {
	e.Helper()
	if err := e.spy.Delete(e.Context(), b.incoming().ID().Key()); err != nil {
		e.Fatal(err)
	}
	e.advance(store.Grace)
	e.calls()
}

func TestA16_AMissingRecordAllowedKeepsTheClientState(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(write("k", "v"), writeClient("theme", "dark")))
		e.end(b)
		res := b.visit(func(ctx context.Context, s *session.Session) error {
			var theme, k string
			ok, err := s.Get(ctx, "k", &k)
			_, err2 := s.Client().Get(ctx, "theme", &theme)
			if ok || theme != "dark" {
				t.Errorf("k is there: %v; theme is %q", ok, theme)
			}
			return errors.Join(err, err2)
		})
		b.wantCookie(res, aCookie) // which says that there is no record
		e.wantCalls("load")
		b.wantRead("k", "")
		e.wantCalls()
		b.visit(write("k", "w"))
		b.wantRead("k", "w")
	}, func(cfg *config.SessionConfig) { cfg.State.MissingServerState = config.MissingServerStateAllow })
}

func TestA17_AStaleCookieIsAFreshSession(t *testing.T) {
	eachBackend(t, func(e *env) {
		for name, c := range map[string]struct {
			handle handler
			calls  string
			cookie change
		}{
			"untouched":        {nothing, "[]", noCookie},
			"read":             {func(ctx context.Context, s *session.Session) error { return s.Load(ctx) }, "[load]", aRemoval},
			"written":          {write("new", "1"), "[update create]", aCookie},
			"read and written": {then(func(ctx context.Context, s *session.Session) error { return s.Load(ctx) }, write("new", "1")), "[load create]", aCookie},
			"signed in":        {signIn("ada"), "[change key create]", aCookie},
			"updated": {func(ctx context.Context, s *session.Session) error {
				return session.NewField[string]("new").Set(ctx, s, "1")
			}, "[update create]", aCookie},
			"only removed from":           {func(ctx context.Context, s *session.Session) error { return s.Remove(ctx, "k") }, "[update]", aRemoval},
			"cycled":                      {cycle, "[change key]", aRemoval},
			"invalidated":                 {invalidate, "[delete]", aRemoval},
			"deleted":                     {func(_ context.Context, s *session.Session) error { return s.Delete() }, "[delete]", aRemoval},
			"its client state written to": {writeClient("new", "1"), "[load create]", aCookie},
		} {
			b := e.browser()
			b.visit(then(write("k", "v"), writeClient("theme", "dark")))
			old := b.incoming()
			e.end(b)
			res := b.visit(c.handle)
			if res.StatusCode != 200 {
				t.Errorf("%s: status %d", name, res.StatusCode)
			}
			if got := fmt.Sprint(e.calls()); got != c.calls {
				t.Errorf("%s: the store was asked %v, want %v", name, got, c.calls)
			}
			b.wantCookie(res, c.cookie)
			if c.cookie != aCookie {
				continue
			}
			if b.incoming().ID() == old.ID() {
				t.Errorf("%s: the client's ID was adopted", name)
			}
			b.wantRead("k", "")
			if got := b.readClient("theme"); got != "" {
				t.Errorf("%s: the old client state is there", name)
			}
		}
	})
}

func TestA18_SyncWorksTwiceAndMore(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		sync := func(ctx context.Context, s *session.Session) error { return s.Sync(ctx) }
		res := b.visit(then(sync, write("a", "1"), sync, sync, write("b", "2"), writeClient("c", "3"), sync, cycle, sync, write("d", "4")))
		b.wantCookie(res, aCookie)
		e.wantCalls("create", "update", "change key", "update")
		for key, want := range map[string]string{"a": "1", "b": "2", "d": "4"} {
			b.wantRead(key, want)
		}
		b.wantCookie(b.visit(then(invalidate, sync, sync)), aRemoval)
		b.visit(write("a", "1"))
		b.visit(then(write("a", "2"), sync, func(ctx context.Context, s *session.Session) error {
			var v string
			_, err := s.Get(ctx, "a", &v)
			if v != "2" {
				t.Errorf("after Sync a is %q", v)
			}
			return err
		}))
	})
}

func TestA19_NothingPrintsAnIDOrAValue(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(then(write("k", "top secret"), writeClient("k", "top secret")))
	in := b.incoming()
	b.visit(func(ctx context.Context, s *session.Session) error {
		s.Load(ctx)
		type wrapped struct {
			id session.ID
			in session.Incoming
			s  *session.Session
			c  session.Client
			ID session.ID
			In session.Incoming
			S  *session.Session
		}
		w := wrapped{in.ID(), in, s, s.Client(), in.ID(), in, s}
		plain := printed(struct{ ID session.ID }{})
		for _, v := range []any{in.ID(), in, s, s.Client(), w, &w, []session.ID{in.ID()}, map[session.ID]int{in.ID(): 1}} {
			for _, text := range printed(v) {
				for _, leak := range leaks(b, in) {
					if strings.Contains(strings.ToLower(text), leak) {
						t.Errorf("%T prints %q", v, text)
					}
				}
			}
		}
		for _, text := range plain {
			if strings.Contains(text, "\x00\x00") {
				t.Errorf("the zero ID prints %q", text)
			}
		}
		return nil
	})
	if got := fmt.Sprintf("%v %s %x %d %q %+v %#v", in.ID(), in.ID(), in.ID(), in.ID(), in.ID(), in.ID(), in.ID()); got != strings.TrimSpace(strings.Repeat("[redacted] ", 7)) {
		t.Errorf("an ID prints as %s", got)
	}
}

// leaks are the texts that give the secret of a session away.
func leaks(b *browser, in session.Incoming) []string {
	id := session.RawID(in.ID())
	return []string{
		"top secret", fmt.Sprintf("%x", "top secret"), strings.ToLower(b.cookie.Value),
		fmt.Sprintf("%x", id), fmt.Sprintf("% x", id), strings.ToLower(string(id[:])),
		numbers("%d", id), numbers("%o", id), numbers("%b", id),
	}
}

// numbers are the first bytes of an ID, printed one by one: enough of them to
// stand in no other text by chance.
func numbers(verb string, id [16]byte) string {
	return strings.Trim(fmt.Sprintf(verb, id[:8]), "[]")
}

// printed is v in every form that a program might print it in.
func printed(v any) (texts []string) {
	for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
		for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "20", ".3"} {
			texts = append(texts, fmt.Sprintf("%"+flags+string(verb), v))
		}
	}
	var out strings.Builder
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
	for _, encoder := range []zapcore.Encoder{
		zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()),
		zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()),
	} {
		logger := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&out), zapcore.DebugLevel))
		logger.Info("m", zap.Any("v", v))
		logger.Info("m", zap.Reflect("v", v))
		logger.Sugar().Infow("m", "v", v)
	}
	encoded, _ := json.Marshal(v)
	return append(texts, out.String(), string(encoded))
}

type cart struct {
	Items map[string]int `json:"items"`
}

func TestA20_FieldOnBothSides(t *testing.T) {
	field := session.NewField[cart]("cart")
	eachBackend(t, func(e *env) {
		b := e.browser()
		each := func(do func(ctx context.Context, s session.State) error) handler {
			return func(ctx context.Context, s *session.Session) error {
				return errors.Join(do(ctx, s), do(ctx, s.Client()))
			}
		}
		add := each(func(ctx context.Context, s session.State) error {
			return field.Update(ctx, s, func(c cart) (cart, error) {
				if c.Items == nil {
					c.Items = map[string]int{}
				}
				c.Items["tea"]++
				return c, nil
			})
		})
		want := func(n int) handler {
			return each(func(ctx context.Context, s session.State) error {
				c, ok, err := field.Get(ctx, s)
				if !ok || c.Items["tea"] != n {
					t.Errorf("the cart is %v, %v, want %d", c, ok, n)
				}
				return err
			})
		}
		b.visit(then(add, want(1), add, want(2)))
		b.visit(then(add, want(3)))
		b.visit(want(3))
		b.visit(each(func(ctx context.Context, s session.State) error {
			nope := errors.New("nope")
			if err := field.Update(ctx, s, func(c cart) (cart, error) { return cart{}, nope }); !errors.Is(err, nope) {
				t.Errorf("Update returned %v", err)
			}
			if err := field.Update(ctx, s, nil); err == nil {
				t.Error("Update without a function is no error")
			}
			return nil
		}))
		b.visit(want(3))
		b.visit(then(
			each(func(ctx context.Context, s session.State) error {
				return field.Set(ctx, s, cart{Items: map[string]int{"tea": 9}})
			}),
			want(9), add, want(10),
			each(func(ctx context.Context, s session.State) error {
				c, ok, err := field.Pop(ctx, s)
				if !ok || c.Items["tea"] != 10 {
					t.Errorf("Pop = %v, %v", c, ok)
				}
				return err
			}),
			add, want(1),
			each(func(ctx context.Context, s session.State) error { return field.Remove(ctx, s) }),
		))
		b.visit(each(func(ctx context.Context, s session.State) error {
			_, ok, err := field.Get(ctx, s)
			if ok {
				t.Error("the cart is there after Remove")
			}
			return err
		}))
	})
}

func TestA20_FiftyConcurrentUpdatesEndAtFifty(t *testing.T) {
	count := session.NewField[int]("count")
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(write("count", 0), write("other", "x")))
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				res := b.serve(func(ctx context.Context, s *session.Session) error {
					return count.Update(ctx, s, func(n int) (int, error) { return n + 1, nil })
				})
				if res.StatusCode != 200 {
					t.Errorf("status %d", res.StatusCode)
				}
			})
		}
		all.Wait()
		b.visit(func(ctx context.Context, s *session.Session) error {
			n, _, err := count.Get(ctx, s)
			if n != 50 {
				t.Errorf("50 updates end at %d", n)
			}
			return err
		})
	}, func(cfg *config.SessionConfig) { cfg.Store.Timeout = 30 * time.Second })
}

func TestA20_AnUpdateIsAppliedAgainWhenAnotherRequestWasFaster(t *testing.T) {
	a, c := session.NewField[[]string]("a"), session.NewField[int]("c")
	add := func(what string) func([]string) ([]string, error) {
		return func(list []string) ([]string, error) { return append(list, what), nil }
	}
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(write("a", []string{"first"}), write("c", 1)))
		runs := 0
		b.visit(func(ctx context.Context, s *session.Session) error {
			err := errors.Join(
				a.Update(ctx, s, func(list []string) ([]string, error) { runs++; return append(list, "slow"), nil }),
				c.Update(ctx, s, func(n int) (int, error) { return n + 1, nil }),
				c.Set(ctx, s, 100), // overtakes the update
				c.Update(ctx, s, func(n int) (int, error) { return n + 1, nil }),
				s.Set(ctx, "mine", "1"),
			)
			b.serve(func(ctx context.Context, s *session.Session) error { // meanwhile
				return errors.Join(a.Update(ctx, s, add("fast")), c.Set(ctx, s, 5), s.Set(ctx, "theirs", "1"))
			})
			if err := errors.Join(err, s.Sync(ctx)); err != nil {
				return err
			}
			got, _, err := a.Get(ctx, s)
			if fmt.Sprint(got) != "[first fast slow]" || runs != 2 {
				t.Errorf("after the Sync a is %v, after %d runs", got, runs)
			}
			return errors.Join(err, a.Update(ctx, s, add("again")))
		})
		b.visit(func(ctx context.Context, s *session.Session) error {
			got, _, _ := a.Get(ctx, s)
			n, _, err := c.Get(ctx, s)
			keys, _ := s.Keys(ctx)
			if text := fmt.Sprint(got, n, keys); text != "[first fast slow again] 101 [a c mine theirs]" {
				t.Errorf("in the end: %s", text)
			}
			return err
		})
	})
}

func TestA20_AnUpdateThatFailsWhenItIsAppliedAgainFailsTheSave(t *testing.T) {
	stock := session.NewField[int]("stock")
	e := newEnv(t)
	b := e.browser()
	b.visit(write("stock", 1))
	soldOut := errors.New("sold out")
	take := func(n int) (int, error) {
		if n == 0 {
			return 0, soldOut
		}
		return n - 1, nil
	}
	b.visit(func(ctx context.Context, s *session.Session) error {
		err := stock.Update(ctx, s, take)
		b.serve(func(ctx context.Context, s *session.Session) error { return stock.Update(ctx, s, take) })
		if err := s.Sync(ctx); !errors.Is(err, soldOut) {
			t.Errorf("Sync = %v", err)
		}
		return err
	})
	b.visit(func(ctx context.Context, s *session.Session) error {
		n, _, err := stock.Get(ctx, s)
		if n != 0 {
			t.Errorf("the stock is %d", n)
		}
		return err
	})
}

func TestA20_AnUpdateThatNeverWinsGivesUpAtTheDeadline(t *testing.T) {
	e := newEnv(t, func(cfg *config.SessionConfig) { cfg.Store.Timeout = 200 * time.Millisecond })
	b := e.browser()
	b.visit(write("n", 1))
	e.spy.fail(store.ErrConflict, "update")
	runs := 0
	begun := time.Now()
	res := b.visit(func(ctx context.Context, s *session.Session) error {
		return session.NewField[int]("n").Update(ctx, s, func(n int) (int, error) { runs++; return n + 1, nil })
	})
	if res.StatusCode != 409 {
		t.Errorf("status %d", res.StatusCode)
	}
	if took := time.Since(begun); runs < 3 || took < 200*time.Millisecond {
		t.Errorf("it gave up after %d runs and %v", runs, took)
	}
}

func TestA20_TheFunctionOfAnUpdateMayReadTheSession(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(then(write("price", 3), write("sum", 0)))
	sum, price := session.NewField[int]("sum"), session.NewField[int]("price")
	b.visit(func(ctx context.Context, s *session.Session) error {
		err := sum.Update(ctx, s, func(n int) (int, error) {
			p, _, err := price.Get(ctx, s)
			return n + p, err
		})
		b.serve(write("price", 4))
		return err
	})
	b.visit(func(ctx context.Context, s *session.Session) error {
		n, _, err := sum.Get(ctx, s)
		if n != 4 {
			t.Errorf("the sum is %d", n)
		}
		return err
	})
}

func TestA21_ValuesKeepTheirBytes(t *testing.T) {
	big, _ := json.Marshal(strings.Repeat("é", 1<<19))
	values := map[string]string{
		"":               `"the empty key"`,
		`quote"colon:{}`: `12345678901234567890123456789`,
		"float":          `1.0`,
		"exponent":       `1E400`,
		"null":           `null`,
		"nested":         `{"b": null, "a": [null, {"c": null}],  "a": 1}`,
		"nul in a text":  `"\u0000"`,
		"$.path":         `"\ud83d\ude00 <&>"`,
		"1 MiB":          string(big),
		strings.Repeat("k", store.MaxStateKeyBytes): `" spaced "`,
	}
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(func(ctx context.Context, s *session.Session) error {
			for key, text := range values {
				raw := json.RawMessage(text)
				if err := s.SetRaw(ctx, key, raw); err != nil {
					return err
				}
				clear(raw) // the session has its own copy
			}
			for _, key := range []string{"\xff", "a\x00b", strings.Repeat("k", store.MaxStateKeyBytes+1)} {
				if err := s.Set(ctx, key, 1); !errors.Is(err, store.ErrInvalid) {
					t.Errorf("Set under %q: %v", key, err)
				}
				if err := s.Client().Set(ctx, key, 1); !errors.Is(err, store.ErrInvalid) {
					t.Errorf("Set of the client state under %q: %v", key, err)
				}
				for _, state := range []session.State{s, s.Client()} {
					if err := state.Remove(ctx, key); !errors.Is(err, store.ErrInvalid) {
						t.Errorf("Remove under %q: %v", key, err)
					}
					err := session.NewField[int](key).Update(ctx, state, func(n int) (int, error) { return n, nil })
					if !errors.Is(err, store.ErrInvalid) {
						t.Errorf("Update under %q: %v", key, err)
					}
				}
			}
			return nil
		})
		b.visit(func(ctx context.Context, s *session.Session) error {
			for key, want := range values {
				got, ok, err := s.GetRaw(ctx, key)
				if string(got) != want || !ok || err != nil {
					t.Errorf("%.20q is %.40q, %v, %v", key, got, ok, err)
				}
				clear(got) // the caller's own
				if again, _, _ := s.GetRaw(ctx, key); string(again) != want {
					t.Errorf("%.20q was changed through what GetRaw gave", key)
				}
			}
			return nil
		})
	})
}

func TestA21_ClientStateKeepsItsBytesToo(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	text := `{"a": 1.0, "b": [null, "\u0000", 12345678901234567890]}`
	b.visit(func(ctx context.Context, s *session.Session) error {
		return s.Client().SetRaw(ctx, "", json.RawMessage(text))
	})
	b.visit(func(ctx context.Context, s *session.Session) error {
		got, _, err := s.Client().GetRaw(ctx, "")
		if string(got) != text {
			t.Errorf("the value is %s", got)
		}
		return err
	})
}

func TestA22_ManyGoroutinesOfOneHandlerShareTheSession(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		count := session.NewField[int]("count")
		work := func(ctx context.Context, s *session.Session) error {
			var all sync.WaitGroup
			for i := range 16 {
				key := fmt.Sprint("k", i)
				all.Go(func() {
					var v int
					for _, err := range []error{
						s.Set(ctx, key, i),
						count.Update(ctx, s, func(n int) (int, error) { return n + 1, nil }),
						s.Client().Set(ctx, key, i),
						count.Update(ctx, s.Client(), func(n int) (int, error) { return n + 1, nil }),
						s.Sync(ctx),
						func() error { _, err := s.Get(ctx, key, &v); return err }(),
						func() error { _, err := s.Keys(ctx); return err }(),
						s.Remove(ctx, "missing"),
						func() error { _, err := s.Pop(ctx, "missing", &v); return err }(),
						func() error { _, err := s.Subject(ctx); return err }(),
						s.CycleID(),
					} {
						if err != nil {
							t.Error(err)
						}
					}
					if v != i {
						t.Errorf("%s is %d", key, v)
					}
					s.IsInvalidated()
				})
			}
			all.Wait()
			return nil
		}
		b.visit(work)
		b.visit(work)
		b.visit(func(ctx context.Context, s *session.Session) error {
			n, _, err := count.Get(ctx, s)
			m, _, _ := count.Get(ctx, s.Client())
			keys, _ := s.Keys(ctx)
			client, _ := s.Client().Keys(ctx)
			if n != 32 || m != 32 || len(keys) != 17 || len(client) != 17 {
				t.Errorf("the counts are %d and %d, with %d and %d keys", n, m, len(keys), len(client))
			}
			return err
		})
	})
}

func TestA22_AfterTheRequestTheSessionIsClosed(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	var kept *session.Session
	b.visit(then(write("k", "v"), func(_ context.Context, s *session.Session) error { kept = s; return nil }))
	wantEvery(t, kept, session.ErrClosed)
	if _, err := e.Finalize(t.Context(), kept); !errors.Is(err, session.ErrClosed) {
		t.Errorf("Finalize = %v", err)
	}
	b.wantRead("k", "v")
}

func TestWithoutTheMiddlewareEveryOperationSaysSo(t *testing.T) {
	t.Parallel()
	e := newEnvOver(t, testbackends.Memory(t))
	for _, s := range []*session.Session{session.FromContext(t.Context()), e.FromContext(t.Context()), nil, {}} {
		wantEvery(t, s, session.ErrNotInstalled)
		if _, err := e.Finalize(t.Context(), s); !errors.Is(err, session.ErrNotInstalled) {
			t.Errorf("Finalize = %v", err)
		}
		if s.IsInvalidated() {
			t.Error("IsInvalidated")
		}
	}
}

// wantEvery checks that every operation returns want.
func wantEvery(t *testing.T, s *session.Session, want error) {
	t.Helper()
	ctx := t.Context()
	var v int
	second := func(_ any, err error) error { return err }
	third := func(_ any, _ any, err error) error { return err }
	c, f := s.Client(), session.NewField[int]("k")
	for i, err := range []error{
		second(s.Get(ctx, "k", &v)), s.Set(ctx, "k", 1), second(s.Pop(ctx, "k", &v)), s.Remove(ctx, "k"),
		third(s.GetRaw(ctx, "k")), s.SetRaw(ctx, "k", json.RawMessage("1")), third(s.PopRaw(ctx, "k")),
		s.Clear(ctx), second(s.IsEmpty(ctx)), second(s.Keys(ctx)), s.Load(ctx), s.CycleID(), s.Delete(),
		s.Invalidate(), s.Reset(), s.Sync(ctx), s.SignIn(ctx, "ada"), s.SignOut(ctx), second(s.Subject(ctx)),
		second(c.Get(ctx, "k", &v)), c.Set(ctx, "k", 1), second(c.Pop(ctx, "k", &v)), c.Remove(ctx, "k"),
		third(c.GetRaw(ctx, "k")), c.SetRaw(ctx, "k", json.RawMessage("1")), third(c.PopRaw(ctx, "k")),
		c.Clear(ctx), second(c.IsEmpty(ctx)), second(c.Keys(ctx)),
		third(f.Get(ctx, s)), f.Set(ctx, s, 1), third(f.Pop(ctx, s)), f.Remove(ctx, s),
		f.Update(ctx, s, func(n int) (int, error) { return n, nil }), f.Update(ctx, c, func(n int) (int, error) { return n, nil }),
	} {
		if !errors.Is(err, want) {
			t.Errorf("operation %d: %v, want %v", i, err, want)
		}
	}
}

// Update on the client state is a read-modify-write among the goroutines of a
// handler.
func TestA22_AnUpdateOfTheClientStateThatIsOvertakenRunsAgain(t *testing.T) {
	e := newEnv(t)
	n := session.NewField[int]("n")
	b := e.browser()
	b.visit(func(ctx context.Context, s *session.Session) error {
		runs := 0
		return n.Update(ctx, s.Client(), func(v int) (int, error) {
			if runs++; runs == 1 {
				if err := n.Set(ctx, s.Client(), 10); err != nil { // as another goroutine would
					t.Error(err)
				}
			}
			return v + 1, nil
		})
	})
	b.visit(func(ctx context.Context, s *session.Session) error {
		if v, _, err := n.Get(ctx, s.Client()); v != 11 || err != nil {
			t.Errorf("n is %d, %v", v, err)
		}
		return nil
	})
}

// To clear what is empty changes nothing.
func TestB11_ClearingAClientStateThatIsEmptyCostsNothing(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(write("k", "v"))
	e.calls()
	b.wantCookie(b.visit(func(ctx context.Context, s *session.Session) error { return s.Client().Clear(ctx) }), noCookie)
	e.wantCalls()
}

// A new ID does not bring back what was deleted in the same request.
func TestA9_ACycleAfterADeleteKeepsNothing(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(then(write("k", "v"), writeClient("c", "w"), signIn("ada")))
		old := b.key()
		b.visit(then(func(_ context.Context, s *session.Session) error { return s.Delete() }, cycle))
		if in := b.incoming(); in.HasRecord() {
			t.Error("the cookie says that there is a record")
		}
		if _, err := e.spy.Backend.Load(t.Context(), old); !errors.Is(err, store.ErrEnded) || errors.Is(err, store.ErrRenewed) {
			t.Errorf("the record: %v", err)
		}
		b.wantRead("k", "")
		if got := b.readClient("c"); got != "w" {
			t.Errorf("the client state is %q", got)
		}
	})
}

// Nor does an update after a Delete see what was deleted.
func TestA20_AnUpdateAfterADeleteBeginsAnew(t *testing.T) {
	eachBackend(t, func(e *env) {
		b := e.browser()
		b.visit(write("n", 5))
		b.visit(then(func(_ context.Context, s *session.Session) error { return s.Delete() }, increment))
		b.wantCount(1)
	})
}

// The bytes that the client state gives are the caller's own.
func TestTheBytesOfTheClientStateAreTheCallersOwn(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(writeClient("k", "v"))
	b.visit(func(ctx context.Context, s *session.Session) error {
		text, _, err := s.Client().GetRaw(ctx, "k")
		clear(text)
		return errors.Join(err, s.Client().Set(ctx, "l", "w"))
	})
	if got := b.readClient("k"); got != "v" {
		t.Errorf("k is %q", got)
	}
}

// A write that is refused does not undo the removal before it.
func TestARefusedWriteOfClientStateBringsNothingBack(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.visit(then(writeClient("k", "v"), writeClient("l", "w")))
	b.visit(func(ctx context.Context, s *session.Session) error {
		err := s.Client().Remove(ctx, "k")
		if err := s.Client().Set(ctx, "k", strings.Repeat("x", 5000)); !errors.Is(err, session.ErrCookieTooLarge) {
			t.Errorf("Set = %v", err)
		}
		return err
	})
	if got := b.readClient("k"); got != "" {
		t.Errorf("k is %q again", got)
	}
}
