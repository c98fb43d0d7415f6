package sqlstore_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/sqlstore"
)

// Every block of Go in docs/sql.md is part of an example, and so compiled.
func TestTheGuideIsCompiled(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/sql.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)\n```go\n(.*?)```").FindAllStringSubmatch(string(guide), -1)
	if len(blocks) == 0 {
		t.Fatal("there is no block of Go")
	}
	for _, block := range blocks {
		indented := "\t" + strings.ReplaceAll(strings.TrimSpace(block[1]), "\n", "\n\t")
		if !strings.Contains(string(examples), strings.ReplaceAll(indented, "\n\t\n", "\n\n")) {
			t.Errorf("this is in no example:\n%s", block[1])
		}
	}
}

// The rights that docs/sql.md names are all that it takes to serve.
func TestTheRightsThatItTakesToServe(t *testing.T) {
	t.Parallel()
	for _, e := range []engine{pgx, maria} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			_, db, table := e.migrated(t)
			user := "serves_" + table
			login := "'" + secret + "'"
			if e.dialect == sqlstore.Postgres {
				run(t, db, "CREATE ROLE "+user+" LOGIN PASSWORD "+login)
			} else {
				run(t, db, "CREATE USER "+user+" IDENTIFIED BY "+login)
			}
			run(t, db, "GRANT SELECT, INSERT, UPDATE, DELETE ON "+table+" TO "+user)
			restricted := newDB(t, e.driver, strings.Replace(e.dsn(e.server(t)), "tester:", user+":", 1))
			s := store.New(newStore(t, restricted, e.dialect, sqlstore.WithTable(table)))
			for _, step := range []struct {
				name string
				do   func() error
			}{
				{"ping", func() error { return s.Ping(t.Context()) }},
				{"create", func() error { return s.Create(t.Context(), key(1), record("a", `1`)) }},
				{"update", func() error {
					return s.Update(t.Context(), key(1), store.Change{Set: state("b", `2`), Remove: []string{"a"}})
				}},
				{"change key", func() error { return s.ChangeKey(t.Context(), key(1), key(2), store.Change{}) }},
				{"load", func() error { _, err := s.Load(t.Context(), key(2)); return err }},
				{"delete", func() error { return s.Delete(t.Context(), key(2)) }},
				{"delete expired", func() error { _, err := s.DeleteExpired(t.Context(), 0); return err }},
			} {
				if err := step.do(); err != nil {
					t.Errorf("%s: %v", step.name, err)
				}
			}
			if err := s.Migrate(t.Context()); err == nil {
				t.Error("migrate: no error, so that nothing was restricted")
			}
		})
	}
}
