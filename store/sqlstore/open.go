package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Open makes a Store with a *sql.DB of its own, which [Store.Close] closes:
// driver is the name under which the application has linked its driver, dsn the
// data source name as that driver takes it. It connects, and fails within ctx
// when the database cannot be reached. No error shows the dsn or its password.
//
// The pool is as database/sql makes it, with any number of connections, but for a
// database of SQLite in memory, which is another one for each connection: that has
// one. Use [New] where it should be otherwise.
func Open(ctx context.Context, driver, dsn string, dialect Dialect, opts ...Option) (*Store, error) {
	if dsn == "" {
		return nil, errors.New("sqlstore: there is no data source name")
	}
	if !slices.Contains(sql.Drivers(), driver) {
		return nil, fmt.Errorf("sqlstore: the driver %q is not linked into the program: import its package", driver)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		// The driver's own error may quote any part of the dsn.
		return nil, fmt.Errorf("sqlstore: the driver %q does not understand the data source name", driver)
	}
	s, err := New(db, dialect, opts...)
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	s.owned, s.secrets = true, secretsOf(dsn)
	if err := s.reach(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("sqlstore: the database could not be reached: %w", err)
	}
	return s, nil
}

// reach is Ping, and leaves one connection to a database of SQLite that has no file.
func (s *Store) reach(ctx context.Context) error {
	if s.names.dialect != SQLite {
		return s.Ping(ctx)
	}
	s.db.SetMaxOpenConns(1)
	var file sql.NullString
	err := s.db.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file)
	if err == nil && file.String != "" {
		s.db.SetMaxOpenConns(0)
	}
	return s.explain(err)
}

var passwords = regexp.MustCompile(`(?i)(?:pass|pwd|password|passwd|key)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&;]+)`)

// secretsOf gives what may be a password in dsn, the longest first, in the forms
// that drivers have: scheme://user:password@host, user:password@tcp(host),
// password=…
func secretsOf(dsn string) []string {
	var found []string
	add := func(secret string) {
		if secret = strings.Trim(secret, "'"); secret == "" {
			return
		}
		found = append(found, secret)
		if plain, err := url.PathUnescape(secret); err == nil {
			found = append(found, plain)
		}
	}
	for _, match := range passwords.FindAllStringSubmatch(dsn, -1) {
		add(match[1])
	}
	_, rest, ok := strings.Cut(dsn, "://")
	if !ok {
		rest = dsn
	}
	if _, afterUser, ok := strings.Cut(rest, ":"); ok {
		for i, c := range []byte(afterUser) { // a password may have an @ in it, and so may what follows it
			if c == '@' {
				add(afterUser[:i])
			}
		}
	}
	slices.SortFunc(found, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return slices.Compact(found)
}
