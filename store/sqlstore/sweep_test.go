package sqlstore_test

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/sqlstore"
)

// The size of TestC7_TenSweepers, which at -sqlstore.rows=1000000 takes some
// minutes.
var (
	sweepRows    = flag.Int("sqlstore.rows", 25_000, "how many rows the test of sweepers begins with")
	sweepExpired = flag.Int("sqlstore.expired", 20_000, "how many of these have expired")
)

// C7: ten instances sweep at once, while sessions go on.
func TestC7_TenSweepers(t *testing.T) {
	t.Parallel()
	const batch = 500
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s, db, table := e.migrated(t)
			rows, expired := e.scaled(*sweepRows), e.scaled(*sweepExpired)
			e.fill(t, db, table, rows, expired)
			for n := range 50 {
				if err := s.Create(t.Context(), key(n), record("n", `0`)); err != nil {
					t.Fatal(err)
				}
			}

			start := time.Now()
			var removed atomic.Int64
			var sweepers, others sync.WaitGroup
			for range 10 {
				instance := newStore(t, newDB(t, e.driver, e.sourceOf(t, db)), e.dialect, sqlstore.WithTable(table))
				sweepers.Go(func() {
					// The end is when nothing is left, not a short batch: what is
					// missing there may be in the hands of another, for a while.
					tick := time.NewTicker(time.Millisecond)
					defer tick.Stop()
					for empty := 0; empty < 10_000 && removed.Load() < int64(expired) && !t.Failed(); <-tick.C {
						n, err := instance.DeleteExpired(t.Context(), batch)
						removed.Add(int64(n))
						if err != nil || n > batch {
							t.Errorf("a sweep of at most %d removed %d: %v", batch, n, err)
						}
						if empty++; n > 0 {
							empty = 0
						}
					}
				})
			}
			ctx, cancel := context.WithCancel(t.Context())
			var writes atomic.Int64
			for n := range 2 {
				others.Go(func() {
					for i := 1; ctx.Err() == nil; i++ {
						ch := store.Change{Set: state("n", fmt.Sprint(i)), TTL: time.Hour}
						if err := s.Update(t.Context(), key(n), ch); err != nil {
							t.Errorf("update while others sweep: %v", err)
							return
						}
						writes.Add(1)
					}
				})
			}
			sweepers.Wait()
			took := time.Since(start)
			cancel()
			others.Wait()
			t.Logf("%d of %d rows were removed in %s, with %d updates beside it", removed.Load(), rows, took, writes.Load())

			if removed.Load() != int64(expired) {
				t.Errorf("%d rows were removed, want %d", removed.Load(), expired)
			}
			if left, want := ask[int](t, db, "SELECT count(*) FROM "+table), rows-expired+50; left != want {
				t.Errorf("%d rows are left, want the %d live ones", left, want)
			}
		})
	}
}

// C7: what is asked for is removed in bounded statements, however much it is.
func TestC7_AnUnlimitedSweepIsManySmallOnes(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s, db, table := e.migrated(t)
			for _, step := range []struct{ limit, want int }{
				{0, 2*sqlstore.MaxBatch + 10},
				{sqlstore.MaxBatch + 5, sqlstore.MaxBatch + 5},
				{7, 7},
			} {
				run(t, db, "DELETE FROM "+table)
				e.fill(t, db, table, 2*sqlstore.MaxBatch+20, 2*sqlstore.MaxBatch+10)
				n, err := s.DeleteExpired(t.Context(), step.limit)
				if err != nil || n != step.want {
					t.Errorf("with the limit %d it removed %d, error %v, want %d", step.limit, n, err, step.want)
				}
			}
		})
	}
}
