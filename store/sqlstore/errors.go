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
		for _, words := range []string{busy, tableBusy, noTable} {
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
)

// transient says whether the engine undid the statement because of what others
// did at the same moment, so that it is safe, and worthwhile, to run it again.
func (d Dialect) transient(err error) bool {
	switch d.codeOf(err) {
	case "40001", "40P01": // PostgreSQL: serialization failure, deadlock
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
		return strings.HasPrefix(code, "22") || strings.HasPrefix(code, "23")
	}
	return slices.Contains([]string{"1062", "1292", "1300", "1366", "1690", "3140", "3141", "3144"}, code)
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
	d := s.names.dialect
	switch code, text := d.codeOf(err), err.Error(); {
	case d.showsData(code):
		return fmt.Errorf("%s: a value was refused, with the code %s", d, code)
	case s.owned && (strings.Contains(text, "parse") || slices.ContainsFunc(s.secrets, func(secret string) bool { return strings.Contains(text, secret) })):
		return fmt.Errorf("%s: the data source name is not one that the driver understands, or leads nowhere; "+
			"what the driver says is left out, as it may show a password", d)
	case d.missingTable(code):
		return fmt.Errorf("%s: the table is not there: apply the migrations: %w", d, err)
	}
	return fmt.Errorf("%s: %w", d, err)
}

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
