package fxsession

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/sqlstore"
)

// newSQL makes the Backend on a database, over the application's *sql.DB or one
// of its own. The application links the driver.
func newSQL(p newBackendParams) (store.Backend, error) {
	cfg := p.Config.Store.SQL
	dialect := sqlstore.Dialect(cfg.Dialect)
	opts := []sqlstore.Option{sqlstore.WithTable(cfg.Table), sqlstore.WithSchema(cfg.Schema)}
	switch {
	case cfg.DSN.IsZero() && p.DB == nil:
		return nil, errors.New("fxsession: session.store.driver is sql: set session.store.sql.driver and dsn, or provide a *sql.DB " +
			"(if there is a constructor of one, fx has left it out because it needs something that is missing)")
	case !cfg.DSN.IsZero() && p.DB != nil:
		return nil, errors.New("fxsession: there are both session.store.sql.dsn and a *sql.DB: " +
			"remove the dsn to use the *sql.DB, or do not provide it")
	case p.DB != nil && cfg.Driver != "":
		return nil, errors.New("fxsession: a *sql.DB has its driver already, so that session.store.sql.driver would have no effect: " +
			"remove it, or do not provide the *sql.DB and set session.store.sql.dsn")
	case p.DB != nil:
		return sqlstore.New(p.DB, dialect, opts...)
	}
	if !slices.Contains(sql.Drivers(), cfg.Driver) {
		return nil, fmt.Errorf("fxsession: session.store.sql.driver is %q, which is not linked into the program (%s): import the driver's package",
			cfg.Driver, linkedDrivers())
	}
	b := newLazyBackend(func(ctx context.Context) (opened, error) {
		return sqlstore.Open(ctx, cfg.Driver, cfg.DSN.Reveal(), dialect, opts...)
	})
	p.Lifecycle.Append(fx.StopHook(b.Close))
	return b, nil
}

// linkedDrivers says which database/sql drivers the program has.
func linkedDrivers() string {
	names := sql.Drivers()
	if len(names) == 0 {
		return "no driver is"
	}
	return "linked: " + strings.Join(names, ", ")
}
