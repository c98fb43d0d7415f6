// Package sqlstore keeps sessions in an SQL database, through database/sql:
// PostgreSQL, MySQL and MariaDB, and SQLite.
//
// [New] makes a Backend over a *sql.DB of the application, which stays the
// application's own; [Open] makes one with a *sql.DB of its own, and that one
// is to be closed. The driver is the application's choice: this package
// imports none.
//
// A record is a row of one table, and so is the mark that stands where a
// record was deleted or renewed. The state is a JSON object that any client of
// the database shows: its keys are the state keys, its values the JSON texts
// as strings, so that no engine reads, and so rewrites, what is in them. Every
// write is one statement that commits by itself; where it did nothing, a
// second one, which only reads, tells why. The statements are in the folder
// sql, each in a file with its reasons.
//
// All moments are by the database's clock, in milliseconds since 1970 UTC, and
// come from one expression for each engine (now.sql): no time zone of a
// session, a server or a process has any part in them.
//
// The package knows nothing of sessions, cookies or configuration files.
package sqlstore
