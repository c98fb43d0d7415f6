package sessiontest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/session/sessiontest"
	"github.com/fxsession/sessions/store"
)

func TestTimePassesWhenTheTestSaysSo(t *testing.T) {
	t.Parallel()
	b := sessiontest.NewBackend()
	m := sessiontest.NewManagerOver(t, b)
	r := sessiontest.Carry(t, m, httptest.NewRequest("GET", "/", nil), signedIn)
	who := func() string {
		w := httptest.NewRecorder()
		m.Middleware(http.HandlerFunc(greet)).ServeHTTP(w, r.Clone(t.Context()))
		return w.Body.String()
	}
	b.Advance(24*time.Hour - time.Millisecond)
	if got := who(); got != "hello, ada" {
		t.Errorf("before the end of the TTL: %q", got)
	}
	b.Advance(time.Millisecond) // the cookie that was carried has not been extended
	if got := who(); got != "hello, " {
		t.Errorf("after it: %q", got)
	}
}

func TestABackendFailsWhenTheTestSaysSo(t *testing.T) {
	t.Parallel()
	ctx, away := t.Context(), errors.New("away")
	b := sessiontest.NewBackend()
	rec := store.Record{TTL: time.Hour, Subject: "ada"}
	calls := map[sessiontest.Op]func() error{
		sessiontest.Create:        func() error { return b.Create(ctx, store.Key{2}, rec) },
		sessiontest.Load:          func() error { _, err := b.Load(ctx, store.Key{1}); return err },
		sessiontest.Update:        func() error { return b.Update(ctx, store.Key{1}, store.Change{}) },
		sessiontest.ChangeKey:     func() error { return b.ChangeKey(ctx, store.Key{1}, store.Key{3}, store.Change{}) },
		sessiontest.Delete:        func() error { return b.Delete(ctx, store.Key{1}) },
		sessiontest.DeleteExpired: func() error { _, err := b.DeleteExpired(ctx, 0); return err },
		sessiontest.Subjects: func() error {
			_, err := b.ListBySubject(ctx, "ada")
			_, err2 := b.DeleteBySubject(ctx, "ada")
			return errors.Join(err, err2)
		},
		sessiontest.Ping: func() error { return b.Ping(ctx) },
	}
	if err := b.Create(ctx, store.Key{1}, rec); err != nil {
		t.Fatal(err)
	}
	for op, call := range calls {
		b.Fail(away, op)
		if err := call(); !errors.Is(err, away) {
			t.Errorf("%s: %v", op, err)
		}
	}
	b.Fail(away, sessiontest.Update, sessiontest.Delete)
	if err := calls[sessiontest.Load](); err != nil {
		t.Errorf("what was not named fails: %v", err)
	}
	b.Fail(away)
	for op, call := range calls {
		if err := call(); !errors.Is(err, away) {
			t.Errorf("all: %s: %v", op, err)
		}
	}
	b.Fail(nil)
	if entries, err := b.ListBySubject(ctx, "ada"); err != nil || len(entries) != 1 {
		t.Errorf("what failed has done something: %v, %v", entries, err)
	}
}

// What a page looks like while the store is away.
func TestAHandlerWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	b := sessiontest.NewBackend()
	m := sessiontest.NewManagerOver(t, b)
	r := sessiontest.Carry(t, m, httptest.NewRequest("GET", "/", nil), func(ctx context.Context, s *session.Session) error {
		return s.SignIn(ctx, "ada")
	})
	b.Fail(errors.New("away"), sessiontest.Load)
	w := httptest.NewRecorder()
	m.Middleware(http.HandlerFunc(greet)).ServeHTTP(w, r)
	if w.Code != http.StatusInternalServerError {
		t.Errorf("status %d", w.Code)
	}
}
