package sqlstore_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/sqlstore"
)

func TestNamesThatAreNoNamesAreRefused(t *testing.T) {
	t.Parallel()
	db := sqlite.db(t)
	for _, name := range []string{
		"", "1st", "a b", "a-b", "a.b", `a"b`, "a`b", "a'b", "a;b", "a\x00b", "é", "sessions; DROP TABLE users", strings.Repeat("a", 64), "\n",
	} {
		for _, d := range []sqlstore.Dialect{sqlstore.Postgres, sqlstore.MySQL, sqlstore.SQLite} {
			if _, err := sqlstore.New(db, d, sqlstore.WithTable(name)); err == nil {
				t.Errorf("%s: the table %q: no error", d, name)
			}
			if _, err := sqlstore.Migrations(d, sqlstore.WithTable(name)); err == nil {
				t.Errorf("%s: the migrations of the table %q: no error", d, name)
			}
			if _, err := sqlstore.New(db, d, sqlstore.WithSchema(name)); err == nil && name != "" {
				t.Errorf("%s: the schema %q: no error", d, name)
			}
		}
	}
	for _, name := range []string{"session_migrations", "Session_Migrations"} {
		if _, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.WithTable(name)); err == nil {
			t.Errorf("the table %q, which is taken: no error", name)
		}
	}
	if _, err := sqlstore.New(nil, sqlstore.SQLite); err == nil {
		t.Error("no *sql.DB: no error")
	}
	for _, d := range []sqlstore.Dialect{"", "Postgres", "oracle", "../sqlite"} {
		if _, err := sqlstore.New(db, d); err == nil {
			t.Errorf("the dialect %q: no error", d)
		}
		if _, err := sqlstore.Open(t.Context(), "sqlite", "file::memory:", d); err == nil {
			t.Errorf("open with the dialect %q: no error", d)
		}
	}
}

var runsOfNames atomic.Int64

// Reserved words, upper case and the longest names are names like any other;
// those that are alike to their last letters stay apart.
func TestNamesAreQuoted(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 62)
	// The tables stay on the shared servers, for the next run of a -count.
	run := 1000 * int(runsOfNames.Add(1))
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			db := e.db(t)
			for i, name := range []string{"select", "Order", "MixedCase", "_", long + "a", long + "b"} {
				s := newStore(t, db, e.dialect, sqlstore.WithTable(name))
				if err := s.Migrate(t.Context()); err != nil {
					t.Errorf("migrate %s: %v", name, err)
					continue
				}
				if err := s.Create(t.Context(), key(run+i), record("a", `1`)); err != nil {
					t.Errorf("create in %s: %v", name, err)
				}
				if err := s.ChangeKey(t.Context(), key(run+i), key(run+100+i), store.Change{Remove: []string{"a"}}); err != nil {
					t.Errorf("change key in %s: %v", name, err)
				}
				if _, err := s.Load(t.Context(), key(run+100+i)); err != nil {
					t.Errorf("load from %s: %v", name, err)
				}
				if _, err := s.Load(t.Context(), key(run+99+i)); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("what is in another table is in %s as well: %v", name, err)
				}
			}
		})
	}
}

func TestASchemaKeepsTablesApart(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			db, table := e.db(t), newTable()
			db.SetMaxOpenConns(1) // a file is attached to a connection
			switch e.dialect {
			case sqlstore.SQLite:
				run(t, db, "ATTACH ':memory:' AS \"Web\"")
			default:
				run(t, db, "CREATE SCHEMA IF NOT EXISTS "+map[sqlstore.Dialect]string{sqlstore.Postgres: `"Web"`, sqlstore.MySQL: "Web"}[e.dialect])
			}
			in := newStore(t, db, e.dialect, sqlstore.WithTable(table), sqlstore.WithSchema("Web"))
			out := newStore(t, db, e.dialect, sqlstore.WithTable(table))
			for _, s := range []*sqlstore.Store{in, out} {
				if err := s.Migrate(t.Context()); err != nil {
					t.Fatalf("migrate: %v", err)
				}
			}
			if err := in.Create(t.Context(), key(1), record("a", `1`)); err != nil {
				t.Fatal(err)
			}
			if err := in.ChangeKey(t.Context(), key(1), key(2), store.Change{Set: state("b", `2`)}); err != nil {
				t.Fatal(err)
			}
			if _, err := in.Load(t.Context(), key(2)); err != nil {
				t.Errorf("load: %v", err)
			}
			if _, err := out.Load(t.Context(), key(2)); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("load from the table outside of the schema: %v, want ErrNotFound", err)
			}
			if n, err := in.DeleteExpired(t.Context(), 0); n != 0 || err != nil {
				t.Errorf("delete expired: %d, %v", n, err)
			}
		})
	}
}
