package sqlstore_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/sqlstore"
)

// The size of TestHowMuchASessionTakes, which at -sqlstore.sessions=1000000
// takes some minutes.
var sizeSessions = flag.Int("sqlstore.sessions", 5_000, "how many sessions the test of sizes creates")

// Sessions of five state keys, created one by one under keys that come in no
// order, take no more than docs/sql.md says, and with -v it tells how much, and
// how long an operation among them takes. As in a database of two pages
// everything is large, this holds from some thousands on.
func TestHowMuchASessionTakes(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s, db, table := e.migrated(t)
			const callers, least, most = 8, 200, 700
			count := *sizeSessions
			session := func(n int) (store.Key, store.Record) {
				rec := record("user", fmt.Sprintf(`"user-%d"`, n), "cart", `{"tea":2,"honey":1}`, "theme", `"dark"`,
					"csrf", fmt.Sprintf(`"%016x"`, n), "seen", fmt.Sprint(1_700_000_000+n))
				rec.Subject, rec.TTL = fmt.Sprintf("user-%d", n), 24*time.Hour
				sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
				return store.Key(sum[:16]), rec
			}
			var creators sync.WaitGroup
			began := time.Now()
			for first := range callers {
				creators.Go(func() {
					for n := first; n < count; n += callers {
						key, rec := session(n)
						if err := s.Create(t.Context(), key, rec); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			creators.Wait()
			created := time.Since(began)

			size := e.size(t, db, table) / count
			if size < least || size > most {
				t.Errorf("a session takes %d bytes, want %d to %d", size, least, most)
			}
			each := func(do func(store.Key) error) time.Duration {
				const operations = 1_000
				began := time.Now()
				for range operations {
					key, _ := session(rand.IntN(count))
					if err := do(key); err != nil {
						t.Fatal(err)
					}
				}
				return time.Since(began) / operations
			}
			load := each(func(key store.Key) error { _, err := s.Load(t.Context(), key); return err })
			update := each(func(key store.Key) error {
				return s.Update(t.Context(), key, store.Change{Set: state("theme", `"light"`), TTL: 24 * time.Hour})
			})
			t.Logf("%d sessions: %d bytes each, created in %s; one caller: load %s, update %s", count, size, created, load, update)
		})
	}
}

// size gives how many bytes a table takes, its indexes included.
func (e engine) size(tb testing.TB, db *sql.DB, table string) int {
	tb.Helper()
	switch e.dialect {
	case sqlstore.Postgres:
		return ask[int](tb, db, "SELECT pg_total_relation_size('"+table+"')")
	case sqlstore.SQLite:
		return ask[int](tb, db, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
	default: // what InnoDB has taken beforehand for later is left out: some MB, whatever there is
		run(tb, db, "ANALYZE TABLE "+table)
		return ask[int](tb, db, `SELECT data_length + index_length FROM information_schema.tables
			WHERE table_schema = DATABASE() AND table_name = '`+table+"'")
	}
}
