package sqlstore_test

import (
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/sqlstore"
)

// Counted on the wire: every operation is one statement and one round trip.
func TestEveryOperationIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	for _, e := range []engine{pgx, maria, mariaFound} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			_, _, table := e.migrated(t)
			proxy := testserver.NewPlainProxy(t, e.server(t))
			db := newDB(t, e.driver, e.dsn(proxy.Addr()))
			db.SetMaxOpenConns(1)
			s := store.New(newStore(t, db, e.dialect, sqlstore.WithTable(table)))
			subject := "user-1"
			ch := store.Change{
				Set: state("a", `1`, "b", `2`), Remove: []string{"c", "d", "e"},
				Subject: &subject, TTL: 2 * time.Hour,
			}
			steps := []struct {
				name string
				do   func(n int) error
			}{
				{"create", func(n int) error { return s.Create(t.Context(), key(2*n), record("c", `1`)) }},
				{"load", func(n int) error { _, err := s.Load(t.Context(), key(2*n)); return err }},
				{"update", func(n int) error { return s.Update(t.Context(), key(2*n), ch) }},
				{"update of a TTL", func(n int) error { return s.UpdateTTL(t.Context(), key(2*n), time.Hour) }},
				{"change key", func(n int) error { return s.ChangeKey(t.Context(), key(2*n), key(2*n+1), ch) }},
				{"delete", func(n int) error { return s.Delete(t.Context(), key(2*n+1)) }},
				{"load of nothing", func(n int) error {
					if _, err := s.Load(t.Context(), key(1_000_000)); err == nil {
						t.Error("there is something")
					}
					return nil
				}},
				{"delete expired", func(int) error { _, err := s.DeleteExpired(t.Context(), 0); return err }},
			}
			// The first time round, the connection prepares each statement.
			for n := range 10 {
				for _, step := range steps {
					before := proxy.RoundTrips()
					if err := step.do(n); err != nil {
						t.Fatalf("%s: %v", step.name, err)
					}
					if trips := proxy.RoundTrips() - before; n > 0 && trips != 1 {
						t.Errorf("%s: %d round trips, want 1", step.name, trips)
					}
				}
			}
		})
	}
}
