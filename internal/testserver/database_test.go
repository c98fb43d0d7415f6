//go:build unix

package testserver_test

import (
	"database/sql"
	"io"
	"net"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/fxsession/sessions/internal/testserver"
)

// Both SQL servers, made to wait for the disk, keep what they have answered over
// a kill and over a stop, at the same address.
func TestADatabaseServerKeepsItsDataOverAKill(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) (*testserver.DatabaseServer, string, string){
		"postgres": func(tb testing.TB) (*testserver.DatabaseServer, string, string) {
			s := testserver.Postgres(tb, "-c", "fsync=on")
			return s, "pgx", testserver.PostgresURL(s.Addr())
		},
		"mariadb": func(tb testing.TB) (*testserver.DatabaseServer, string, string) {
			s := testserver.MariaDB(tb, "--innodb-flush-log-at-trx-commit=1")
			return s, "mysql", testserver.MariaDBName(s.Addr())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, driver, source := start(t)
			query := func(statement string) (n int) {
				t.Helper()
				db, err := sql.Open(driver, source)
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				if err := db.QueryRowContext(t.Context(), statement).Scan(&n); err != nil && err != sql.ErrNoRows {
					t.Fatalf("%s: %v", statement, err)
				}
				return n
			}
			query("CREATE TABLE numbers (n INTEGER)")
			for want, end := range []func(){s.Kill, s.Stop, s.Kill} {
				if got := query("SELECT count(*) FROM numbers"); got != want {
					t.Errorf("%d rows are there, want %d", got, want)
				}
				query("INSERT INTO numbers VALUES (1)")
				end()
				if conn, err := net.Dial("tcp", s.Addr()); err == nil {
					_ = conn.Close()
					t.Error("a server that has ended accepts a connection")
				}
				s.Start()
			}
			if got := query("SELECT count(*) FROM numbers"); got != 3 {
				t.Errorf("%d rows are there, want 3", got)
			}
		})
	}
}

// A plain proxy passes on what it does not understand, and holds back answers.
func TestAPlainProxyPassesOnBytes(t *testing.T) {
	t.Parallel()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		conn, err := echo.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.Copy(conn, conn)
	}()
	p := testserver.NewPlainProxy(t, echo.Addr().String())
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer := make([]byte, 4)
	for n := range int64(3) {
		if _, err := conn.Write([]byte("\x00\xff*3")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "\x00\xff*3" {
			t.Fatalf("%q came back, error %v", answer, err)
		}
		if p.RoundTrips() != n+1 || p.Commands() != n+1 {
			t.Errorf("%d commands in %d round trips, want %d", p.Commands(), p.RoundTrips(), n+1)
		}
	}
}
