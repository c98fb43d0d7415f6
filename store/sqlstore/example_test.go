package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"time"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/lifecycle"
	"github.com/fxsession/sessions/session"
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
	db.SetMaxIdleConns(20) // with the default of 2, a busy program would open and close connections all the time
	db.SetConnMaxLifetime(30 * time.Minute)

	backend, err := sqlstore.New(db, sqlstore.Postgres, sqlstore.WithTable("web_sessions"))
	if err != nil {
		log.Fatal(err)
	}
	sessions := store.New(backend)
	defer sessions.Close() // closes prepared statements, and leaves db open
	if err := sessions.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
}

// An fx application provides its pool.
func ExampleNew_fx() {
	fx.New(
		fxsession.Module,
		fx.Provide(func(lc fx.Lifecycle) (*sql.DB, error) {
			db, err := sql.Open("pgx", "postgres://app:secret@localhost:5432/app")
			if err == nil {
				lc.Append(fx.StopHook(db.Close)) // Module leaves it open
			}
			return db, err
		}),
		// and the rest of the application
	).Run()
}

// A program without fx takes what is configured to a Manager, and sweeps.
func ExampleOpen_manager() {
	ctx := context.Background()
	var handler http.Handler = http.NewServeMux()

	cfg, err := config.Load(config.WithFile("app.yaml"))
	if err != nil {
		log.Fatal(err)
	}
	backend, err := sqlstore.Open(ctx, cfg.Store.SQL.Driver, cfg.Store.SQL.DSN.Reveal(), sqlstore.Dialect(cfg.Store.SQL.Dialect),
		sqlstore.WithTable(cfg.Store.SQL.Table), sqlstore.WithSchema(cfg.Store.SQL.Schema))
	if err != nil {
		log.Fatal(err)
	}
	sessions := store.New(backend, store.WithTimeout(cfg.Store.Timeout))
	manager, err := session.NewManager(cfg, sessions)
	if err != nil {
		log.Fatal(err)
	}
	background := lifecycle.New(sessions, cfg.Store)
	if err := background.Start(ctx); err != nil { // migrates if store.sql.migrate is set, and starts the sweeper
		log.Fatal(err)
	}
	handler = manager.Middleware(handler)

	http.Handle("/", handler)
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
