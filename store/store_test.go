package store_test

import (
	"errors"
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
		"list by subject": "ListBySubject", "delete by subject": "DeleteBySubject",
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

func TestResultsOfTheSubjectIndexArePassedOn(t *testing.T) {
	t.Parallel()
	s := store.New(new(able))
	if all, err := s.ListBySubject(t.Context(), "ada"); err != nil || len(all) != 1 || all[0].Key != aKey || all[0].Record.Subject != "ada" {
		t.Errorf("ListBySubject = %+v, %v", all, err)
	}
	if n, err := s.DeleteBySubject(t.Context(), "ada", aKey, aKey); err != nil || n != 2 {
		t.Errorf("DeleteBySubject = %d, %v", n, err)
	}
	failing := store.New(answering(errors.New("connection refused")))
	if all, err := failing.ListBySubject(t.Context(), "ada"); err == nil || all != nil {
		t.Errorf("ListBySubject = %+v, %v, want nothing beside an error", all, err)
	}
	if n, err := failing.DeleteBySubject(t.Context(), "ada", aKey); err == nil || n != 1 {
		t.Errorf("DeleteBySubject that failed half-way = %d, %v, want what it deleted and the error", n, err)
	}
}

func TestWhatCannotBeLookedUpBySubject(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what    string
		backend store.Backend
		subject string
		want    error
	}{
		{"a backend without an index", new(fake), "ada", store.ErrUnsupported},
		{"nobody", new(able), "", store.ErrInvalid},
		{"NUL", new(able), "a\x00b", store.ErrInvalid},
		{"not UTF-8", new(able), "\xff", store.ErrInvalid},
	} {
		s := store.New(row.backend)
		_, list := s.ListBySubject(t.Context(), row.subject)
		_, del := s.DeleteBySubject(t.Context(), row.subject)
		for op, err := range map[string]error{"list by subject": list, "delete by subject": del} {
			var wrapped *store.Error
			if !errors.Is(err, row.want) || errors.Is(err, store.ErrUnavailable) || !errors.As(err, &wrapped) || wrapped.Op != op {
				t.Errorf("%s, %s: error %v, want %v", row.what, op, err, row.want)
			}
		}
		if b, ok := row.backend.(*able); ok && len(b.calls) > 0 {
			t.Errorf("%s: the backend was asked", row.what)
		}
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
