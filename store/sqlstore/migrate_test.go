package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/store/sqlstore"
)

func TestTenInstancesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			db, table := e.db(t), newTable()
			var all sync.WaitGroup
			for range 10 {
				s := newStore(t, newDB(t, e.driver, e.sourceOf(t, db)), e.dialect, sqlstore.WithTable(table))
				all.Go(func() {
					if err := s.Migrate(t.Context()); err != nil {
						t.Errorf("migrate: %v", err)
					}
					if err := s.Create(t.Context(), key(1), record()); err != nil && !strings.Contains(err.Error(), "already") {
						t.Errorf("create as soon as it has migrated: %v", err)
					}
				})
			}
			all.Wait()
			notes := ask[int](t, db, "SELECT count(*) FROM session_migrations WHERE table_name = '"+table+"'")
			migrations, err := sqlstore.Migrations(e.dialect)
			if err != nil || notes != len(migrations) {
				t.Errorf("%d migrations are noted, want %d, error %v", notes, len(migrations), err)
			}
			if rows := ask[int](t, db, "SELECT count(*) FROM "+table); rows != 1 {
				t.Errorf("there are %d rows, want one", rows)
			}
		})
	}
}

// Who applies the text by hand has the same table; to migrate it afterwards
// does no harm.
func TestMigrationsAreTextToApplyByHand(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			db, table := e.db(t), newTable()
			migrations, err := sqlstore.Migrations(e.dialect, sqlstore.WithTable(table))
			if err != nil || len(migrations) == 0 {
				t.Fatalf("%d migrations, error %v", len(migrations), err)
			}
			comment := regexp.MustCompile(`--.*`)
			for range 2 { // they may be run again
				for i, m := range migrations {
					if m.Version != i+1 || m.Name == "" || strings.ContainsAny(m.SQL, "{}") {
						t.Errorf("migration %d is %d %q:\n%s", i+1, m.Version, m.Name, m.SQL)
					}
					for statement := range strings.SplitSeq(comment.ReplaceAllString(m.SQL, ""), ";") {
						if strings.TrimSpace(statement) != "" {
							run(t, db, statement)
						}
					}
				}
			}
			s := newStore(t, db, e.dialect, sqlstore.WithTable(table))
			if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
				t.Fatal(err)
			}
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if rec, err := s.Load(t.Context(), key(1)); err != nil || string(rec.State["a"]) != `1` {
				t.Errorf("load: %v, %v", rec, err)
			}
		})
	}
}

// What a later version has done is left alone.
func TestMigrateNeverGoesBack(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s, db, table := e.migrated(t)
			run(t, db, "ALTER TABLE "+table+" ADD COLUMN later INTEGER")
			run(t, db, "INSERT INTO session_migrations (table_name, version) VALUES ('"+table+"', 99)")
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
				t.Error(err)
			}
			if _, err := s.Load(t.Context(), key(1)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Another instance that hangs while it migrates costs no more than the context
// allows, and keeps nobody out afterwards.
func TestMigrateWaitsWithinItsContext(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			db, table := e.db(t), newTable()
			hold, release := map[sqlstore.Dialect]string{
				sqlstore.Postgres: "SELECT pg_advisory_lock(7316290563018442091)",
				sqlstore.MySQL:    "SELECT GET_LOCK('session_migrations', 10)",
				sqlstore.SQLite:   "BEGIN IMMEDIATE",
			}, map[sqlstore.Dialect]string{
				sqlstore.Postgres: "SELECT pg_advisory_unlock(7316290563018442091)",
				sqlstore.MySQL:    "SELECT RELEASE_LOCK('session_migrations')",
				sqlstore.SQLite:   "ROLLBACK",
			}
			if e.dialect == sqlstore.Postgres {
				// The lock is one of the whole database, which other tests need.
				db = otherDatabase(t, db, table)
			}
			other, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			if _, err := other.ExecContext(t.Context(), hold[e.dialect]); err != nil {
				t.Fatal(err)
			}
			s := newStore(t, db, e.dialect, sqlstore.WithTable(table))
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			err = testkit.Receive(t, "the end of a migration", testkit.Begin(func() error { return s.Migrate(ctx) }))
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) || err == nil {
				t.Errorf("migrate: %v, want that there was no time", err)
			}
			if _, err := other.ExecContext(t.Context(), release[e.dialect]); err != nil {
				t.Fatal(err)
			}
			if err := s.Migrate(t.Context()); err != nil {
				t.Errorf("migrate when the other is done: %v", err)
			}
		})
	}
}

// otherDatabase gives a database of its own on the server of PostgreSQL.
func otherDatabase(t *testing.T, db *sql.DB, name string) *sql.DB {
	t.Helper()
	run(t, db, "CREATE DATABASE "+name)
	return newDB(t, pgx.driver, strings.Replace(pgx.dsn(pgx.server(t)), "/postgres?", "/"+name+"?", 1))
}

// A migration that fails, here as the schema is missing, leaves nothing locked.
func TestAMigrationThatFailsCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			db, schema := e.db(t), "later_"+newTable()
			db.SetMaxOpenConns(1) // a file is attached to a connection
			s := newStore(t, db, e.dialect, sqlstore.WithSchema(schema))
			if err := s.Migrate(t.Context()); err == nil {
				t.Error("migrate without the schema: no error")
			}
			if e.dialect == sqlstore.SQLite {
				run(t, db, "ATTACH ':memory:' AS "+schema)
			} else {
				run(t, db, "CREATE SCHEMA "+schema)
			}
			if err := s.Migrate(t.Context()); err != nil {
				t.Errorf("migrate when the schema is there: %v", err)
			}
			if err := s.Create(t.Context(), key(1), record()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A driver may tell that the context has ended though the transaction has begun.
func TestAMigrationThatWasCancelledLeavesNoTransactionBehind(t *testing.T) {
	t.Parallel()
	plain := sqlite.db(t)
	db := sql.OpenDB(&lateBegin{plain.Driver(), sqlite.sourceOf(t, plain)})
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	s := newStore(t, db, sqlstore.SQLite, sqlstore.WithTable(newTable()))
	if err := s.Migrate(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("migrate: %v, want what the driver says", err)
	}
	run(t, db, "BEGIN IMMEDIATE")
	run(t, db, "ROLLBACK")
}

// lateBegin makes connections that begin a transaction and say that there was no
// time for it.
type lateBegin struct {
	driver driver.Driver
	name   string
}

func (d *lateBegin) Driver() driver.Driver { return d.driver }

func (d *lateBegin) Connect(context.Context) (driver.Conn, error) {
	c, err := d.driver.Open(d.name)
	return &lateConn{Conn: c}, err
}

type lateConn struct {
	driver.Conn
	begun bool
}

func (c *lateConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	result, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
	if first := !c.begun; first && err == nil && query == "BEGIN IMMEDIATE" {
		c.begun = true
		return nil, context.Canceled
	}
	return result, err
}

// What keeps a transaction from being committed keeps nobody waiting beyond the
// context.
func TestMigrateEndsWithItsContextAlsoWhileItCommits(t *testing.T) {
	t.Parallel()
	db, schema := pgx.db(t), "slow_"+newTable()
	run(t, db, "CREATE SCHEMA "+schema)
	if err := newStore(t, db, sqlstore.Postgres, sqlstore.WithSchema(schema)).Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(t, db, "CREATE FUNCTION "+schema+".dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3600); RETURN NULL; END'")
	run(t, db, "CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON "+schema+".session_migrations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "+schema+".dawdle()")
	s := newStore(t, db, sqlstore.Postgres, sqlstore.WithSchema(schema), sqlstore.WithTable("another"))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := s.Migrate(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// Whatever the database sets for its sessions: who has waited for another instance
// sees what that has done.
func TestWhoWaitedToMigrateSeesWhatWasDone(t *testing.T) {
	t.Parallel()
	for setting, waiting := range map[string]string{ // how many wait, or have given up once
		"default_transaction_isolation = 'repeatable read'": "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted " +
			"AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
		"lock_timeout = '50ms'": "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()",
	} {
		db := otherDatabase(t, pgx.db(t), newTable())
		run(t, db, "ALTER DATABASE "+ask[string](t, db, "SELECT current_database()")+" SET "+setting)
		db.SetMaxIdleConns(0) // what is connected has the settings of before
		held, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		if _, err := held.ExecContext(t.Context(), "SELECT pg_advisory_lock(7316290563018442091)"); err != nil {
			t.Fatal(err)
		}
		var migrations []<-chan error
		for range 3 {
			s := newStore(t, db, sqlstore.Postgres)
			migrations = append(migrations, testkit.Begin(func() error { return s.Migrate(context.Background()) }))
		}
		testkit.Eventually(t, func() error {
			var n int
			if err := held.QueryRowContext(t.Context(), waiting).Scan(&n); err != nil || n < 3 {
				return fmt.Errorf("%d wait, error %v", n, err)
			}
			return nil
		})
		if _, err := held.ExecContext(t.Context(), "SELECT pg_advisory_unlock(7316290563018442091)"); err != nil {
			t.Fatal(err)
		}
		for _, migration := range migrations {
			if err := testkit.Receive(t, "the end of a migration", migration); err != nil {
				t.Errorf("%s: migrate: %v", setting, err)
			}
		}
	}
}
