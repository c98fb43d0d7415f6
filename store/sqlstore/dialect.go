package sqlstore

import (
	"fmt"
	"strconv"
)

// Dialect names an SQL engine.
type Dialect string

// The engines that there are statements for.
const (
	// Postgres is PostgreSQL, from version 13.
	Postgres Dialect = "postgres"
	// MySQL is MySQL from version 8.0.16, and MariaDB from version 10.6.
	MySQL Dialect = "mysql"
	// SQLite is SQLite from version 3.38.
	SQLite Dialect = "sqlite"
)

func (d Dialect) check() error {
	switch d {
	case Postgres, MySQL, SQLite:
		return nil
	}
	return fmt.Errorf("sqlstore: the dialect %q is not known: use %q, %q or %q", string(d), Postgres, MySQL, SQLite)
}

// quote makes a valid identifier one that is neither folded nor reserved.
func (d Dialect) quote(identifier string) string {
	if d == MySQL {
		return "`" + identifier + "`"
	}
	return `"` + identifier + `"`
}

// placeholder gives the nth parameter, from 1. MySQL knows no numbers, so that
// a parameter that is used twice is passed twice.
func (d Dialect) placeholder(n int) string {
	switch d {
	case Postgres:
		return "$" + strconv.Itoa(n)
	case SQLite:
		return "?" + strconv.Itoa(n)
	default:
		return "?"
	}
}

// prepares says whether statements are prepared once and kept. go-sql-driver
// would otherwise prepare each of them for each call, for another round trip,
// and the drivers of SQLite would compile it. pgx prepares and keeps by itself,
// and can be told not to, as some connection poolers demand.
func (d Dialect) prepares() bool { return d != Postgres }

// serial says whether the engine has one writer at a time. Those of one Store
// then wait in turn, where the engine would have them ask again and again.
func (d Dialect) serial() bool { return d == SQLite }

// removesAtOnce says whether a merge removes any number of state keys. That of
// MariaDB forgets some of them when there are several, and some of the values
// to set as well: {"a":1,"b":1} and {"b":2,"a":null} give {"b":1}. There each
// key to remove is a merge of its own, in the same statement, before the one
// that sets.
func (d Dialect) removesAtOnce() bool { return d != MySQL }

// deletesWhatItFinds says whether one statement finds what has expired and
// deletes it; see sql/mysql/expired.sql for the other case.
func (d Dialect) deletesWhatItFinds() bool { return d != MySQL }
