package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/fxsession/sessions/store"
)

func TestEachMethodIsOneCallOfTheBackend(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"create": "Create", "load": "Load", "update": "Update", "change key": "ChangeKey",
		"delete": "Delete", "delete expired": "DeleteExpired", "ping": "Ping",
	}
	for op, call := range operations {
		b := new(able)
		if err := call(t.Context(), store.New(b)); err != nil || !slices.Equal(b.calls, []string{want[op]}) {
			t.Errorf("%s: calls %v, %v, want %s once", op, b.calls, err, want[op])
		}
	}
}

func TestResultsArePassedOn(t *testing.T) {
	t.Parallel()
	s := store.New(new(fake))
	if rec, err := s.Load(t.Context(), aKey); err != nil || rec.Version != 3 {
		t.Errorf("Load = %+v, %v", rec, err)
	}
	if n, err := s.DeleteExpired(t.Context(), 7); err != nil || n != 7 {
		t.Errorf("DeleteExpired = %d, %v", n, err)
	}
	n, err := store.New(answering(store.ErrCorrupt)).DeleteExpired(t.Context(), 7)
	if err == nil || n != 7 {
		t.Errorf("DeleteExpired that failed half-way = %d, %v, want what it removed and the error", n, err)
	}
}

func TestUpdateTTLIsAChangeOfNothingElse(t *testing.T) {
	t.Parallel()
	b := new(fake)
	if err := store.New(b).UpdateTTL(t.Context(), aKey, time.Minute); err != nil {
		t.Fatal(err)
	}
	if ch := b.changes[0]; ch.TTL != time.Minute || ch.Set != nil || ch.Remove != nil || ch.Clear || ch.Subject != nil || ch.IfVersion != 0 {
		t.Errorf("the backend was given %+v", ch)
	}
}

func TestAbilitiesAreFoundForTheCaller(t *testing.T) {
	t.Parallel()
	with := new(able)
	for _, s := range []*store.SessionStore{store.New(with), store.New(new(fake))} {
		if err := s.Ping(t.Context()); err != nil {
			t.Errorf("Ping: %v", err)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Errorf("Migrate: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if want := []string{"Ping", "Migrate", "Close"}; !slices.Equal(with.calls, want) {
		t.Errorf("the backend was called %v, want %v", with.calls, want)
	}
}
