package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fxsession/sessions/store"
)

//go:embed sql
var files embed.FS

// params are what a file of SQL can name, as :name.
type params struct {
	key, to   store.Key
	state     *string  // nil: as it is
	removals  []string // where the dialect does not remove all at once
	clear     bool
	subject   *string // nil: as it is
	createdAt time.Time
	ttl       time.Duration // 0: as it is
	ifVersion uint64        // 0: any
	limit     int
	keys      []string // in hexadecimal
}

var arguments = map[string]func(p *params) any{
	"key":        func(p *params) any { return p.key[:] },
	"to":         func(p *params) any { return p.to[:] },
	"key_hex":    func(p *params) any { return p.key.String() },
	"to_hex":     func(p *params) any { return p.to.String() },
	"state":      func(p *params) any { return nullable(p.state) },
	"clear":      func(p *params) any { return p.clear },
	"subject":    func(p *params) any { return nullable(p.subject) },
	"created_at": func(p *params) any { return p.createdAt.UnixMilli() },
	"ttl":        func(p *params) any { return p.ttl.Milliseconds() },
	"grace":      func(*params) any { return store.Grace.Milliseconds() },
	// No record comes to the greatest version, so that what is beyond it can
	// stand for a version that none has.
	"if_version": func(p *params) any { return int64(min(p.ifVersion, math.MaxInt64)) },
	"limit":      func(p *params) any { return p.limit },
	// A JSON array, as no driver has an array that others have as well.
	"keys": func(p *params) any { return `["` + strings.Join(p.keys, `","`) + `"]` },
}

func nullable(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}

// statement is one file of SQL for one table.
type statement struct {
	db       *sql.DB
	text     string
	args     []func(*params) any
	prepares bool
	prepared atomic.Pointer[sql.Stmt]
}

var (
	comment   = regexp.MustCompile(`--[^\n]*`)
	parameter = regexp.MustCompile(`:[a-z_]+`)
)

// readFile gives a file of the dialect without its comments.
func (n names) readFile(name string) (string, error) {
	text, err := files.ReadFile("sql/" + string(n.dialect) + "/" + name)
	if err != nil {
		return "", fmt.Errorf("sqlstore: %w", err)
	}
	return strings.Join(strings.Fields(comment.ReplaceAllString(string(text), "")), " "), nil
}

// removal gives the argument that removes the ith state key, or one that
// removes nothing.
func removal(i int) func(*params) any {
	return func(p *params) any {
		if i < len(p.removals) {
			return p.removals[i]
		}
		return "{}"
	}
}

// statement reads a file and puts the names and placeholders into it, with room
// for so many removals.
func (n names) statement(db *sql.DB, file string, removals int) (*statement, error) {
	now, err := n.readFile("now.sql")
	if err != nil {
		return nil, err
	}
	text, err := n.readFile(file)
	if err != nil {
		return nil, err
	}
	s := &statement{db: db, prepares: n.dialect.prepares()}
	numbers := map[string]int{}
	text = strings.ReplaceAll(text, "{removals}", strings.Repeat(":removal, ", removals))
	removed := 0
	s.text = parameter.ReplaceAllStringFunc(n.fill(text, now), func(name string) string {
		name = name[1:]
		argument, ok := arguments[name]
		if name == "removal" {
			argument, ok = removal(removed), true
			removed++
		}
		if !ok {
			err = fmt.Errorf("sqlstore: %s has a parameter %s that is not known", file, name)
			return ""
		}
		number, used := numbers[name]
		if !used || n.dialect == MySQL {
			s.args = append(s.args, argument)
			number = len(s.args)
			numbers[name] = number
		}
		return n.dialect.placeholder(number)
	})
	return s, err
}

func (s *statement) values(p *params) []any {
	values := make([]any, len(s.args))
	for i, arg := range s.args {
		values[i] = arg(p)
	}
	return values
}

// prepare gives the statement as the pool keeps it, for all connections.
func (s *statement) prepare(ctx context.Context) (*sql.Stmt, error) {
	for {
		if stmt := s.prepared.Load(); stmt != nil {
			return stmt, nil
		}
		stmt, err := s.db.PrepareContext(ctx, s.text)
		if err != nil {
			return nil, err
		}
		if s.prepared.CompareAndSwap(nil, stmt) {
			return stmt, nil
		}
		_ = stmt.Close() // somebody else was faster
	}
}

// exec runs the statement and returns how many rows it says that it touched.
func (s *statement) exec(ctx context.Context, p *params) (int64, error) {
	var result sql.Result
	var err error
	if s.prepares {
		var stmt *sql.Stmt
		if stmt, err = s.prepare(ctx); err == nil {
			result, err = stmt.ExecContext(ctx, s.values(p)...)
		}
	} else {
		result, err = s.db.ExecContext(ctx, s.text, s.values(p)...)
	}
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// query runs the statement and calls each for every row of the answer.
func (s *statement) query(ctx context.Context, p *params, each func(scan func(...any) error) error) error {
	var rows *sql.Rows
	var err error
	if s.prepares {
		var stmt *sql.Stmt
		if stmt, err = s.prepare(ctx); err == nil {
			rows, err = stmt.QueryContext(ctx, s.values(p)...)
		}
	} else {
		rows, err = s.db.QueryContext(ctx, s.text, s.values(p)...)
	}
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// variants are one file of SQL with room for different numbers of removals,
// each made when it is first needed.
type variants struct {
	db    *sql.DB
	names names
	file  string

	mu   sync.Mutex
	made map[int]*statement
}

func (v *variants) get(removals int) (*statement, error) {
	room := 0
	if removals > 0 {
		room = 1 << bits.Len(uint(removals-1)) // few sizes, so that few are prepared
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := v.made[room]; s != nil {
		return s, nil
	}
	s, err := v.names.statement(v.db, v.file, room)
	if err == nil {
		v.made[room] = s
	}
	return s, err
}

func (v *variants) close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var errs []error
	for _, s := range v.made {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// close lets go of what prepare has made.
func (s *statement) close() error {
	if stmt := s.prepared.Swap(nil); stmt != nil {
		return stmt.Close()
	}
	return nil
}
