package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// setting is a variable of a MySQL session that a server, or a data source name,
// may set to something with which statements lose what they write, or do not find
// what is there, and say nothing of it.
type setting struct {
	names []string // engines and their versions have different ones
	must  string   // what it must be, in words
	is    func(value string) bool
}

var settings = []setting{
	{[]string{"autocommit"}, "on, as each write is one statement that has to last", func(v string) bool { return v == "ON" }},
	{[]string{"character_set_client", "character_set_connection"}, "utf8mb4", func(v string) bool { return v == "utf8mb4" }},
	{[]string{"character_set_results"}, "utf8mb4", func(v string) bool { return v == "utf8mb4" || v == "" }}, // "" changes nothing
	{[]string{"sql_mode"}, "without EMPTY_STRING_IS_NULL", func(v string) bool { return !slices.Contains(strings.Split(v, ","), "EMPTY_STRING_IS_NULL") }},
	{[]string{"sql_safe_updates"}, "off", func(v string) bool { return v == "OFF" }},
	{[]string{"sql_select_limit"}, "without a limit", func(v string) bool { n, err := strconv.ParseUint(v, 10, 64); return err == nil && n >= 1<<32-1 }},
	{[]string{"transaction_isolation", "tx_isolation"}, "READ-COMMITTED or stricter", func(v string) bool { return v != "READ-UNCOMMITTED" }},
}

// checkSettings returns an error that names what does not do.
func (s *Store) checkSettings(ctx context.Context) error {
	return s.settings.query(ctx, &params{}, func(scan func(...any) error) error {
		var name, value string
		if err := scan(&name, &value); err != nil {
			return err
		}
		for _, must := range settings {
			if slices.Contains(must.names, strings.ToLower(name)) && !must.is(value) {
				return fmt.Errorf("the variable %s of its sessions is %q and must be %s: set it in the data source name, or on the server",
					strings.ToLower(name), value, must.must)
			}
		}
		return nil
	})
}
