package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"time"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/sqlstore"
)

// The application brings its pool, and the Store leaves it open.
func ExampleNew() {
	ctx := context.Background()
	db, err := sql.Open("pgx", "postgres://app:secret@localhost:5432/app") // the driver is github.com/jackc/pgx/v5/stdlib
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20) // of the two that are the default, a busy program would close and open all the time
	db.SetConnMaxLifetime(30 * time.Minute)

	backend, err := sqlstore.New(db, sqlstore.Postgres, sqlstore.WithTable("web_sessions"))
	if err != nil {
		log.Fatal(err)
	}
	sessions := store.New(backend)
	defer sessions.Close() // lets go of prepared statements, and leaves db open
	if err := sessions.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
}

// With a name for the data source, the Store makes a pool and closes it.
func ExampleOpen() {
	backend, err := sqlstore.Open(context.Background(), "sqlite", // the driver is modernc.org/sqlite
		"file:/var/lib/app/sessions.db?_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)", sqlstore.SQLite)
	if err != nil {
		log.Fatal(err)
	}
	sessions := store.New(backend)
	defer sessions.Close()
}

// The schema is there as text, for tools of one's own.
func ExampleMigrations() {
	migrations, err := sqlstore.Migrations(sqlstore.SQLite, sqlstore.WithTable("web_sessions"))
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range migrations {
		fmt.Printf("%04d_%s.sql\n", m.Version, m.Name)
	}
	// Output: 0001_sessions.sql
}
