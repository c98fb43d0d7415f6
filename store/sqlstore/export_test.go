package sqlstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Statement is what a Store sends for one operation.
type Statement struct {
	Text string
	Args []any
}

// Statements gives every statement of s with arguments for it.
func (s *Store) Statements() (map[string]Statement, error) {
	state, subject := `{"a":"1"}`, "user-1"
	p := &params{
		to: [16]byte{1}, state: &state, removals: []string{`{"b":null}`}, subject: &subject,
		createdAt: time.UnixMilli(0), ttl: time.Hour, limit: 100, keys: []string{"00112233445566778899aabbccddeeff"},
	}
	update, err := s.update.get(1)
	changeKey, err2 := s.changeKey.get(1)
	all := map[string]Statement{}
	if s.expired != nil {
		all["expired"] = Statement{s.expired.text, s.expired.values(p)}
	}
	for name, st := range map[string]*statement{
		"create": s.create, "load": s.load, "look": s.look, "update": update,
		"change key": changeKey, "delete": s.delete, "delete expired": s.deleteExpired,
		"list by subject":   s.bySubject,
		"delete by subject": s.deleteBySubject,
	} {
		all[name] = Statement{st.text, st.values(p)}
	}
	return all, errors.Join(err, err2, s.missingIn(all))
}

// missingIn fails for a file of SQL that none of statements is made of, but for
// those of migrations, which are read whole.
func (s *Store) missingIn(statements map[string]Statement) error {
	entries, err := files.ReadDir("sql/" + string(s.names.dialect))
	for _, entry := range entries {
		name := strings.ReplaceAll(strings.TrimSuffix(entry.Name(), ".sql"), "_", " ")
		_, ok := statements[name]
		if !ok && !strings.HasPrefix(name, "migrations") && !slices.Contains([]string{"lock", "unlock", "now", "settings"}, name) {
			err = errors.Join(err, fmt.Errorf("%s is in no statement", entry.Name()))
		}
	}
	return err
}

// Now gives the expression for the present moment.
func Now(d Dialect) (string, error) { return names{dialect: d}.readFile("now.sql") }

// EncodeState and DecodeState are what a state is kept with.
var (
	EncodeState = encodeState
	DecodeState = decodeState
)

// SecretsOf gives what may be a password in a data source name.
var SecretsOf = secretsOf

// MaxBatch is how many rows one statement deletes at most.
const MaxBatch = maxBatch

// Verdict is what a Store makes of an engine's error.
type Verdict struct{ Transient, Refused, ShowsData, MissingTable bool }

// Judge gives the verdict of d on err.
func (d Dialect) Judge(err error) Verdict {
	code := d.codeOf(err)
	return Verdict{d.transient(err), d.refused(err), d.showsData(code), d.missingTable(code)}
}
