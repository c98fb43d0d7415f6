//go:build unix

package testserver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const installMariaDB = "mariadb-server is not installed: apt-get install mariadb-server, dnf install mariadb-server or brew install mariadb"

// MariaDB starts a MariaDB server that ends with the test. It does not wait for
// the disk; args are further settings as its command line takes them, such as
// "--innodb-flush-log-at-trx-commit=1".
func MariaDB(tb testing.TB, args ...string) *DatabaseServer {
	tb.Helper()
	return startDatabase(tb, mariadb(), args)
}

// MariaDBName gives the data source name, as go-sql-driver takes it, of the
// database at addr, that of a server or of a proxy before it; parameters are
// those of the driver, such as "clientFoundRows=true".
func MariaDBName(addr string, parameters ...string) string {
	return fmt.Sprintf("%s:%s@tcp(%s)/%s?%s", DatabaseUser, DatabasePassword, addr, DatabaseName, strings.Join(parameters, "&"))
}

const mariadbUsers = "CREATE DATABASE IF NOT EXISTS " + DatabaseName + ";\n" +
	"CREATE USER IF NOT EXISTS " + DatabaseUser + " IDENTIFIED BY '" + DatabasePassword + "';\n" +
	"GRANT ALL ON *.* TO " + DatabaseUser + " WITH GRANT OPTION;\n"

func mariadb() engine {
	return engine{
		name:     "mariadb",
		account:  "mysql",
		missing:  installMariaDB,
		programs: []string{"mariadb-install-db", "mariadbd"},
		folders:  []string{"/usr/sbin", "/usr/libexec", "/opt/homebrew/bin"},
		stop:     syscall.SIGTERM,
		discard:  syscall.SIGKILL,
		setUp: func(d *database) error {
			if err := os.WriteFile(filepath.Join(d.dir, "users.sql"), []byte(mariadbUsers), 0o644); err != nil {
				return err
			}
			return d.run("mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db",
				"--skip-name-resolve", "--innodb-log-file-size=16M", "--datadir="+d.data())
		},
		args: func(d *database) []string {
			return []string{
				"--no-defaults", "--datadir=" + d.data(), "--port=" + strconv.Itoa(d.port), "--bind-address=127.0.0.1",
				"--socket=" + filepath.Join(d.dir, "socket"), "--pid-file=" + filepath.Join(d.dir, "pid"),
				"--init-file=" + filepath.Join(d.dir, "users.sql"), "--skip-name-resolve", "--max-connections=400",
				"--innodb-flush-log-at-trx-commit=0", "--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M",
			}
		},
		ready: readyMariaDB,
	}
}

// readyMariaDB returns nil when the server greets, which it does once it has
// recovered and run its init file.
func readyMariaDB(d *database) error {
	conn, err := net.DialTimeout("tcp", d.Addr(), time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	greeting := make([]byte, 5) // the length, a number, and the version of the protocol
	if _, err := io.ReadFull(conn, greeting); err != nil {
		return err
	}
	if greeting[4] != 10 {
		return errors.New("it greets with an error")
	}
	return nil
}
