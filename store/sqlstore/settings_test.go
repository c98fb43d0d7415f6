package sqlstore_test

import (
	"strings"
	"testing"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store/sqlstore"
)

// A session of MySQL with variables that make it lose or miss something is not one
// to begin with, and the error says which one it is.
func TestAPingNamesTheVariableThatDoesNotDo(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"autocommit":               "0",
		"character_set_client":     "latin1",
		"character_set_connection": "utf8mb3",
		"character_set_results":    "latin1",
		"sql_safe_updates":         "1",
		"sql_select_limit":         "1000",
	}
	if *mysqld != "" {
		values["transaction_isolation"] = "'READ-UNCOMMITTED'"
	} else {
		values["tx_isolation"] = "'READ-UNCOMMITTED'"
		values["sql_mode"] = "'STRICT_TRANS_TABLES,EMPTY_STRING_IS_NULL'"
	}
	for variable, value := range values {
		driver, dsn := maria.source(t)
		_, err := sqlstore.Open(t.Context(), driver, dsn+"&"+variable+"="+strings.ReplaceAll(value, "'", "%27"), maria.dialect)
		if err == nil || !strings.Contains(err.Error(), "the variable "+variable+" of its sessions") {
			t.Errorf("%s=%s: %v", variable, value, err)
		}
		tellsNothing(t, err)
	}
}

// So may a server that does not ask its clients.
func TestAPingNamesTheCharacterSetOfTheServer(t *testing.T) {
	t.Parallel()
	server := startMariaDB(t, "--skip-character-set-client-handshake", "--character-set-server=latin1")
	name := testserver.MariaDBName(server.Addr())
	s := newStore(t, newDB(t, "mysql", name), sqlstore.MySQL)
	if err := s.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "character_set_client") {
		t.Errorf("ping: %v", err)
	}
	s = newStore(t, newDB(t, "mysql", testserver.MariaDBName(server.Addr(), "charset=utf8mb4")), sqlstore.MySQL)
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping, with the character set in the data source name: %v", err)
	}
}
