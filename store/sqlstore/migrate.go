package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// Migration is one step of the schema.
type Migration struct {
	// Version counts from 1, without gaps.
	Version int
	// Name says what the step is about.
	Name string
	// SQL holds the statements, each ended by a semicolon at the end of a
	// line. They may be run again: what is there already they leave alone.
	SQL string
}

// Migrations gives the schema as text, in the order to apply it, for those who
// apply it with a tool of their own. The options name the table and the schema,
// as they do in [New], and its errors are the same.
func Migrations(dialect Dialect, opts ...Option) ([]Migration, error) {
	n, err := newNames(dialect, opts)
	if err != nil {
		return nil, err
	}
	return n.migrations()
}

// migrations reads the files NNNN_name.sql.
func (n names) migrations() ([]Migration, error) {
	paths, err := fs.Glob(files, "sql/"+string(n.dialect)+"/migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	var all []Migration
	for _, path := range paths { // Glob sorts them
		text, err := files.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("sqlstore: %w", err)
		}
		number, name, _ := strings.Cut(path[strings.LastIndexByte(path, '/')+1:], "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != len(all)+1 {
			return nil, fmt.Errorf("sqlstore: the migration %s does not continue the numbers before it", path)
		}
		all = append(all, Migration{version, strings.TrimSuffix(name, ".sql"), n.fill(string(text), "")})
	}
	return all, nil
}

// Migrate creates the table, or brings it up to date, and notes in the table
// session_migrations of the same schema what it has done. It may run on any
// number of instances at once: one does it, the others wait for it, within ctx.
// On PostgreSQL and SQLite all of it is one transaction. It never goes back,
// and leaves alone what a later version of this package has done.
//
// It is a few lines rather than a library, as the libraries for it bring
// drivers or commands along that a program with sessions does not need.
func (s *Store) Migrate(ctx context.Context) error {
	return s.explain(s.retrying(ctx, func() error { return s.migrate(ctx) }))
}

func (s *Store) migrate(ctx context.Context) (err error) {
	// Locks and transactions are a connection's own.
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	m := migrator{conn, s.names}
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer func() {
		if unlockErr := m.unlock(ctx, err == nil); unlockErr != nil {
			m.drop()
			if err == nil {
				err = unlockErr
			}
		}
	}()
	return m.apply(ctx)
}

// migrator has the connection on which the schema is brought up to date.
type migrator struct {
	conn  *sql.Conn
	names names
}

// run runs a statement from a file.
func (m migrator) run(ctx context.Context, file string) error {
	text, err := m.text(file)
	if err != nil {
		return err
	}
	_, err = m.conn.ExecContext(ctx, text)
	return err
}

func (m migrator) text(file string) (string, error) {
	text, err := m.names.readFile(file)
	return m.names.fill(text, ""), err
}

// unlocking is how long a server may take to undo a transaction or to give a
// lock back before the connection is dropped, which does both.
const unlocking = time.Second

// lock keeps other instances out, within ctx. On PostgreSQL and SQLite it
// begins a transaction.
func (m migrator) lock(ctx context.Context) error {
	switch m.names.dialect {
	case SQLite:
		_, err := m.conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		if err != nil { // where ctx has ended, it may have begun all the same
			_ = m.unlock(ctx, false)
		}
		return err
	case Postgres:
		if _, err := m.conn.ExecContext(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED"); err != nil {
			return err
		}
		err := m.run(ctx, "lock.sql")
		if err != nil && m.unlock(ctx, false) != nil {
			m.drop()
		}
		return err
	}
	text, err := m.text("lock.sql")
	if err != nil {
		return err
	}
	for {
		var got sql.NullInt64
		if err := m.conn.QueryRowContext(ctx, text).Scan(&got); err != nil || got.Int64 == 1 {
			return err
		}
	}
}

// unlock lets other instances in. On PostgreSQL and SQLite it keeps, within ctx,
// or undoes what was done.
func (m migrator) unlock(ctx context.Context, keep bool) error {
	if !keep || m.names.dialect == MySQL { // what was done is not in question
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), unlocking)
		defer cancel()
	}
	if m.names.dialect == MySQL {
		return m.run(ctx, "unlock.sql")
	}
	end := "ROLLBACK"
	if keep {
		end = "COMMIT"
	}
	_, err := m.conn.ExecContext(ctx, end)
	return err
}

// drop ends the connection, and the lock or the transaction with it.
func (m migrator) drop() {
	_ = m.conn.Raw(func(any) error { return driver.ErrBadConn })
}

// apply does what is still to be done.
func (m migrator) apply(ctx context.Context) error {
	if err := m.run(ctx, "migrations_table.sql"); err != nil {
		return err
	}
	applied, err := m.applied(ctx)
	if err != nil {
		return err
	}
	migrations, err := m.names.migrations()
	if err != nil {
		return err
	}
	for _, migration := range migrations {
		if applied[migration.Version] {
			continue
		}
		// Not every driver takes several statements at once.
		for statement := range strings.SplitSeq(comment.ReplaceAllString(migration.SQL, ""), ";\n") {
			if statement = strings.TrimSpace(statement); statement == "" {
				continue
			}
			if _, err := m.conn.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("migration %d: %w", migration.Version, err)
			}
		}
		record, err := m.text("migrations_record.sql")
		if err != nil {
			return err
		}
		record = strings.ReplaceAll(record, "{version}", strconv.Itoa(migration.Version))
		if _, err := m.conn.ExecContext(ctx, record); err != nil {
			return err
		}
	}
	return nil
}

func (m migrator) applied(ctx context.Context) (map[int]bool, error) {
	text, err := m.text("migrations_applied.sql")
	if err != nil {
		return nil, err
	}
	rows, err := m.conn.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	applied := map[int]bool{}
	for rows.Next() {
		var version int
		if err := rows.Scan(&version); err != nil {
			return nil, err
		}
		applied[version] = true
	}
	return applied, rows.Err()
}
