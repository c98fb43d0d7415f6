package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/sqlstore"
	"github.com/fxsession/sessions/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, e := range []engine{pgx, maria, mariaFound, sqlite} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, e.newHarness)
			storetest.Histories(t, e.newHarness, storetest.HistoryOptions{Disturb: cutConnections})
		})
	}
	// Its statements are those of pgx, so that it is enough to see them at work.
	t.Run(pgxPlain.name, func(t *testing.T) {
		t.Parallel()
		storetest.Histories(t, pgxPlain.newHarness, storetest.HistoryOptions{Disturb: cutConnections})
	})
}

// C10: what was answered is kept when a server is killed, as it has to be on
// disk before it is.
func TestC10_HistoriesWhileTheServerIsKilled(t *testing.T) {
	t.Parallel()
	for _, e := range []struct {
		engine
		start   func(tb testing.TB) *testserver.DatabaseServer
		clients int
	}{
		{pgx, func(tb testing.TB) *testserver.DatabaseServer { return testserver.Postgres(tb, "-c", "fsync=on") }, 0},
		// MariaDB shows others what it has not yet put on disk, nor answered.
		{maria, func(tb testing.TB) *testserver.DatabaseServer {
			return startMariaDB(tb, "--innodb-flush-log-at-trx-commit=1")
		}, 1},
	} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			server := e.start(t)
			e.server = func(testing.TB) string { return server.Addr() }
			storetest.Histories(t, e.newHarness, storetest.HistoryOptions{Clients: e.clients, Disturb: func(tb testing.TB, h storetest.Harness) {
				server := server.For(tb)
				for range 2 {
					h.(*proxied).awaitWork(tb)
					server.Kill()
					server.Start()
				}
			}})
		})
	}
}

func BenchmarkStore(b *testing.B) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			storetest.Benchmark(b, func(tb testing.TB) storetest.Harness {
				h := e.newHarness(tb)
				if behind, ok := h.(*proxied); ok {
					behind.dataSource = e.dsn(e.server(tb)) // the proxy would be measured as well
				}
				return h
			})
		})
	}
}

// harness is a table on a shared server, or in a file of its own.
type harness struct {
	engine
	dataSource string
	table      string
	admin      *sql.DB
}

// proxied is a harness on a server, behind a proxy of its own.
type proxied struct {
	*harness
	proxy *testserver.Proxy
}

func (e engine) newHarness(tb testing.TB) storetest.Harness {
	driver, source := e.source(tb)
	h := &harness{engine: e, dataSource: source, table: newTable(), admin: newDB(tb, driver, source)}
	if err := newStore(tb, h.admin, e.dialect, sqlstore.WithTable(h.table)).Migrate(context.Background()); err != nil {
		tb.Fatalf("migrate: %v", err)
	}
	if e.server == nil {
		return h
	}
	proxy := testserver.NewPlainProxy(tb, e.server(tb))
	h.dataSource = e.dsn(proxy.Addr())
	return &proxied{h, proxy}
}

func (h *harness) Open(tb testing.TB) store.Backend {
	return newStore(tb, newDB(tb, h.driver, h.dataSource), h.dialect, sqlstore.WithTable(h.table))
}

func (h *harness) Advance(tb testing.TB, d time.Duration) {
	tb.Helper()
	run(tb, h.admin, fmt.Sprintf("UPDATE %s SET expires_at = expires_at - %d", h.table, d.Milliseconds()))
}

// Corrupt leaves what is no JSON object: a text that is cut short, or where the
// engine refuses that, an array.
func (h *harness) Corrupt(tb testing.TB, key store.Key) {
	tb.Helper()
	cut := `{"a":"cut sho`
	if h.dialect == sqlstore.Postgres {
		cut = `["not an object"]`
	}
	run(tb, h.admin, fmt.Sprintf("UPDATE %s SET state = '%s' WHERE session_key = %s", h.table, cut, h.hexKey(key)))
}

// Stall holds back what the server answers.
func (h *proxied) Stall(testing.TB) (resume func()) {
	h.proxy.Stall()
	return h.proxy.Resume
}

// awaitWork returns when some writes were done from now on.
func (h *harness) awaitWork(tb testing.TB) {
	tb.Helper()
	last, changes := -1, 0
	eventually(tb, func() error {
		var now int
		query := "SELECT COALESCE(SUM(version), 0) FROM " + h.table
		if err := h.admin.QueryRowContext(tb.Context(), query).Scan(&now); err != nil {
			return err // the connection is one to a server that was killed
		}
		if now != last {
			changes++
			last = now
		}
		if changes < 10 {
			return fmt.Errorf("%d changes were seen", changes)
		}
		return nil
	})
}

// cutConnections makes answers late, and then cuts every connection, some times.
func cutConnections(tb testing.TB, of storetest.Harness) {
	h, ok := of.(*proxied)
	if !ok {
		return // a file has none
	}
	for range 3 {
		h.awaitWork(tb)
		h.proxy.CutMidway(8)
	}
}
