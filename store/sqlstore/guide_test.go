package sqlstore_test

import (
	"os"
	"regexp"
	"strconv"
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

// PostgreSQL may be set to write bytes in another way, which drivers that prepare
// nothing see.
func TestTheSessionsOfASubjectAreFoundHoweverBytesAreWritten(t *testing.T) {
	t.Parallel()
	db := newDB(t, pgxPlain.driver, pgxPlain.dsn(pgxPlain.server(t))+"&bytea_output=escape")
	s := newStore(t, db, sqlstore.Postgres, sqlstore.WithTable(newTable()))
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	rec := record("a", `1`)
	rec.Subject = "ada"
	if err := s.Create(t.Context(), key(1), rec); err != nil {
		t.Fatal(err)
	}
	if list, err := s.ListBySubject(t.Context(), "ada"); err != nil || len(list) != 1 || list[0].Key != key(1) {
		t.Errorf("listed: %v, error %v", list, err)
	}
	if n, err := s.DeleteBySubject(t.Context(), "ada"); n != 1 || err != nil {
		t.Errorf("deleted: %d, error %v", n, err)
	}
}

// Subjects may begin alike for long, as those of one issuer do; MySQL has only a part
// of each in its index.
func TestTheIndexOfMySQLTellsLongSubjectsApart(t *testing.T) {
	t.Parallel()
	s, db, _ := maria.migrated(t)
	db.SetMaxOpenConns(1) // what has been read is counted by connection
	issuer := "https://" + strings.Repeat("issuer.", 20) + "example/"
	const subjects = 50
	for n := range subjects {
		rec := record()
		rec.Subject = issuer + strconv.Itoa(n)
		if err := s.Create(t.Context(), key(n), rec); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (rows int) {
		t.Helper()
		all, err := db.QueryContext(t.Context(), "SHOW SESSION STATUS LIKE 'Handler_read%'")
		if err != nil {
			t.Fatal(err)
		}
		defer all.Close()
		for all.Next() {
			var name string
			var n int
			if err := all.Scan(&name, &n); err != nil {
				t.Fatal(err)
			}
			rows += n
		}
		return rows
	}
	before := read()
	if list, err := s.ListBySubject(t.Context(), issuer+"7"); err != nil || len(list) != 1 {
		t.Errorf("listed: %v, error %v", list, err)
	}
	if rows := read() - before; rows > subjects/2 {
		t.Errorf("%d rows were read for one session", rows)
	}
}

// A row that somebody has put in under a key that no session has: a list with a part
// of the sessions left out would be taken for all of them.
func TestAListSaysThatAKeyIsNoneOfASession(t *testing.T) {
	t.Parallel()
	// MySQL fills a key up to its length.
	for short, e := range map[string]engine{"decode('01', 'hex')": pgx, "x'01'": sqlite} {
		s, db, table := e.migrated(t)
		rec := record("a", `1`)
		rec.Subject = "ada"
		if err := s.Create(t.Context(), key(1), rec); err != nil {
			t.Fatal(err)
		}
		run(t, db, "INSERT INTO "+table+" (session_key, mark, state, subject, created_at, version, expires_at) "+
			"SELECT "+short+", mark, state, subject, created_at, version, expires_at FROM "+table)
		if list, err := s.ListBySubject(t.Context(), "ada"); err == nil || !strings.Contains(err.Error(), "not one of 16 bytes") {
			t.Errorf("%s: listed %d, error %v", e.name, len(list), err)
		}
	}
}
