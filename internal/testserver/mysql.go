//go:build unix

package testserver

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// MySQL is MariaDB for those who have MySQL in its place: path is that of the
// program mysqld. The users and names are the same.
func MySQL(tb testing.TB, path string, args ...string) *DatabaseServer {
	tb.Helper()
	return startDatabase(tb, mysql(path), args)
}

// SharedMySQL is SharedMariaDB for the program mysqld at path.
func SharedMySQL(path string) *SharedDatabase { return &SharedDatabase{engine: mysql(path)} }

func mysql(path string) engine {
	e := mariadb()
	e.name = "mysql"
	e.missing = "there is no " + path
	e.programs, e.folders = []string{path}, nil
	e.setUp = func(d *database) error {
		if err := os.WriteFile(filepath.Join(d.dir, "users.sql"), []byte(mariadbUsers), 0o644); err != nil {
			return err
		}
		return d.run(path, "--no-defaults", "--initialize-insecure", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", "--datadir="+d.data())
	}
	e.args = func(d *database) []string {
		return []string{ // without a second port, and without a folder elsewhere
			"--no-defaults", "--datadir=" + d.data(), "--port=" + strconv.Itoa(d.port), "--bind-address=127.0.0.1",
			"--socket=" + filepath.Join(d.dir, "socket"), "--pid-file=" + filepath.Join(d.dir, "pid"), "--mysqlx=OFF",
			"--init-file=" + filepath.Join(d.dir, "users.sql"), "--skip-name-resolve", "--max-connections=400",
			"--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--secure-file-priv=NULL", "--innodb-buffer-pool-size=64M",
		}
	}
	return e
}
