//go:build faults

package faults_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store/sqlstore"
)

// TestSQL kills PostgreSQL, MariaDB, and shops on a file of SQLite, each for its
// share of the faults.
func TestSQL(t *testing.T) {
	// A driver whose connections break has much to say.
	_ = mysql.SetLogger(log.New(io.Discard, "", 0))
	seed, count := seedAndCount(t)
	run := newRun(t, seed)
	run.on("postgres", serverFaults(t, sqlstore.Postgres, "pgx", func() (*testserver.DatabaseServer, string) {
		s := testserver.Postgres(t, "-c", "fsync=on")
		return s, testserver.PostgresURL(s.Addr())
	}, `SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`), count/3)
	run.on("mariadb", serverFaults(t, sqlstore.MySQL, "mysql", func() (*testserver.DatabaseServer, string) {
		s := testserver.MariaDB(t, "--innodb-flush-log-at-trx-commit=1")
		return s, testserver.MariaDBName(s.Addr())
	}, `SELECT count(*) FROM information_schema.processlist WHERE user = '`+testserver.DatabaseUser+`' AND id <> connection_id()`), count/3)
	run.on("fxapp on sqlite", shopFaults(t), count-2*(count/3))
	run.report()
}

// serverFaults are those of a server that waits for its disk before it answers
// a write; connections asks it how many there are but the one that asks.
func serverFaults(t *testing.T, dialect sqlstore.Dialect, driver string, start func() (*testserver.DatabaseServer, string), connections string) func() system {
	return func() system {
		server, dsn := start()
		stores := []backend{openPool(t, dialect, driver, dsn), openPool(t, dialect, driver, dsn)}
		if err := stores[0].(pool).Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		return system{
			stores: stores,
			await:  func() {},
			faults: []fault{{"the server is killed and comes back", 1, func(random *rand.Rand) {
				midTraffic(random)
				server.Kill()
				server.Start()
			}}},
			after: func() {
				if n := left(t, driver, dsn, connections); n > 0 {
					t.Errorf("%s: %d connections are left", driver, n)
				}
				server.Stop()
			},
		}
	}
}

// shopFaults are those of two shops that share a file.
func shopFaults(t *testing.T) func() system {
	return func() system {
		file := filepath.Join(t.TempDir(), "shop.db")
		dsn := "file:" + file + "?_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)"
		path, environment := buildShop(t), []string{
			"SESSION_COOKIE_KEYS=" + config.NewKey().Reveal(),
			"SESSION_STORE_DRIVER=sql",
			"SESSION_STORE_SQL_DIALECT=sqlite",
			"SESSION_STORE_SQL_DRIVER=sqlite",
			"SESSION_STORE_SQL_DSN=" + dsn,
			"SESSION_STORE_SQL_MIGRATE=true",
			"SESSION_STORE_SWEEP_INTERVAL=1s", // so that sweeps are cut off as well
		}
		shops := []*shop{openShop(t, path, environment), openShop(t, path, environment)}
		return system{
			shops: shops,
			await: func() {},
			faults: []fault{
				{"one of two programs is killed and comes back", 1, func(random *rand.Rand) {
					midTraffic(random)
					killed(shops[random.IntN(len(shops))])
				}},
				{"both programs are killed and come back", 1, func(random *rand.Rand) {
					midTraffic(random)
					killed(shops...)
				}},
			},
			after: func() {
				// Who closes the last connection in order puts the log into the file.
				if _, err := os.Stat(file + "-wal"); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("a connection to the file was not closed: its log is there: %v", err)
				}
				if said := ask[string](t, "sqlite", dsn, "PRAGMA integrity_check"); said != "ok" {
					t.Errorf("the file is damaged: %s", said)
				}
			},
		}
	}
}

// midTraffic lets the traffic go on for a moment, so that what comes does not
// always meet the same requests.
func midTraffic(random *rand.Rand) { pause(time.Duration(random.IntN(400)) * time.Millisecond) }

// pool is a store over connections of its own.
type pool struct {
	*sqlstore.Store
	db *sql.DB
}

func openPool(t *testing.T, dialect sqlstore.Dialect, driver, dsn string) pool {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	s, err := sqlstore.New(db, dialect)
	if err != nil {
		t.Fatal(err)
	}
	return pool{s, db}
}

// Close fails where an operation has not given its connection back.
func (p pool) Close() error {
	var held error
	if n := p.db.Stats().InUse; n > 0 {
		held = fmt.Errorf("%d connections are in use, by nobody", n)
	}
	return errors.Join(held, p.Store.Close(), p.db.Close())
}

// left asks until no connection is left, for some seconds: a server takes a
// moment to notice.
func left(t *testing.T, driver, dsn, query string) (n int) {
	t.Helper()
	for deadline := time.Now().Add(healTimeout); time.Now().Before(deadline); pause(10 * time.Millisecond) {
		if n = ask[int](t, driver, dsn, query); n == 0 {
			break
		}
	}
	return n
}

// ask runs a query for one value.
func ask[T any](t *testing.T, driver, dsn, query string) (value T) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), query).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}
