package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/sqlstore"
)

// C4: the database's clock shows the same in every time zone.
func TestC4_TheClockKnowsNoTimeZone(t *testing.T) {
	t.Parallel()
	names := map[sqlstore.Dialect][]string{sqlstore.SQLite: {"file:" + filepath.Join(t.TempDir(), "clock.db")}}
	for _, zone := range []string{"UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Etc/GMT+12"} {
		names[sqlstore.Postgres] = append(names[sqlstore.Postgres], testserver.PostgresURL(postgres.Get(t).Addr(), "timezone", zone))
	}
	for _, zone := range []string{"SYSTEM", "+00:00", "+13:00", "-12:00", "+05:30"} {
		names[sqlstore.MySQL] = append(names[sqlstore.MySQL],
			testserver.MariaDBName(mariadb.Get(t).Addr(), "time_zone="+url.QueryEscape("'"+zone+"'")))
	}
	for _, e := range engines {
		now, err := sqlstore.Now(e.dialect)
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range names[e.dialect] {
			db := newDB(t, e.driver, name)
			before := time.Now().UnixMilli()
			got := ask[int64](t, db, "SELECT "+now)
			after := time.Now().UnixMilli()
			if got < before-1 || got > after+1 {
				t.Errorf("%s, time zone %d: the clock shows %d, between %d and %d here", e.name, i, got, before, after)
			}
		}
	}
}

// C4: an hour that comes twice, as daylight saving time ends, comes once here.
func TestC4_TheClockGoesOnWhenAnHourIsRepeated(t *testing.T) {
	t.Parallel()
	now, err := sqlstore.Now(sqlstore.MySQL)
	if err != nil {
		t.Fatal(err)
	}
	// The server is in New York, and its sessions are where it is.
	db := newDB(t, "mysql", testserver.MariaDBName(mariadb.Get(t).Addr()))
	db.SetMaxOpenConns(1)
	first := time.Date(2025, time.November, 2, 5, 30, 0, 0, time.UTC)
	wrong := 0
	for _, at := range []time.Time{first, first.Add(time.Hour)} {
		run(t, db, fmt.Sprintf("SET timestamp = %d.123", at.Unix()))
		if local := ask[string](t, db, "SELECT CAST(CAST(NOW() AS TIME) AS CHAR)"); local != "01:30:00" {
			t.Fatalf("it is %s there, want half past one: the server does not know its time zone", local)
		}
		if got, want := ask[int64](t, db, "SELECT "+now), at.UnixMilli()+123; got != want {
			t.Errorf("the clock shows %d, want %d", got, want)
		}
		if ask[int64](t, db, "SELECT CAST(UNIX_TIMESTAMP(CAST(NOW(3) AS CHAR)) * 1000 AS SIGNED)") != at.UnixMilli()+123 {
			wrong++
		}
	}
	if wrong != 1 {
		t.Errorf("local time was wrong %d times, want once: these moments test nothing", wrong)
	}
}

// A write that has waited for its row until that expired does not bring it back,
// whatever became of who held it.
func TestAWriteThatWaitedDoesNotBringBackWhatExpired(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end   func(tx *sql.Tx) error
		write func(s *sqlstore.Store) error
	}{
		"an update behind a commit":         {(*sql.Tx).Commit, extend},
		"an update behind a rollback":       {(*sql.Tx).Rollback, extend},
		"a change of key behind a commit":   {(*sql.Tx).Commit, renew},
		"a change of key behind a rollback": {(*sql.Tx).Rollback, renew},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, db, table := maria.migrated(t)
			rec := record("a", `1`)
			rec.TTL = 2 * time.Second
			if err := s.Create(t.Context(), key(1), rec); err != nil {
				t.Fatal(err)
			}
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec("UPDATE " + table + " SET version = version + 1"); err != nil {
				t.Fatal(err)
			}
			write := testkit.Begin(func() error { return c.write(s) })
			testkit.Eventually(t, func() error {
				if ask[int](t, db, "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%"+table+"`%' AND id <> CONNECTION_ID()") == 0 {
					return errors.New("it is not under way")
				}
				return nil
			})
			testkit.Eventually(t, func() error {
				if _, err := s.Load(t.Context(), key(1)); !errors.Is(err, store.ErrNotFound) {
					return fmt.Errorf("load: %w", err)
				}
				return nil
			})
			if err := c.end(tx); err != nil {
				t.Fatal(err)
			}
			if err := testkit.Receive(t, "a write", write); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the write: %v, want ErrNotFound", err)
			}
		})
	}
}

func extend(s *sqlstore.Store) error {
	return s.Update(context.Background(), key(1), store.Change{TTL: time.Hour})
}

func renew(s *sqlstore.Store) error {
	return s.ChangeKey(context.Background(), key(1), key(2), store.Change{TTL: time.Hour})
}
