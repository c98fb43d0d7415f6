package redisstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// Counted on the wire: every operation is one round trip, and one command but for
// a load, which is two of the quickest.
func TestEveryOperationIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	proxy := testserver.NewProxy(t, shared.Get(t).Addr())
	s := store.New(open(t, redisstore.Connection{URL: proxy.URL()}, redisstore.WithNamespace(newNamespace())))
	subject := "user-1"
	ch := store.Change{
		Set: state("a", `1`, "b", `2`), Remove: []string{"c"}, Clear: true,
		Subject: &subject, TTL: 2 * time.Hour,
	}
	steps := []struct {
		name     string
		commands int64
		do       func(n int) error
	}{
		{"create", 1, func(n int) error { return s.Create(t.Context(), key(2*n), record("c", `1`)) }},
		{"load", 2, func(n int) error { _, err := s.Load(t.Context(), key(2*n)); return err }},
		{"update", 1, func(n int) error { return s.Update(t.Context(), key(2*n), ch) }},
		{"update of a TTL", 1, func(n int) error { return s.UpdateTTL(t.Context(), key(2*n), time.Hour) }},
		{"change key", 1, func(n int) error { return s.ChangeKey(t.Context(), key(2*n), key(2*n+1), ch) }},
		{"delete", 1, func(n int) error { return s.Delete(t.Context(), key(2*n+1)) }},
	}
	// The first time round, Redis gets to know the scripts, and the client
	// makes all of its connections.
	for n := range 20 {
		for _, step := range steps {
			if err := step.do(n); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
		}
	}
	for n := 20; n < 30; n++ {
		for _, step := range steps {
			commands, roundTrips := proxy.Commands(), proxy.RoundTrips()
			if err := step.do(n); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			if c, r := proxy.Commands()-commands, proxy.RoundTrips()-roundTrips; c != step.commands || r != 1 {
				t.Errorf("%s: %d commands in %d round trips, want %d in 1", step.name, c, r, step.commands)
			}
		}
	}
	commands := proxy.Commands()
	if n, err := s.DeleteExpired(t.Context(), 0); n != 0 || err != nil || proxy.Commands() != commands {
		t.Errorf("delete expired: %d, %v and %d commands, want none", n, err, proxy.Commands()-commands)
	}
}

// watched keeps the context of the last Load.
type watched struct {
	store.Backend
	ctx context.Context
}

func (b *watched) Load(ctx context.Context, _ store.Key) (store.Record, error) {
	b.ctx = ctx
	return store.Record{}, store.ErrNotFound
}

// To wait for the end of a call costs least where its context can do that itself.
func TestTheContextsOfASessionStoreWaitThemselves(t *testing.T) {
	t.Parallel()
	backend := &watched{}
	_, _ = store.New(backend).Load(t.Context(), key(1))
	if !redisstore.WaitsByItself(backend.ctx) {
		t.Errorf("%v has other methods", backend.ctx)
	}
}
