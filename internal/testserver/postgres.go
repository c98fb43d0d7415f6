//go:build unix

package testserver

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const installPostgres = "postgresql is not installed: apt-get install postgresql, dnf install postgresql-server or brew install postgresql"

// Postgres starts a PostgreSQL server that ends with the test. It does not wait
// for the disk; args are further settings as its command line takes them, such
// as "-c", "fsync=on".
func Postgres(tb testing.TB, args ...string) *DatabaseServer {
	tb.Helper()
	return startDatabase(tb, postgres(), args)
}

// PostgresURL gives the URL of the database at addr, that of a server or of a
// proxy before it; each parameter is a name and a value.
func PostgresURL(addr string, parameters ...string) string {
	query := url.Values{"sslmode": {"disable"}}
	for i := 0; i < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(DatabaseUser, DatabasePassword),
		Host: addr, Path: "/postgres", RawQuery: query.Encode(),
	}
	return u.String()
}

func postgres() engine {
	return engine{
		name:     "postgres",
		account:  "postgres",
		missing:  installPostgres,
		programs: []string{"initdb", "postgres"},
		folders:  []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin"},
		stop:     syscall.SIGINT,  // does not wait for clients
		discard:  syscall.SIGQUIT, // SIGKILL leaves shared memory behind
		setUp: func(d *database) error {
			password := filepath.Join(d.dir, "password")
			if err := os.WriteFile(password, []byte(DatabasePassword), 0o644); err != nil {
				return err
			}
			return d.run("initdb", "--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
				"--username="+DatabaseUser, "--pwfile="+password, "--pgdata="+d.data())
		},
		args: func(d *database) []string {
			return []string{
				"-D", d.data(), "-p", strconv.Itoa(d.port), "-h", "127.0.0.1", "-k", d.dir,
				"-c", "fsync=off", "-c", "max_connections=400", "-c", "timezone=" + DatabaseTimeZone,
			}
		},
		ready: readyPostgres,
	}
}

// readyPostgres returns nil when the server asks who is there, which it does
// once it has recovered.
func readyPostgres(d *database) error {
	conn, err := net.DialTimeout("tcp", d.Addr(), time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	body := "user\x00" + DatabaseUser + "\x00database\x00postgres\x00\x00"
	hello := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	hello = binary.BigEndian.AppendUint32(hello, 3<<16) // the version of the protocol
	if _, err := conn.Write(append(hello, body...)); err != nil {
		return err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if answer[0] != 'R' {
		return fmt.Errorf("it answers %q", answer)
	}
	return nil
}
