package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// codeOf gives the code that the engine answered with, or "". Drivers differ in
// how they tell: those of PostgreSQL have a method, go-sql-driver writes "Error
// 1213 (40001): …", those of SQLite the words of SQLite itself.
func (d Dialect) codeOf(err error) string {
	switch d {
	case Postgres:
		var e interface{ SQLState() string }
		if errors.As(err, &e) {
			return e.SQLState()
		}
	case MySQL:
		for ; err != nil; err = errors.Unwrap(err) {
			var code int
			if _, scanErr := fmt.Sscanf(err.Error(), "Error %d", &code); scanErr == nil {
				return fmt.Sprint(code)
			}
		}
	case SQLite:
		if err == nil {
			return ""
		}
		for _, words := range []string{busy, tableBusy, noTable, badPath} {
			if strings.Contains(err.Error(), words) {
				return words
			}
		}
	}
	return ""
}

const (
	busy      = "database is locked"
	tableBusy = "database table is locked"
	noTable   = "no such table"
	badPath   = "bad JSON path"
)

// transient says whether the engine undid the statement because of what others
// did at the same moment, so that it is safe, and worthwhile, to run it again.
func (d Dialect) transient(err error) bool {
	switch d.codeOf(err) {
	case "40001", "40P01", "55P03": // PostgreSQL: serialization failure, deadlock, lock_timeout
		return d == Postgres
	case "1213", "1020": // MySQL: deadlock; MariaDB: the record has changed since it was read
		return d == MySQL
	case busy, tableBusy:
		return d == SQLite
	}
	return false
}

// refused says whether a statement of MySQL failed on purpose, as a live
// record is in the way; see sql/mysql/create.sql.
func (d Dialect) refused(err error) bool { return d == MySQL && d.codeOf(err) == "1690" }

// showsData says whether the engine's text may quote what was written.
func (d Dialect) showsData(code string) bool {
	if d == Postgres {
		return strings.HasPrefix(code, "22") || strings.HasPrefix(code, "23") || code == "P0001" // of a trigger
	}
	return slices.Contains([]string{"1062", "1292", "1300", "1366", "1644", "1690", "3140", "3141", "3144", badPath}, code)
}

func (d Dialect) missingTable(code string) bool {
	return slices.Contains([]string{"42P01", "1146", noTable}, code)
}

// explain makes of an engine's or a driver's error one that names the engine
// and tells nothing that must not be told.
func (s *Store) explain(err error) error {
	if err == nil {
		return nil
	}
	d, ended := s.names.dialect, endOf(err)
	switch code := d.codeOf(err); {
	case d.showsData(code):
		return fmt.Errorf("%s: a value was refused, with the code %s", d, code)
	case code == "" && ended == nil && strings.Contains(err.Error(), "parse"):
		return fmt.Errorf("%s: the driver could not parse something: the data source name, or what the server sent; "+
			"its own words are left out, as they may show a password", d)
	case d.missingTable(code):
		err = fmt.Errorf("the table is not there: set session.store.sql.migrate: true, call Migrate, or apply what sqlstore.Migrations gives; "+
			"if somebody has removed it, delete what %s notes of it first: %w", migrationsTable, err)
	}
	text := err.Error()
	for _, secret := range s.secrets { // the longest first, as one may be a part of another
		if d.codeOf(err) != "" && len(secret) < 3 {
			continue // which is in every text, and which the engine that answered does not mean
		}
		text = strings.ReplaceAll(text, secret, "…")
	}
	if text != err.Error() {
		err = &redacted{text, ended}
	}
	return fmt.Errorf("%s: %w", d, err)
}

// endOf gives the context's error that is in err, nil if there is none.
func endOf(err error) error {
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			return end
		}
	}
	return nil
}

// redacted is an error without the password that was in its text. What it
// wrapped is left out, as that has the same text, but for the end of a context.
type redacted struct {
	text  string
	ended error
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.ended }

// retrying calls f until it returns anything but a transient error, or ctx
// ends. The pauses grow, and are random so that those who met once do not meet
// again.
func (s *Store) retrying(ctx context.Context, f func() error) error {
	for most := time.Millisecond; ; most = min(2*most, 50*time.Millisecond) {
		err := f()
		if err == nil || !s.names.dialect.transient(err) {
			return err
		}
		pause := time.NewTimer(rand.N(most))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("%w; the last attempt: %w", ctx.Err(), err)
		}
	}
}
