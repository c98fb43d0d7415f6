package sqlstore_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/sqlstore"
)

// childVariable makes the test binary a program that writes to the file of
// SQLite that it names.
const childVariable = "SQLSTORE_CHILD"

// child writes until it is killed, and says so after each write that was
// answered: it creates record n, changes it and renames it to n + 1,000,000.
func child() {
	fail := func(err error) {
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
	}
	ctx := context.Background()
	db, err := sql.Open("sqlite", sqlite.dsn(os.Getenv(childVariable)))
	fail(err)
	s, err := sqlstore.New(db, sqlstore.SQLite)
	fail(err)
	fail(s.Migrate(ctx))
	first := 0
	fail(db.QueryRowContext(ctx, "SELECT count(*) FROM sessions").Scan(&first))
	for n := first; ; n++ {
		fail(s.Create(ctx, key(n), record("n", fmt.Sprint(n))))
		fmt.Println("created", n)
		fail(s.Update(ctx, key(n), store.Change{Set: state("changed", `true`)}))
		fmt.Println("changed", n)
		fail(s.ChangeKey(ctx, key(n), key(n+1_000_000), store.Change{}))
		fmt.Println("renewed", n)
	}
}

// D5, C10: what SQLite has answered is there after the program was killed.
func TestC10_AProgramOnSQLiteIsKilled(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "sessions.db")
	done := map[int]string{}
	for range 5 {
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), program) // the end is a SIGKILL
		cmd.Env = append(os.Environ(), childVariable+"="+name)
		output, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(output)
		for said := 0; lines.Scan(); said++ {
			var what string
			var n int
			if _, err := fmt.Sscan(lines.Text(), &what, &n); err != nil {
				t.Fatalf("it says %q", lines.Text())
			}
			done[n] = what
			if said == 100 { // it goes on meanwhile
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed
	}

	db := newDB(t, "sqlite", sqlite.dsn(name))
	if check := ask[string](t, db, "PRAGMA integrity_check"); check != "ok" {
		t.Fatalf("the file is damaged: %s", check)
	}
	s := newStore(t, db, sqlstore.SQLite)
	if len(done) < 100 {
		t.Fatalf("only %d records were made", len(done))
	}
	for n, what := range done {
		// The step after the one that was answered may have been done as well.
		old, oldErr := s.Load(t.Context(), key(n))
		renewed, renewedErr := s.Load(t.Context(), key(n+1_000_000))
		isRenewed := renewedErr == nil && string(renewed.State["changed"]) == `true`
		isChanged := oldErr == nil && string(old.State["changed"]) == `true`
		isCreated := oldErr == nil
		if !(isRenewed || what != "renewed" && isChanged || what == "created" && isCreated) || oldErr == nil && renewedErr == nil {
			t.Errorf("record %d was %s, and then: %v under its key, %v under the next", n, what, oldErr, renewedErr)
		}
	}
}
