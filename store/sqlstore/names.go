package sqlstore

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	// DefaultTable is the table where [WithTable] says nothing.
	DefaultTable = "sessions"

	// migrationsTable, in the same schema, says which migrations each table
	// has had. It is one for all tables, as a name made of the table's could
	// be too long.
	migrationsTable = "session_migrations"

	maxName = 63 // PostgreSQL cuts off what is longer, in silence
)

// names are what the statements are written for.
type names struct {
	dialect       Dialect
	schema, table string
}

func (n names) check() error {
	if err := n.dialect.check(); err != nil {
		return err
	}
	if !isIdentifier(n.table) || strings.EqualFold(n.table, migrationsTable) {
		return fmt.Errorf("sqlstore: the table's name %q must be letters, digits and _, not begin with a digit, "+
			"have at most %d characters and not be %s", n.table, maxName, migrationsTable)
	}
	if n.schema != "" && !isIdentifier(n.schema) {
		return fmt.Errorf("sqlstore: the schema's name %q must be letters, digits and _, not begin with a digit, "+
			"and have at most %d characters", n.schema, maxName)
	}
	return nil
}

// isIdentifier says whether s is a name that needs no escape in any engine.
func isIdentifier(s string) bool {
	return s != "" && len(s) <= maxName && (s[0] < '0' || s[0] > '9') &&
		strings.IndexFunc(s, func(r rune) bool {
			return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_')
		}) < 0
}

// qualified gives name as it stands in a statement.
func (n names) qualified(name string) string {
	if n.schema == "" {
		return n.dialect.quote(name)
	}
	return n.dialect.quote(n.schema) + "." + n.dialect.quote(name)
}

// index gives the name of an index, of which there may be only one in the
// schema. Where it would be too long, part of the table's name gives way to a
// hash of it.
func (n names) index(column string, qualify bool) string {
	name := n.table
	if room := maxName - len("_") - len(column); len(name) > room {
		sum := sha256.Sum256([]byte(name))
		hash := hex.EncodeToString(sum[:4])
		name = name[:room-len(hash)] + hash
	}
	name += "_" + column
	if qualify {
		return n.qualified(name)
	}
	return n.dialect.quote(name)
}

// fill puts the names, and the expression for the present moment, in the
// places that a file of SQL has for them.
func (n names) fill(sql, now string) string {
	// SQLite wants the schema before the name of the index, and not before
	// that of the table; PostgreSQL wants it the other way round.
	sqlite := n.dialect == SQLite
	indexed := n.qualified(n.table)
	if sqlite {
		indexed = n.dialect.quote(n.table)
	}
	return strings.NewReplacer(
		"{now}", now,
		"{table}", n.qualified(n.table),
		"{migrations}", n.qualified(migrationsTable),
		"{table name}", "'"+n.table+"'",
		"{indexed table}", indexed,
		"{index expires_at}", n.index("expires_at", sqlite),
		"{index subject}", n.index("subject", sqlite),
	).Replace(sql)
}
