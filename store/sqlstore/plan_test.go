package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store/sqlstore"
)

// fill puts n rows into a table, of which the first expired have expired, by
// one statement.
func (e engine) fill(tb testing.TB, db *sql.DB, table string, n, expired int) {
	tb.Helper()
	now := time.Now().UnixMilli()
	expires := fmt.Sprintf("CASE WHEN n <= %d THEN %d - n ELSE %d + n END", expired, now-60_000, now+3_600_000)
	columns := "INSERT INTO " + table + " (session_key, mark, state, subject, created_at, version, expires_at) "
	switch e.dialect {
	case sqlstore.Postgres:
		run(tb, db, columns+fmt.Sprintf(`SELECT decode(md5(CAST(n AS text)), 'hex'), 0, '{"a":"1"}', 'user-' || n, 0, 1, %s
			FROM generate_series(1, %d) AS n`, expires, n))
		run(tb, db, "ANALYZE "+table)
	case sqlstore.MySQL:
		// MySQL and MariaDB have different ways to count, and this one in common.
		run(tb, db, columns+fmt.Sprintf(`SELECT UNHEX(LEFT(SHA2(n, 256), 32)), 0, '{"a":"1"}', CONCAT('user-', n), 0, 1, %s
			FROM JSON_TABLE(?, '$[*]' COLUMNS (n FOR ORDINALITY)) AS numbers`, expires), "["+strings.Repeat("0,", n-1)+"0]")
		run(tb, db, "ANALYZE TABLE "+table)
	case sqlstore.SQLite:
		run(tb, db, fmt.Sprintf(`WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d) `, n)+
			columns+fmt.Sprintf(`SELECT randomblob(16), 0, '{"a":"1"}', 'user-' || n, 0, 1, %s FROM numbers`, expires))
		run(tb, db, "ANALYZE")
	}
}

// scaled gives fewer rows where the engine runs within the tests, and so under
// the race detector.
func (e engine) scaled(rows int) int {
	if e.server == nil {
		return rows / 10
	}
	return rows
}

// No statement reads a table from end to end.
func TestEveryStatementUsesAnIndex(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s, db, table := e.migrated(t)
			e.fill(t, db, table, e.scaled(20_000), e.scaled(10_000))
			statements, err := s.Statements()
			if err != nil {
				t.Fatal(err)
			}
			for name, st := range statements {
				for _, plan := range e.plans(t, db, st) {
					if scanned := e.scanned(plan, table); scanned {
						t.Errorf("%s reads the whole table:\n%s", name, plan)
					}
					finds := name == "expired" || name == "delete expired" && e.dialect != sqlstore.MySQL
					if finds && !strings.Contains(plan, "expires_at") {
						t.Errorf("%s does not use the index of expiries:\n%s", name, plan)
					}
					if name == "list by subject" && !strings.Contains(plan, "subject") {
						t.Errorf("%s does not use the index of subjects:\n%s", name, plan)
					}
				}
			}
		})
	}
}

// plans gives how the engine would run a statement: on PostgreSQL both for
// these arguments and for any.
func (e engine) plans(tb testing.TB, db *sql.DB, st sqlstore.Statement) []string {
	tb.Helper()
	switch e.dialect {
	case sqlstore.Postgres:
		// EXPLAIN takes no parameters, so that the driver has to fill them in.
		plain := newDB(tb, e.driver, testserver.PostgresURL(e.server(tb), "default_query_exec_mode", "simple_protocol"))
		plain.SetMaxOpenConns(1)
		nulls := ""
		if len(st.Args) > 0 {
			nulls = "(NULL" + strings.Repeat(", NULL", len(st.Args)-1) + ")"
		}
		plans := []string{explain(tb, plain, "EXPLAIN "+st.Text, st.Args...)}
		run(tb, plain, "SET plan_cache_mode = force_generic_plan")
		run(tb, plain, "PREPARE any_plan AS "+st.Text)
		return append(plans, explain(tb, plain, "EXPLAIN EXECUTE any_plan"+nulls))
	case sqlstore.SQLite:
		return []string{explain(tb, db, "EXPLAIN QUERY PLAN "+st.Text, st.Args...)}
	default:
		return []string{explain(tb, db, "EXPLAIN FORMAT=TRADITIONAL "+st.Text, st.Args...)}
	}
}

// scanned says whether a plan reads all rows of the table.
func (e engine) scanned(plan, table string) bool {
	for line := range strings.Lines(plan) {
		switch e.dialect {
		case sqlstore.Postgres:
			if strings.Contains(line, "Seq Scan") {
				return true
			}
		case sqlstore.SQLite:
			if strings.Contains(line, "SCAN") && !strings.Contains(line, "part") && !strings.Contains(line, "json_each") && !strings.Contains(line, "CONSTANT ROW") {
				return true
			}
		default:
			names, _, _ := strings.Cut(plan, "\n")
			cell := func(name string) string {
				return strings.Split(line, " | ")[slices.Index(strings.Split(names, " | "), name)]
			}
			ours := slices.Contains([]string{table, "source", "expired", "ended"}, cell("table"))
			if ours && cell("select_type") != "INSERT" && cell("key") == "NULL" {
				return true
			}
		}
	}
	return false
}

// explain gives the names of the columns of an answer, and its rows, as lines.
func explain(tb testing.TB, db *sql.DB, query string, args ...any) string {
	tb.Helper()
	rows, err := db.QueryContext(context.Background(), query, args...)
	if err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		tb.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(strings.Join(columns, " | ") + "\n")
	for rows.Next() {
		cells, targets := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range cells {
			targets[i] = &cells[i]
		}
		if err := rows.Scan(targets...); err != nil {
			tb.Fatal(err)
		}
		for i, cell := range cells {
			if !cell.Valid {
				cell.String = "NULL"
			}
			if i > 0 {
				b.WriteString(" | ")
			}
			b.WriteString(cell.String)
		}
		b.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}
