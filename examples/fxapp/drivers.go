package main

// The databases that the shop can keep its sessions in. An application links
// the driver of the one that it uses; the library links none.
import (
	_ "github.com/jackc/pgx/v5/stdlib" // PostgreSQL, as "pgx"
	_ "modernc.org/sqlite"             // SQLite without cgo, as "sqlite"
)
