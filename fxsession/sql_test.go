package fxsession_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/fx"
	_ "modernc.org/sqlite"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/store"
)

// onSQLite is a configuration with its sessions in a file; dsn is "" for those
// who bring a *sql.DB.
func onSQLite(driver, dsn string) fx.Option {
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{config.NewKey()}
	cfg.Store.Driver = config.DriverSQL
	cfg.Store.SQL.Dialect = config.DialectSQLite
	cfg.Store.SQL.Migrate = true
	cfg.Store.SQL.Driver, cfg.Store.SQL.DSN = driver, config.NewSecret(dsn)
	return fx.Replace(cfg)
}

func sqliteFile(t *testing.T) string {
	return "file:" + filepath.Join(t.TempDir(), "sessions.db") + "?_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)"
}

func TestTheStoreOnSQLIsMigratedUsedAndClosed(t *testing.T) {
	t.Parallel()
	dsn := sqliteFile(t)
	for range 2 { // the second run finds what the first one left
		var s *store.SessionStore
		app := fx.New(fx.NopLogger, fxsession.Module, onSQLite("sqlite", dsn), fx.Populate(&s))
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := s.Create(t.Context(), aKey, aRecord)
		if err != nil && !strings.Contains(err.Error(), store.ErrDuplicateKey.Error()) {
			t.Error(err)
		}
		entries, err := s.ListBySubject(t.Context(), "ada")
		if err != nil || len(entries) != 1 || entries[0].Key != aKey {
			t.Errorf("the sessions of ada are %v, %v", entries, err)
		}
		if err := app.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Ping(t.Context()); err == nil {
			t.Error("the store is open after the stop")
		}
	}
}

func TestADatabaseFromTheGraphIsUsedAndNotClosed(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", sqliteFile(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var s *store.SessionStore
	app := fx.New(fx.NopLogger, fxsession.Module, onSQLite("", ""), fx.Supply(db), fx.Populate(&s))
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), aKey, aRecord); err != nil {
		t.Error(err)
	}
	if err := app.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := db.PingContext(t.Context()); err != nil {
		t.Errorf("the application's database was closed: %v", err)
	}
}

func TestASQLStoreNeedsOneDatabase(t *testing.T) {
	t.Parallel()
	db := fx.Supply(new(sql.DB))
	for name, c := range map[string]struct {
		opts fx.Option
		want string
	}{
		"neither":            {onSQLite("", ""), "set session.store.sql.driver and dsn, or provide a *sql.DB"},
		"a driver beside it": {fx.Options(onSQLite("sqlite", ""), db), "session.store.sql.driver would have no effect"},
		"both":               {fx.Options(onSQLite("sqlite", "file:x"), db), "there are both session.store.sql.dsn and a *sql.DB"},
		"a driver that is not linked": {
			onSQLite("oracle", "user:top-secret@host"),
			`session.store.sql.driver is "oracle", which is not linked into the program (linked: ` + strings.Join(sql.Drivers(), ", ") + "): import the driver's package",
		},
		"a database that cannot be made": {
			fx.Options(onSQLite("", ""), fx.Provide(func(missing) *sql.DB { return nil })),
			"fx has left it out because it needs something that is missing",
		},
	} {
		if err := fx.New(fx.NopLogger, fxsession.Module, c.opts).Err(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		} else if strings.Contains(err.Error(), "top-secret") {
			t.Errorf("%s: the secret is in %v", name, err)
		}
	}
}

// The table and its schema are those of the configuration.
func TestTheTableAndTheSchemaOfTheConfiguration(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), "ATTACH ':memory:' AS shop"); err != nil {
		t.Fatal(err)
	}
	start(t, fxsession.Module, fx.Supply(db), environment(
		"SESSION_STORE_DRIVER=sql", "SESSION_STORE_SQL_DIALECT=sqlite", "SESSION_STORE_SQL_MIGRATE=true",
		"SESSION_STORE_SQL_SCHEMA=shop", "SESSION_STORE_SQL_TABLE=visitors",
		"SESSION_COOKIE_KEYS="+config.NewKey().Reveal()))
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM shop.visitors").Scan(&n); err != nil {
		t.Error(err)
	}
}

// The database is closed though a decoration hides that it can be.
func TestADecoratedStoreOnSQLIsClosed(t *testing.T) {
	t.Parallel()
	var below store.Backend
	var created atomic.Int64
	app := fx.New(fx.NopLogger, fxsession.Module, onSQLite("sqlite", sqliteFile(t)),
		fx.Decorate(func(b store.Backend) store.Backend {
			below = b
			return migrating{counting{b, &created}, b.(store.Migrator)}
		}))
	if err := app.Start(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := below.Load(t.Context(), aKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before the stop: %v", err)
	}
	if err := app.Stop(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := below.Load(t.Context(), aKey); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("after the stop: %v", err)
	}
}

// migrating is a Backend that can be migrated, and not closed.
type migrating struct {
	store.Backend
	store.Migrator
}
