// Package sqlite3 holds no code. Its tests run the conformance suite of stores
// on the driver of SQLite that needs cgo, where there is cgo.
package sqlite3
