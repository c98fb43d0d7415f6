package store_test

import (
	"context"
	"time"

	"github.com/fxsession/sessions/store"
)

// fake is a backend that keeps nothing: it notes what it is called with and
// answers as it is told to.
type fake struct {
	answer  func(ctx context.Context) error // nil: success
	calls   []string
	records []store.Record
	changes []store.Change
	bounds  []time.Duration // how long each call may take, or unbounded
}

const unbounded time.Duration = -1

func (f *fake) called(ctx context.Context, method string) error {
	f.calls = append(f.calls, method)
	bound := unbounded
	if deadline, ok := ctx.Deadline(); ok {
		bound = time.Until(deadline)
	}
	f.bounds = append(f.bounds, bound)
	if f.answer == nil {
		return nil
	}
	return f.answer(ctx)
}

func (f *fake) Create(ctx context.Context, _ store.Key, rec store.Record) error {
	f.records = append(f.records, rec)
	return f.called(ctx, "Create")
}

func (f *fake) Load(ctx context.Context, _ store.Key) (store.Record, error) {
	return store.Record{Version: 3}, f.called(ctx, "Load")
}

func (f *fake) Update(ctx context.Context, _ store.Key, ch store.Change) error {
	f.changes = append(f.changes, ch)
	return f.called(ctx, "Update")
}

func (f *fake) ChangeKey(ctx context.Context, _, _ store.Key, ch store.Change) error {
	f.changes = append(f.changes, ch)
	return f.called(ctx, "ChangeKey")
}

func (f *fake) Delete(ctx context.Context, _ store.Key) error { return f.called(ctx, "Delete") }

func (f *fake) DeleteExpired(ctx context.Context, limit int) (int, error) {
	return limit, f.called(ctx, "DeleteExpired")
}

// able is a fake with every ability.
type able struct{ fake }

func (a *able) ListBySubject(ctx context.Context, subject string) ([]store.Entry, error) {
	return []store.Entry{{Key: aKey, Record: store.Record{Subject: subject}}}, a.called(ctx, "ListBySubject")
}

func (a *able) DeleteBySubject(ctx context.Context, _ string, except ...store.Key) (int, error) {
	return len(except), a.called(ctx, "DeleteBySubject")
}

func (a *able) Ping(ctx context.Context) error    { return a.called(ctx, "Ping") }
func (a *able) Migrate(ctx context.Context) error { return a.called(ctx, "Migrate") }
func (a *able) Close() error                      { return a.called(context.Background(), "Close") }

// local is a fake in the same process.
type local struct{ fake }

func (l *local) ListBySubject(ctx context.Context, _ string) ([]store.Entry, error) {
	return nil, l.called(ctx, "ListBySubject")
}

func (l *local) DeleteBySubject(ctx context.Context, _ string, _ ...store.Key) (int, error) {
	return 0, l.called(ctx, "DeleteBySubject")
}

func (*local) InProcess() {}

// operations calls each method of s that asks the backend, by the name that
// errors, metrics and spans give it.
var operations = map[string]func(ctx context.Context, s *store.SessionStore) error{
	"create": func(ctx context.Context, s *store.SessionStore) error {
		return s.Create(ctx, aKey, store.Record{State: state{"secret": []byte(`"secret"`)}, TTL: time.Hour})
	},
	"load": func(ctx context.Context, s *store.SessionStore) error {
		_, err := s.Load(ctx, aKey)
		return err
	},
	"update": func(ctx context.Context, s *store.SessionStore) error {
		return s.Update(ctx, aKey, store.Change{Set: state{"secret": []byte(`"secret"`)}})
	},
	"change key": func(ctx context.Context, s *store.SessionStore) error {
		return s.ChangeKey(ctx, aKey, store.Key{1}, store.Change{})
	},
	"delete": func(ctx context.Context, s *store.SessionStore) error { return s.Delete(ctx, aKey) },
	"delete expired": func(ctx context.Context, s *store.SessionStore) error {
		_, err := s.DeleteExpired(ctx, 5)
		return err
	},
	"list by subject": func(ctx context.Context, s *store.SessionStore) error {
		_, err := s.ListBySubject(ctx, "secret")
		return err
	},
	"delete by subject": func(ctx context.Context, s *store.SessionStore) error {
		_, err := s.DeleteBySubject(ctx, "secret", aKey)
		return err
	},
	"ping": func(ctx context.Context, s *store.SessionStore) error { return s.Ping(ctx) },
}
