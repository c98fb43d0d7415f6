package testbackends

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/sqlstore"
)

var (
	sharedPostgres = testserver.SharedPostgres()
	sharedMariaDB  = testserver.SharedMariaDB()
)

// Postgres is a table of its own on a PostgreSQL server that the tests of a
// package share.
func Postgres(tb testing.TB) Harness {
	return newSQL(tb, sqlstore.Postgres, "pgx", testserver.PostgresURL(sharedPostgres.Get(tb).Addr()))
}

// MariaDB is a table of its own on a MariaDB server that the tests of a package
// share.
func MariaDB(tb testing.TB) Harness {
	return newSQL(tb, sqlstore.MySQL, "mysql", testserver.MariaDBName(sharedMariaDB.Get(tb).Addr()))
}

// SQLite is a file of its own.
func SQLite(tb testing.TB) Harness {
	file := filepath.Join(tb.TempDir(), "sessions.db")
	return newSQL(tb, sqlstore.SQLite, "sqlite",
		"file:"+file+"?_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
}

type sqlHarness struct {
	dialect            sqlstore.Dialect
	driver, dataSource string
	table              string
	admin              *sql.DB
}

func newSQL(tb testing.TB, dialect sqlstore.Dialect, driver, dataSource string) Harness {
	tb.Helper()
	h := &sqlHarness{dialect: dialect, driver: driver, dataSource: dataSource, table: fmt.Sprintf("sessions_%d", namespaces.Add(1))}
	h.admin = h.db(tb)
	if err := h.store(tb, h.admin).Migrate(context.Background()); err != nil {
		tb.Fatalf("migrate: %v", err)
	}
	return h
}

func (h *sqlHarness) db(tb testing.TB) *sql.DB {
	tb.Helper()
	db, err := sql.Open(h.driver, h.dataSource)
	if err != nil {
		tb.Fatalf("open %s: %v", h.driver, err)
	}
	db.SetMaxOpenConns(10)
	db.SetMaxIdleConns(10)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func (h *sqlHarness) store(tb testing.TB, db *sql.DB) *sqlstore.Store {
	tb.Helper()
	s, err := sqlstore.New(db, h.dialect, sqlstore.WithTable(h.table))
	if err != nil {
		tb.Fatalf("open %s: %v", h.driver, err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func (h *sqlHarness) Open(tb testing.TB) store.Backend { return h.store(tb, h.db(tb)) }

// Advance takes d from what every row of the table has to live.
func (h *sqlHarness) Advance(tb testing.TB, d time.Duration) {
	tb.Helper()
	age := fmt.Sprintf("UPDATE %s SET expires_at = expires_at - %d", h.table, d.Milliseconds())
	if _, err := h.admin.ExecContext(context.Background(), age); err != nil {
		tb.Fatalf("advance %s: %v", h.driver, err)
	}
}
