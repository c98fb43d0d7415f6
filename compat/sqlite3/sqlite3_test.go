//go:build cgo

package sqlite3_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/sqlstore"
	"github.com/fxsession/sessions/store/storetest"
)

// TestMain runs the tests in a time zone that is not that of the database,
// which is UTC.
func TestMain(m *testing.M) {
	time.Local = time.FixedZone("far east", 13*3600+45*60)
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, newHarness)
	storetest.Histories(t, newHarness, storetest.HistoryOptions{})
}

// Ten instances that start at once on one file bring about one schema.
func TestTenInstancesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	h := harness(filepath.Join(t.TempDir(), "sessions.db"))
	var instances sync.WaitGroup
	for range 10 {
		s := h.store(t)
		instances.Go(func() {
			if err := s.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	instances.Wait()
	if err := h.store(t).Create(t.Context(), store.Key{1}, store.Record{TTL: time.Hour}); err != nil {
		t.Error(err)
	}
}

// harness is the name of a file.
type harness string

func newHarness(tb testing.TB) storetest.Harness {
	tb.Helper()
	h := harness(filepath.Join(tb.TempDir(), "sessions.db"))
	if err := h.store(tb).Migrate(tb.Context()); err != nil {
		tb.Fatalf("migrate: %v", err)
	}
	return h
}

func (h harness) db(tb testing.TB) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite3", "file:"+string(h)+"?_busy_timeout=1000&_journal_mode=WAL&_synchronous=NORMAL&_loc=auto")
	if err != nil {
		tb.Fatal(err)
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return db
}

func (h harness) store(tb testing.TB) *sqlstore.Store {
	tb.Helper()
	s, err := sqlstore.New(h.db(tb), sqlstore.SQLite)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

func (h harness) Open(tb testing.TB) store.Backend { return h.store(tb) }

func (h harness) Advance(tb testing.TB, d time.Duration) {
	tb.Helper()
	h.run(tb, fmt.Sprintf("UPDATE sessions SET expires_at = expires_at - %d", d.Milliseconds()))
}

func (h harness) Corrupt(tb testing.TB, key store.Key) {
	tb.Helper()
	h.run(tb, fmt.Sprintf(`UPDATE sessions SET state = '{"a":"cut sho' WHERE session_key = x'%s'`, key))
}

func (h harness) run(tb testing.TB, statement string) {
	tb.Helper()
	if _, err := h.db(tb).ExecContext(tb.Context(), statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}
