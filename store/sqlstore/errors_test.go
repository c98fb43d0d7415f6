package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/sqlstore"
)

func TestOpenOwnsItsConnections(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			driver, name := e.source(t)
			s, err := sqlstore.Open(t.Context(), driver, name, e.dialect, sqlstore.WithTable(newTable()))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if err := s.Ping(t.Context()); err == nil {
				t.Error("ping after close: no error")
			}
		})
	}
}

// A *sql.DB that was brought is never closed.
func TestCloseLeavesWhatItWasGiven(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			db := e.db(t)
			s, err := sqlstore.New(db, e.dialect)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if err := db.PingContext(t.Context()); err != nil {
				t.Errorf("ping after close: %v", err)
			}
		})
	}
}

// No error shows a password, or any of a name that may hold one.
func TestErrorsShowNoPassword(t *testing.T) {
	t.Parallel()
	const word = "hunter2"
	pg, my := postgres.Get(t).Addr(), mariadb.Get(t).Addr()
	for _, name := range []string{
		"postgres://tester:" + word + "@" + pg + "/postgres?sslmode=disable",
		"postgres://tester:" + word + "@127.0.0.1:1/postgres",
		"postgres://tester:" + word + "%zz@" + pg + "/postgres",
		"postgres://tester:" + word + "/more@" + pg + "/postgres",
		"postgres://tester:" + word + " more@" + pg + "/postgres",
		"postgres://" + pg + "/postgres?user=tester&password=" + word + "&sslmode=disable",
		"postgres://" + pg + "/postgres?password=" + word + "&sslmode=perhaps",
		"host=127.0.0.1 port=1 user=tester password=" + word,
		"host=127.0.0.1 port=1 user=tester password='" + word + " more'",
		"host=127.0.0.1 port=none password=" + word,
		"tester:" + word + "@tcp(" + my + ")/sessions",
		"tester:" + word + "@tcp(127.0.0.1:1)/sessions",
		"tester:" + word + "@tcp(" + my + "/sessions",
		"tester:" + word + "@" + my + "/sessions",
		"tester:" + word + "@more@tcp(" + my + ")/sessions?tls=perhaps",
		"tester:" + word,
	} {
		for driver, dialect := range map[string]sqlstore.Dialect{"pgx": sqlstore.Postgres, "mysql": sqlstore.MySQL, "unknown": sqlstore.SQLite} {
			s, err := sqlstore.Open(t.Context(), driver, name, dialect)
			if err == nil {
				_ = s.Close()
				t.Errorf("%s: %s: no error", driver, strings.ReplaceAll(name, word, "…"))
			}
			tellsNothing(t, err, word)
		}
	}
}

// Where the password is right and something else is wrong, the driver's words
// are there.
func TestErrorsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, open := range []struct {
		dialect      sqlstore.Dialect
		driver, name string
		want         string
	}{
		{sqlstore.Postgres, "pgx", testserver.PostgresURL("127.0.0.1:1"), "refused"},
		{sqlstore.MySQL, "mysql", testserver.MariaDBName("127.0.0.1:1"), "refused"},
		{sqlstore.Postgres, "pgx", strings.Replace(testserver.PostgresURL(postgres.Get(t).Addr()), "/postgres?", "/elsewhere?", 1), "elsewhere"},
		{sqlstore.MySQL, "mysql", strings.Replace(testserver.MariaDBName(mariadb.Get(t).Addr()), "/sessions", "/elsewhere", 1), "elsewhere"},
		{sqlstore.SQLite, "sqlite", "file:" + filepath.Join(t.TempDir(), "no", "folder.db"), "unable to open"},
		{sqlstore.SQLite, "sqlite3-not-linked", "file:x", "not linked into the program: import"},
		{sqlstore.SQLite, "sqlite", "", "no data source name"},
	} {
		_, err := sqlstore.Open(t.Context(), open.driver, open.name, open.dialect)
		if err == nil || !strings.Contains(err.Error(), open.want) {
			t.Errorf("%s: the error is %v, want one that says %q", open.driver, err, open.want)
		}
		tellsNothing(t, err)
	}
	for _, e := range engines {
		s := newStore(t, e.db(t), e.dialect, sqlstore.WithTable(newTable()))
		if _, err := s.Load(t.Context(), key(1)); err == nil || !strings.Contains(err.Error(), "session.store.sql.migrate: true") {
			t.Errorf("%s: load without a table: %v, want what to do about it", e.name, err)
		}
	}
}

// A database in memory is one for all, though each connection of the driver would
// have its own.
func TestADatabaseInMemoryIsOne(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{":memory:", "file::memory:", "file:" + newTable() + "?mode=memory", "file:?_pragma=busy_timeout(1000)", "file:%3Amemory%3A"} {
		backend, err := sqlstore.Open(t.Context(), "sqlite", dsn, sqlstore.SQLite)
		if err != nil {
			t.Fatal(err)
		}
		s := store.New(backend)
		defer s.Close()
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		rec := record()
		rec.Subject = "ada"
		var all sync.WaitGroup
		for n := range 50 {
			all.Go(func() {
				err := s.Create(t.Context(), key(n), rec)
				_, load := s.Load(t.Context(), key(n))
				_, list := s.ListBySubject(t.Context(), "ada")
				change := s.ChangeKey(t.Context(), key(n), key(100+n), store.Change{TTL: time.Hour})
				if err := errors.Join(err, load, list, change); err != nil {
					t.Errorf("%s: %v", dsn, err)
				}
			})
		}
		all.Wait()
		if n, err := s.DeleteBySubject(t.Context(), "ada"); n != 50 || err != nil {
			t.Errorf("%s: deleted %d, %v, want 50", dsn, n, err)
		}
		if _, err := s.DeleteExpired(t.Context(), 0); err != nil {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

// What may be a password is taken out of a text as a whole, also where a part of
// it may be one.
func TestTheLongestSecretComesFirst(t *testing.T) {
	t.Parallel()
	got := sqlstore.SecretsOf("host=db password=sec sslpassword=secondsec")
	if want := []string{"secondsec", "sec"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A password that is a word of other texts, too, hides no more than itself.
func TestAPasswordThatIsACommonWordHidesNoError(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"sessions", "postgres", "parse", "e", "re"} {
		role := "with_" + password
		run(t, pgx.db(t), "DROP ROLE IF EXISTS "+role)
		run(t, pgx.db(t), "CREATE ROLE "+role+" LOGIN PASSWORD '"+password+"'")
		name := strings.Replace(testserver.PostgresURL(postgres.Get(t).Addr()),
			testserver.DatabaseUser+":"+testserver.DatabasePassword+"@", role+":"+password+"@", 1)
		s, err := sqlstore.Open(t.Context(), "pgx", name, sqlstore.Postgres, sqlstore.WithTable(newTable()))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Load(t.Context(), key(1)); err == nil || !strings.Contains(err.Error(), "the table is not there") {
			t.Errorf("load without a table: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Load(ctx, key(1)); !errors.Is(err, context.Canceled) {
			t.Errorf("load for nobody: %v, want context.Canceled", err)
		}
	}
}

// An engine that quotes what it refuses is not quoted.
func TestErrorsShowNoValues(t *testing.T) {
	t.Parallel()
	for _, e := range []engine{pgx, maria} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s, db, table := e.migrated(t)
			if e.dialect == sqlstore.Postgres {
				run(t, db, "ALTER TABLE "+table+" ADD COLUMN number integer GENERATED ALWAYS AS (CAST(subject AS integer)) STORED")
			} else {
				run(t, db, "ALTER TABLE "+table+" MODIFY subject INT NOT NULL")
			}
			rec := record("a", `"something"`)
			rec.Subject = "somebody"
			err := s.Create(t.Context(), key(1), rec)
			if err == nil {
				t.Fatal("create: no error")
			}
			if !strings.Contains(err.Error(), "a value was refused, with the code") {
				t.Errorf("create: %v, want that a value was refused", err)
			}
			tellsNothing(t, err, "somebody", "something", key(1).String())
		})
	}
}

// What the engine undid because of others is done again: serialization
// failures, and a file that another is writing to.
func TestWhatOthersPreventedIsTriedAgain(t *testing.T) {
	t.Parallel()
	serializable := pgx
	serializable.name = "postgres, serializable"
	serializable.dsn = func(addr string) string {
		return testserver.PostgresURL(addr, "default_transaction_isolation", "serializable")
	}
	impatient := sqlite
	impatient.name = "sqlite, without a timeout"
	impatient.dsn = func(file string) string { return "file:" + file + "?_pragma=journal_mode(WAL)" }
	for _, e := range []engine{serializable, impatient, maria} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s, db, table := e.migrated(t)
			if err := s.Create(t.Context(), key(1), record()); err != nil {
				t.Fatal(err)
			}
			const writers, writes = 8, 10
			var all sync.WaitGroup
			for w := range writers {
				other := newDB(t, e.driver, e.sourceOf(t, db))
				other.SetMaxOpenConns(1)
				instance := newStore(t, other, e.dialect, sqlstore.WithTable(table))
				all.Go(func() {
					for i := range writes {
						ch := store.Change{Set: state(fmt.Sprint(w, " ", i), `1`)}
						if err := instance.Update(t.Context(), key(1), ch); err != nil {
							t.Errorf("update: %v", err)
						}
					}
				})
			}
			all.Wait()
			rec, err := s.Load(t.Context(), key(1))
			if err != nil || len(rec.State) != writers*writes || rec.Version != 1+writers*writes {
				t.Errorf("%d state keys, version %d, error %v, want %d keys", len(rec.State), rec.Version, err, writers*writes)
			}
		})
	}
}

// A version that no record can have is one that it does not have.
func TestAVersionBeyondAllIsAConflict(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		s, _, _ := e.migrated(t)
		if err := s.Create(t.Context(), key(1), record()); err != nil {
			t.Fatal(err)
		}
		for _, version := range []uint64{2, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
			if err := s.Update(t.Context(), key(1), store.Change{IfVersion: version}); !errors.Is(err, store.ErrConflict) {
				t.Errorf("%s: update of version %d: %v, want ErrConflict", e.name, version, err)
			}
		}
	}
}

// A TTL may be as long as a Duration can tell.
func TestTheLongestTTL(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		s, _, _ := e.migrated(t)
		rec := record("a", `1`)
		rec.TTL = (1<<63 - 1) / time.Millisecond * time.Millisecond
		if err := s.Create(t.Context(), key(1), rec); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Load(t.Context(), key(1)); err != nil || got.TTL > rec.TTL || got.TTL < rec.TTL-time.Minute {
			t.Errorf("%s: load: a TTL of %s, error %v, want %s", e.name, got.TTL, err, rec.TTL)
		}
	}
}

// Removing more state keys than fit a statement is as atomic as removing one.
func TestManyRemovalsWhileOthersWrite(t *testing.T) {
	t.Parallel()
	const many, writes = 500, 20
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s, _, _ := e.migrated(t)
			var pairs, names []string
			for i := range many {
				names = append(names, fmt.Sprint("key ", i))
				pairs = append(pairs, names[i], `1`)
			}
			if err := s.Create(t.Context(), key(1), record(append(pairs, "kept", `1`)...)); err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			all.Go(func() {
				for i := range writes {
					if err := s.Update(t.Context(), key(1), store.Change{Set: state(fmt.Sprint("new ", i), `1`)}); err != nil {
						t.Errorf("update: %v", err)
					}
				}
			})
			if err := s.Update(t.Context(), key(1), store.Change{Remove: names, Set: state("key 7", `2`)}); err != nil {
				t.Errorf("update that removes: %v", err)
			}
			all.Wait()
			if err := s.ChangeKey(t.Context(), key(1), key(2), store.Change{Remove: append(names, "kept"), IfVersion: 2 + writes}); err != nil {
				t.Errorf("change key: %v", err)
			}
			rec, err := s.Load(t.Context(), key(2))
			if err != nil || len(rec.State) != writes || rec.Version != 3+writes {
				t.Errorf("%d state keys, version %d, error %v, want %d keys", len(rec.State), rec.Version, err, writes)
			}
			err = s.Update(t.Context(), key(2), store.Change{Remove: names, IfVersion: 1})
			if !errors.Is(err, store.ErrConflict) {
				t.Errorf("update of another version: %v, want ErrConflict", err)
			}
		})
	}
}

// sqlState is an error of PostgreSQL.
type sqlState string

func (e sqlState) Error() string    { return "an error" }
func (e sqlState) SQLState() string { return string(e) }

// The codes by which the engines say what is to be done. Some of them come up in
// races alone, which no test can bring about at will.
func TestWhatTheCodesOfTheEnginesMean(t *testing.T) {
	t.Parallel()
	again, refused := sqlstore.Verdict{Transient: true}, sqlstore.Verdict{Refused: true, ShowsData: true}
	quotes, noTable := sqlstore.Verdict{ShowsData: true}, sqlstore.Verdict{MissingTable: true}
	for _, row := range []struct {
		dialect sqlstore.Dialect
		err     error
		want    sqlstore.Verdict
	}{
		{sqlstore.Postgres, sqlState("40001"), again},
		{sqlstore.Postgres, sqlState("40P01"), again},
		{sqlstore.Postgres, sqlState("55P03"), again},
		{sqlstore.Postgres, sqlState("22P02"), quotes},
		{sqlstore.Postgres, sqlState("23505"), quotes},
		{sqlstore.Postgres, sqlState("42P01"), noTable},
		{sqlstore.Postgres, sqlState("57P01"), sqlstore.Verdict{}},
		{sqlstore.Postgres, errors.New("Error 1213 (40001): Deadlock found"), sqlstore.Verdict{}},
		{sqlstore.MySQL, errors.New("Error 1213 (40001): Deadlock found"), again},
		{sqlstore.MySQL, errors.New("Error 1020 (HY000): Record has changed since last read"), again},
		{sqlstore.MySQL, errors.New("Error 1690 (22003): BIGINT value is out of range"), refused},
		{sqlstore.MySQL, errors.New("Error 1062 (23000): Duplicate entry"), quotes},
		{sqlstore.MySQL, errors.New("Error 3140 (22032): Invalid JSON text"), quotes},
		{sqlstore.MySQL, errors.New("Error 1146 (42S02): Table doesn't exist"), noTable},
		{sqlstore.MySQL, errors.New("Error 1205 (HY000): Lock wait timeout"), sqlstore.Verdict{}},
		{sqlstore.SQLite, errors.New("database is locked (5) (SQLITE_BUSY)"), again},
		{sqlstore.SQLite, errors.New("database table is locked"), again},
		{sqlstore.SQLite, errors.New("no such table: sessions"), noTable},
		{sqlstore.SQLite, errors.New("disk I/O error"), sqlstore.Verdict{}},
	} {
		for _, err := range []error{row.err, fmt.Errorf("exec: %w", row.err)} {
			if got := row.dialect.Judge(err); got != row.want {
				t.Errorf("%s, %v: %+v, want %+v", row.dialect, err, got, row.want)
			}
		}
	}
}

// A mark that a later version may come to know is corrupt for this one, which
// can still delete it.
func TestARowWithAnUnknownMarkCanBeDeleted(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s, db, table := e.migrated(t)
			if err := s.Create(t.Context(), key(1), record()); err != nil {
				t.Fatal(err)
			}
			run(t, db, "UPDATE "+table+" SET mark = 7")
			if _, err := s.Load(t.Context(), key(1)); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("load: %v", err)
			}
			if err := s.Delete(t.Context(), key(1)); err != nil {
				t.Errorf("delete: %v", err)
			}
			if _, err := s.Load(t.Context(), key(1)); !errors.Is(err, store.ErrEnded) {
				t.Errorf("load what was deleted: %v", err)
			}
		})
	}
}

// In quotes, escaped or with an @ in it, a password is found as the server and
// the driver would show it.
func TestAPasswordIsFoundInEveryForm(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"host=db password='two words'":          "two words",
		"user:p@ss@tcp(db:3306)/shop":           "p@ss",
		"postgres://user:p@ss@db/shop":          "p@ss",
		"postgres://user:p%40ss@db/shop":        "p@ss",
		"postgres://db/shop?user=u&password=pw": "pw",
		"postgres://u:pw@db/shop?app=a@b":       "pw",
		"u:p@ss@tcp(db:3306)/shop?attr=a@b":     "p@ss",
	} {
		if got := sqlstore.SecretsOf(dsn); !slices.Contains(got, want) {
			t.Errorf("%s: %q is not in %q", dsn, want, got)
		}
	}
}

// C8: a write that waits for its turn gives up with its context, and says that
// and nothing of a record.
func TestAWriteThatWaitsForItsTurnGivesUp(t *testing.T) {
	t.Parallel()
	s, db, _ := sqlite.migrated(t)
	held, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err := held.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	patient, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	first := make(chan error, 1)
	go func() { first <- s.Create(patient, key(1), record()) }() // it has the turn, and waits for the lock
	eventually(t, func() error {
		if db.Stats().InUse < 2 {
			return errors.New("nobody writes")
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	second := make(chan error, 1)
	go func() { second <- s.Create(ctx, key(2), record()) }()
	select {
	case err := <-second:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("create: %v", err)
		}
	case err := <-first: // whose time is over
		t.Fatalf("the second still waits, the first: %v", err)
	}
	if _, err := held.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Errorf("the first: %v", err)
	}
}

// The *sql.DB may be the application's own: then nobody knows the secrets of its name.
func TestTheNameOfABroughtPoolIsNotShown(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"host=db.internal user=app password='it's hunter2",
		"app:with@hunter2@tcp(db.internal:3306)/shop",
		"app/hunter2@db.internal",
	} {
		s := newStore(t, newDB(t, "pgx", name), sqlstore.Postgres)
		err := s.Ping(t.Context())
		if err == nil {
			t.Error("ping: no error")
		}
		tellsNothing(t, err, "hunter2", "db.internal")
	}
}

// What somebody has added to the table may say what is written to it.
func TestTheWordsOfATriggerAreNotShown(t *testing.T) {
	t.Parallel()
	for _, added := range []struct {
		engine     engine
		statements []string
	}{
		{sqlite, []string{"CREATE INDEX {t}_json ON {t} (json_extract(state, subject))"}},
		{pgx, []string{
			"CREATE FUNCTION {t}_no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no %', NEW.subject; END $$",
			"CREATE TRIGGER {t}_no BEFORE INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION {t}_no()",
		}},
		{maria, []string{
			"CREATE TRIGGER {t}_no BEFORE INSERT ON {t} FOR EACH ROW BEGIN SET @s = NEW.subject; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = @s; END",
		}},
	} {
		s, db, table := added.engine.migrated(t)
		for _, statement := range added.statements {
			run(t, db, strings.ReplaceAll(statement, "{t}", table))
		}
		rec := record("a", `1`)
		rec.Subject = "somebody"
		err := store.New(s).Create(t.Context(), key(1), rec)
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: create: %v", added.engine.name, err)
		}
		tellsNothing(t, err, rec.Subject)
	}
}
