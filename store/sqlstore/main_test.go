package sqlstore_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/sqlstore"
)

// What the tests of other packages need, too.
var (
	eventually = testkit.Eventually
	record     = testkit.Record
	state      = testkit.State
)

// The servers of the tests that leave them alone.
var (
	postgres = testserver.SharedPostgres()
	mariadb  = testserver.SharedMariaDB()
)

// mysqld is for those who have a MySQL: few systems let it and MariaDB be
// installed at once.
var mysqld = flag.String("sqlstore.mysqld", "", "the program of a MySQL `server`, to be tested in place of MariaDB")

// startMariaDB gives a test a server of its own.
func startMariaDB(tb testing.TB, args ...string) *testserver.DatabaseServer {
	tb.Helper()
	if *mysqld != "" {
		return testserver.MySQL(tb, *mysqld, args...)
	}
	return testserver.MariaDB(tb, args...)
}

// TestMain runs the tests in a time zone of their own: the servers have
// another one, and the sessions of the databases a third (C4).
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child()
		return
	}
	// Connections are cut all the time, and each is worth a line to the driver.
	_ = mysql.SetLogger(log.New(io.Discard, "", 0))
	flag.Parse()
	if *mysqld != "" {
		mariadb = testserver.SharedMySQL(*mysqld)
	}
	time.Local = time.FixedZone("far east", 13*3600+45*60)
	code := m.Run()
	postgres.Stop()
	mariadb.Stop()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// engine is a database with a driver and its settings.
type engine struct {
	name    string
	dialect sqlstore.Dialect
	driver  string
	// server gives the address of the shared server; nil where there is none.
	server func(tb testing.TB) string
	// name gives the data source name for an address, or for a file.
	dsn func(at string) string
}

var (
	pgx = engine{
		"postgres", sqlstore.Postgres, "pgx",
		func(tb testing.TB) string { return postgres.Get(tb).Addr() },
		func(addr string) string { return testserver.PostgresURL(addr, "timezone", "Asia/Kolkata") },
	}
	// pgxPlain prepares nothing, as poolers that share connections demand.
	pgxPlain = engine{
		"postgres, nothing prepared", sqlstore.Postgres, "pgx",
		func(tb testing.TB) string { return postgres.Get(tb).Addr() },
		func(addr string) string {
			return testserver.PostgresURL(addr, "timezone", "UTC", "default_query_exec_mode", "exec")
		},
	}
	maria = engine{
		"mariadb", sqlstore.MySQL, "mysql",
		func(tb testing.TB) string { return mariadb.Get(tb).Addr() },
		func(addr string) string { return testserver.MariaDBName(addr, "time_zone=%27%2B05:30%27") },
	}
	// mariaFound counts the rows that a statement finds, not those that it
	// changes, sees what others have committed at once, and is lenient.
	mariaFound = engine{
		"mariadb, clientFoundRows", sqlstore.MySQL, "mysql",
		func(tb testing.TB) string { return mariadb.Get(tb).Addr() },
		func(addr string) string {
			isolation := "tx_isolation"
			if *mysqld != "" {
				isolation = "transaction_isolation"
			}
			return testserver.MariaDBName(addr, "clientFoundRows=true", "interpolateParams=true", "parseTime=true", "loc=Local",
				isolation+"=%27READ-COMMITTED%27", "sql_mode=%27ANSI_QUOTES,NO_UNSIGNED_SUBTRACTION%27")
		},
	}
	sqlite = engine{
		"sqlite", sqlstore.SQLite, "sqlite", nil,
		func(file string) string {
			return "file:" + file + "?_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"
		},
	}
)

// engines are those whose statements differ.
var engines = []engine{pgx, maria, sqlite}

var tables atomic.Int64

// newTable keeps a test apart from the others on a shared server.
func newTable() string { return fmt.Sprintf("sessions_%d", tables.Add(1)) }

// newDB gives a pool as an application makes its own.
func newDB(tb testing.TB, driver, dsn string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		tb.Fatalf("open: %v", err)
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

// source gives the driver and name of an empty place for tables.
func (e engine) source(tb testing.TB) (driver, dsn string) {
	tb.Helper()
	if e.server == nil {
		return e.driver, e.dsn(filepath.Join(tb.TempDir(), "sessions.db"))
	}
	return e.driver, e.dsn(e.server(tb))
}

// sourceOf gives the name under which db was opened, for another instance.
func (e engine) sourceOf(tb testing.TB, db *sql.DB) string {
	tb.Helper()
	if e.server == nil {
		return e.dsn(ask[string](tb, db, "SELECT file FROM pragma_database_list WHERE name = 'main'"))
	}
	return e.dsn(e.server(tb))
}

// newStore gives a Store over db.
func newStore(tb testing.TB, db *sql.DB, dialect sqlstore.Dialect, opts ...sqlstore.Option) *sqlstore.Store {
	tb.Helper()
	s, err := sqlstore.New(db, dialect, opts...)
	if err != nil {
		tb.Fatalf("new: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

// migrated gives a Store over a table of its own, and the table's name.
func (e engine) migrated(tb testing.TB) (*sqlstore.Store, *sql.DB, string) {
	tb.Helper()
	db, table := e.db(tb), newTable()
	s := newStore(tb, db, e.dialect, sqlstore.WithTable(table))
	if err := s.Migrate(context.Background()); err != nil {
		tb.Fatalf("migrate: %v", err)
	}
	return s, db, table
}

func (e engine) db(tb testing.TB) *sql.DB {
	tb.Helper()
	driver, dsn := e.source(tb)
	return newDB(tb, driver, dsn)
}

// run runs a statement that the test is sure of.
func run(tb testing.TB, db *sql.DB, statement string, args ...any) {
	tb.Helper()
	if _, err := db.ExecContext(context.Background(), statement, args...); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// ask runs a query for one value.
func ask[T any](tb testing.TB, db *sql.DB, query string, args ...any) (value T) {
	tb.Helper()
	if err := db.QueryRowContext(context.Background(), query, args...).Scan(&value); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return value
}

// hexKey gives key as an expression of the engine.
func (e engine) hexKey(key store.Key) string {
	if e.dialect == sqlstore.Postgres {
		return "decode('" + key.String() + "', 'hex')"
	}
	return "x'" + key.String() + "'"
}

// key gives the nth key of a test.
func key(n int) store.Key {
	return store.Key{0: byte(n), 1: byte(n >> 8), 2: byte(n >> 16), 15: 0xff}
}

// secret is in every data source name with a password.
const secret = testserver.DatabasePassword

// tellsNothing fails the test when an error shows what it must not.
func tellsNothing(tb testing.TB, err error, more ...string) {
	tb.Helper()
	if err == nil {
		return
	}
	for _, word := range append(more, secret) {
		if strings.Contains(err.Error(), word) {
			tb.Errorf("the error shows %q: %v", word, err)
		}
	}
}
