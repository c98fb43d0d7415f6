package config_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
)

// findings loads what must not be accepted.
func findings(t *testing.T, opts ...config.Option) []config.Finding {
	t.Helper()
	cfg, err := config.Load(append([]config.Option{config.WithEnviron(nil)}, opts...)...)
	var e *config.Error
	if !errors.As(err, &e) {
		t.Fatalf("got the configuration %+v and the error %v", cfg, err)
	}
	return e.Findings
}

func fromYAML(content string) config.Option { return config.WithBytes("app.yaml", []byte(content)) }
func fromJSON(content string) config.Option { return config.WithBytes("app.json", []byte(content)) }

func TestE2_EachFindingSaysWhereItIsWhatIsThereAndWhatIsAllowed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		source config.Option
		want   string // the finding as it is printed
	}{
		// Keys.
		{
			"an unknown key, like another", fromYAML("session:\n  state:\n    tll: 1h"),
			"session.state.tll (app.yaml:3): there is no such key; did you mean session.state.ttl?",
		},
		{
			"an unknown key, written in another way", fromYAML("session: {cookie: {httpOnly: true}}"),
			"session.cookie.httpOnly (app.yaml:1): there is no such key; did you mean session.cookie.http_only?",
		},
		{
			"an unknown section", fromJSON(`{"session": {"sotre": {}}}`),
			"session.sotre (app.json:1): there is no such key; did you mean session.store?",
		},
		{
			"a key in the wrong section", fromYAML("session: {max_lifetime: 1h}"),
			"session.max_lifetime (app.yaml:1): there is no such key; did you mean session.state.max_lifetime?",
		},
		{
			"an unknown key, like none", fromYAML("session: {store: {memory: {zzz: hush}}}"),
			"session.store.memory.zzz (app.yaml:1): there is no such key; here are max_sessions",
		},
		{
			"an unknown variable", config.WithEnviron([]string{"SESSION_STORE_REDIS_PASSWROD=hush"}),
			"SESSION_STORE_REDIS_PASSWROD: there is no such variable; did you mean SESSION_STORE_REDIS_PASSWORD?",
		},
		{
			"an unknown variable, like none", config.WithEnviron([]string{"SESSION_STATE_OF_THE_ART_IN_ALL=x"}),
			"SESSION_STATE_OF_THE_ART_IN_ALL: there is no such variable",
		},
		{
			"a variable for a section", config.WithEnviron([]string{"SESSION_STORE_REDIS=x"}),
			"SESSION_STORE_REDIS: there is no such variable; did you mean SESSION_STORE_REDIS_URL?",
		},
		{
			"the host of a Service", config.WithEnviron([]string{"SESSION_STORE_SERVICE_HOST=10.0.0.1"}),
			"SESSION_STORE_SERVICE_HOST: there is no such variable; Kubernetes sets it for a Service named session-store: " +
				"give the pod enableServiceLinks: false, or the Service another name",
		},
		{
			"the port of a Service", config.WithEnviron([]string{"SESSION_STORE_PORT=tcp://10.0.0.1:6379"}),
			"SESSION_STORE_PORT: there is no such variable; Kubernetes sets it for a Service named session-store: " +
				"give the pod enableServiceLinks: false, or the Service another name",
		},
		{
			"a named port of a Service", config.WithEnviron([]string{"SESSION_STORE_REDIS_SERVICE_PORT_REDIS=6379"}),
			"SESSION_STORE_REDIS_SERVICE_PORT_REDIS: there is no such variable; Kubernetes sets it for a Service named session-store-redis: " +
				"give the pod enableServiceLinks: false, or the Service another name",
		},
		{
			"one of four variables of a port", config.WithEnviron([]string{"SESSION_STATE_PORT_6379_TCP_ADDR=10.0.0.1"}),
			"SESSION_STATE_PORT_6379_TCP_ADDR: there is no such variable; Kubernetes sets it for a Service named session-state: " +
				"give the pod enableServiceLinks: false, or the Service another name",
		},
		{
			"a port that is no Service's", config.WithEnviron([]string{"SESSION_STORE_REDIS_PORT=6379"}),
			"SESSION_STORE_REDIS_PORT: there is no such variable; did you mean SESSION_STORE_REDIS_URL?",
		},
		{
			"a path for a key", fromYAML("http: {addr: x}\nsession.store.driver: redis"),
			"session.store.driver (app.yaml:2): is a single key that contains dots, and is ignored; nest it, with session as the outermost key",
		},
		{
			"a path beside the top key", fromYAML("session: {}\nsession.cookie.nmae: x"),
			"session.cookie.nmae (app.yaml:2): is a single key that contains dots, and is ignored; nest it, with session as the outermost key",
		},
		{
			"the top key, misspelt", fromYAML("http: {addr: x}\nsessions: {state: {ttl: 1h}, store: {}}"),
			"sessions (app.yaml:2): there is no key session; did you mean session? If this is the application's own, add session: {}",
		},
		{
			"the top key in another way", fromJSON(`{"Session": {"cookie": {"name": "hush"}}}`),
			"Session (app.json:1): there is no key session; did you mean session? If this is the application's own, add session: {}",
		},
		{
			"a section at the top", fromYAML("store:\n  driver: redis\n  redis: {url: 'redis://u:hush@h'}\n"),
			"store (app.yaml:1): there is no key session; did you mean session.store? If this is the application's own, add session: {}",
		},
		{
			"a key twice in YAML", fromYAML("session:\n  state:\n    ttl: 1h\n    ttl: 2h"),
			"session.state.ttl (app.yaml:4): the key is there twice, first in line 3",
		},
		{
			"a key twice in JSON", fromJSON("{\"session\": {\"state\": {\n\"ttl\": \"1h\",\n\"ttl\": \"2h\"}}}"),
			"session.state.ttl (app.json:3): the key is there twice, first in line 2",
		},
		{
			"the top key twice", fromYAML("session: {}\nsession: {}"),
			"session (app.yaml:2): the key is there twice, first in line 1",
		},
		{
			"a key of the application twice", fromJSON(`{"a": [{"b": 1, "b": 2}]}`),
			"a[0].b (app.json:1): the key is there twice, first in line 1",
		},

		// Types.
		{
			"a section that is a text", fromYAML("session: {cookie: hush}"),
			"session.cookie (app.yaml:1): must be a mapping of keys to values",
		},
		{
			"a text for a bool", fromYAML("session: {cookie: {secure: 'true'}}"),
			`session.cookie.secure (app.yaml:1): "true": must be true or false`,
		},
		{
			"a text for a bool in the environment", config.WithEnviron([]string{"SESSION_COOKIE_SECURE=yes"}),
			`session.cookie.secure (SESSION_COOKIE_SECURE): "yes": must be true or false`,
		},
		{
			"a fraction for a whole number", fromJSON(`{"session": {"store": {"sweep": {"batch": 1.5}}}}`),
			"session.store.sweep.batch (app.json:1): 1.5: must be a whole number",
		},
		{
			"a number that is too large", fromJSON(`{"session": {"store": {"sweep": {"batch": 1e300}}}}`),
			"session.store.sweep.batch (app.json:1): 1e+300: must be a whole number",
		},
		{
			"a text for a number", config.WithEnviron([]string{"SESSION_STORE_MEMORY_MAX_SESSIONS=many"}),
			`session.store.memory.max_sessions (SESSION_STORE_MEMORY_MAX_SESSIONS): "many": must be a whole number`,
		},
		{
			"a text for a ratio", config.WithEnviron([]string{"SESSION_STATE_TTL_EXTENSION_THRESHOLD=80%"}),
			`session.state.ttl_extension_threshold (SESSION_STATE_TTL_EXTENSION_THRESHOLD): "80%": must be a number`,
		},
		{
			"a number for a text", fromYAML("session: {cookie: {name: 12}}"),
			"session.cookie.name (app.yaml:1): 12: must be a text; put it in quotes",
		},
		{
			"a mapping for a text", fromYAML("session: {cookie: {name: {a: hush}}}"),
			"session.cookie.name (app.yaml:1): a mapping: must be a text; put it in quotes",
		},
		{
			"a list for a text", fromYAML("session: {cookie: {name: [hush]}}"),
			"session.cookie.name (app.yaml:1): a list: must be a text; put it in quotes",
		},
		{
			"no value", fromYAML("session: {cookie: {name: }}"),
			"session.cookie.name (app.yaml:1): has no value; give it one or take the key away",
		},
		{
			"a number for a secret", fromYAML("session: {store: {redis: {password: 4711}}}"),
			"session.store.redis.password (app.yaml:1): must be a text; put it in quotes",
		},
		{
			"a very long text", fromYAML("session: {cookie: {kind: " + strings.Repeat("x", 1000) + "}}"),
			`session.cookie.kind (app.yaml:1): "` + strings.Repeat("x", 200) + `"…: must be persistent or session`,
		},

		// Durations.
		{
			"a duration without a unit", fromYAML("session: {state: {ttl: 3600}}"),
			"session.state.ttl (app.yaml:1): 3600: must be a duration with its unit, such as 90s, 15m, 24h or 30d",
		},
		{
			"a duration that is none", fromYAML("session: {state: {ttl: true}}"),
			"session.state.ttl (app.yaml:1): true: must be a duration with its unit, such as 90s, 15m, 24h or 30d",
		},
		{
			"too many days", fromYAML("session: {state: {ttl: 106752d}}"), // a day more than a Duration holds
			`session.state.ttl (app.yaml:1): "106752d": must be a duration with its unit, such as 90s, 15m, 24h or 30d`,
		},
		{"a TTL of 0", fromYAML("session: {state: {ttl: 0}}"), "session.state.ttl (app.yaml:1): 0s: must be above 0"},
		{"a TTL below 0", fromYAML("session: {state: {ttl: -90m}}"), "session.state.ttl (app.yaml:1): -1h30m: must be above 0"},
		{
			"a lifetime below the TTL", fromYAML("session: {state: {ttl: 2h, max_lifetime: 1h59m59s}}"),
			"session.state.max_lifetime (app.yaml:1): 1h59m59s: must be at least session.state.ttl, which is 2h, or 0 for no limit",
		},
		{
			"a lifetime below 0", fromYAML("session: {state: {max_lifetime: -1h}}"),
			"session.state.max_lifetime (app.yaml:1): -1h: must not be below 0; 0 is no limit",
		},
		{
			"a TTL above the default lifetime", fromYAML("session: {state: {ttl: 31d}}"),
			"session.state.max_lifetime: 720h (the default): must be at least session.state.ttl, which is 744h, or 0 for no limit",
		},
		{
			"no timeout", fromYAML("session: {store: {timeout: 0}}"),
			"session.store.timeout (app.yaml:1): 0s: must be above 0 and at most 24h",
		},
		{
			"a timeout that is none", config.WithEnviron([]string{"SESSION_STORE_TIMEOUT=2562047h"}),
			"session.store.timeout (SESSION_STORE_TIMEOUT): 2562047h: must be above 0 and at most 24h",
		},
		{
			"an interval below 0", fromYAML("session: {store: {sweep: {interval: -1s}}}"),
			"session.store.sweep.interval (app.yaml:1): -1s: must not be below 0; 0 is no sweeper",
		},

		// Numbers.
		{
			"a threshold below 0", fromYAML("session: {state: {ttl_extension_threshold: -0.1}}"),
			"session.state.ttl_extension_threshold (app.yaml:1): -0.1: must be from 0 to 1",
		},
		{
			"a threshold above 1", fromYAML("session: {state: {ttl_extension_threshold: 80}}"),
			"session.state.ttl_extension_threshold (app.yaml:1): 80: must be from 0 to 1",
		},
		{
			"a threshold that is not a number", config.WithEnviron([]string{"SESSION_STATE_TTL_EXTENSION_THRESHOLD=NaN"}),
			"session.state.ttl_extension_threshold (SESSION_STATE_TTL_EXTENSION_THRESHOLD): NaN: must be from 0 to 1",
		},
		{"an empty batch", fromYAML("session: {store: {sweep: {batch: 0}}}"), "session.store.sweep.batch (app.yaml:1): 0: must be above 0"},
		{
			"a near cache that keeps nothing", fromYAML("session: {store: {redis: {client_cache: {ttl: 0s}}}}"),
			"session.store.redis.client_cache.ttl (app.yaml:1): 0s: must be at least 1ms",
		},
		{
			"fewer sessions of a subject than none", fromYAML("session: {state: {max_sessions_per_subject: -1}}"),
			"session.state.max_sessions_per_subject (app.yaml:1): -1: must not be below 0; 0 is no limit",
		},
		{
			"a policy that is none", fromYAML("session: {state: {max_sessions_policy: oldest}}"),
			`session.state.max_sessions_policy (app.yaml:1): "oldest": must be evict_oldest or deny`,
		},
		{
			"seen before now", fromYAML("session: {state: {last_seen_interval: -1s}}"),
			"session.state.last_seen_interval (app.yaml:1): -1s: must not be below 0; 0 notes sign-ins alone",
		},
		{
			"a watch without a pause", fromYAML("session: {state: {watch_interval: 0}}"),
			"session.state.watch_interval (app.yaml:1): 0s: must be at least 1ms",
		},
		{
			"fewer sessions than none", fromYAML("session: {store: {memory: {max_sessions: -1}}}"),
			"session.store.memory.max_sessions (app.yaml:1): -1: must not be below 0; 0 is no limit",
		},

		// Choices.
		{
			"a choice that is none", fromYAML("session: {cookie: {same_site: Lax}}"),
			`session.cookie.same_site (app.yaml:1): "Lax": must be lax, strict or none`,
		},
		{
			"an empty choice", config.WithEnviron([]string{"SESSION_STORE_DRIVER="}),
			`session.store.driver (SESSION_STORE_DRIVER): "": must be memory, redis or sql`,
		},
		{
			"a database for a driver", fromYAML("session: {store: {driver: mariadb}}"),
			`session.store.driver (app.yaml:1): "mariadb": must be memory, redis or sql; did you mean sql, with session.store.sql.dialect: mysql?`,
		},
		{
			"a database for a driver, in the environment", config.WithEnviron([]string{"SESSION_STORE_DRIVER=PostgreSQL"}),
			`session.store.driver (SESSION_STORE_DRIVER): "PostgreSQL": must be memory, redis or sql; did you mean sql, with session.store.sql.dialect: postgres?`,
		},
		{
			"SQL without a dialect", fromYAML("session: {store: {driver: sql}}"),
			`session.store.sql.dialect: "": must be postgres, mysql or sqlite`,
		},
		{
			"a dialect that is none", fromYAML("session: {store: {sql: {dialect: oracle}}}"),
			`session.store.sql.dialect (app.yaml:1): "oracle": must be postgres, mysql or sqlite`,
		},

		// The cookie.
		{
			"a name that is no token", fromYAML("session: {cookie: {name: 'a;b'}}"),
			"session.cookie.name (app.yaml:1): \"a;b\": must be a cookie name: letters, digits and any of !#$%&'*+-.^_`|~",
		},
		{
			"an empty name", fromYAML("session: {cookie: {name: ''}}"),
			"session.cookie.name (app.yaml:1): \"\": must be a cookie name: letters, digits and any of !#$%&'*+-.^_`|~",
		},
		{
			"a name beyond ASCII", fromYAML("session: {cookie: {name: sitzung-ä}}"),
			"session.cookie.name (app.yaml:1): \"sitzung-ä\": must be a cookie name: letters, digits and any of !#$%&'*+-.^_`|~",
		},
		{
			"a name with its prefix", fromYAML("session: {cookie: {name: __host-id}}"),
			`session.cookie.name (app.yaml:1): "__host-id": must not begin with a prefix (__Host-, __Secure-, __Http- or Http-); session.cookie.prefix adds it`,
		},
		{
			"SameSite=None without Secure", fromYAML("session:\n  cookie:\n    same_site: none\n    secure: false"),
			`session.cookie.same_site (app.yaml:3): "none": needs session.cookie.secure: true`,
		},
		{
			"Partitioned without Secure", fromYAML("session: {cookie: {partitioned: true, secure: false}}"),
			"session.cookie.partitioned (app.yaml:1): true: needs session.cookie.secure: true",
		},
		{
			"__Secure- without Secure", fromYAML("session: {cookie: {prefix: __Secure-, secure: false}}"),
			`session.cookie.prefix (app.yaml:1): "__Secure-": needs session.cookie.secure: true`,
		},
		{
			"__Host- without Secure", fromYAML("session: {cookie: {prefix: __Host-, secure: false}}"),
			`session.cookie.prefix (app.yaml:1): "__Host-": needs session.cookie.secure: true`,
		},
		{
			"__Host- with a domain", fromYAML("session: {cookie: {prefix: __Host-, domain: example.com}}"),
			`session.cookie.domain (app.yaml:1): "example.com": must be empty with session.cookie.prefix: __Host-`,
		},
		{
			"__Host- with a path", fromYAML("session: {cookie: {prefix: __Host-, path: /app}}"),
			`session.cookie.path (app.yaml:1): "/app": must be / with session.cookie.prefix: __Host-`,
		},
		{
			"a domain that is none", fromYAML("session: {cookie: {domain: 'example.com; Secure'}}"),
			`session.cookie.domain (app.yaml:1): "example.com; Secure": must be a domain such as example.com, or empty`,
		},
		{
			"a path that ends the attribute", fromYAML("session: {cookie: {path: '/; Domain=x'}}"),
			`session.cookie.path (app.yaml:1): "/; Domain=x": must begin with / and have none of ;"\, no control characters and nothing beyond ASCII`,
		},
		{
			"a path that net/http cannot read", fromYAML("session: {cookie: {path: '/a\"b'}}"),
			`session.cookie.path (app.yaml:1): "/a\"b": must begin with / and have none of ;"\, no control characters and nothing beyond ASCII`,
		},
		{
			"a domain of numbers", fromYAML("session: {cookie: {domain: '1.2'}}"),
			`session.cookie.domain (app.yaml:1): "1.2": must be a domain such as example.com, or empty`,
		},
		{
			"a name that leaves no place for a value", fromYAML("session: {cookie: {name: " + strings.Repeat("n", 129) + "}}"),
			`session.cookie.name (app.yaml:1): "` + strings.Repeat("n", 129) + `": must have at most 128 characters: name and value share the 4096 bytes of a cookie`,
		},
		{
			"a path that is relative", fromYAML("session: {cookie: {path: app}}"),
			`session.cookie.path (app.yaml:1): "app": must begin with / and have none of ;"\, no control characters and nothing beyond ASCII`,
		},

		// Keys of the cookie.
		{
			"keys that are no list", fromYAML("session: {cookie: {keys: " + keyA + "}}"),
			"session.cookie.keys (app.yaml:1): must be a list of keys, each of 32 bytes in base64",
		},
		{
			"a short key", fromYAML("session:\n  cookie:\n    keys:\n      - " + keyA + "\n      - AAECAwQFBgcICQoLDA0ODw=="),
			"session.cookie.keys[1] (app.yaml:5): must be a key of 32 bytes in base64; this is 16 bytes (openssl rand -base64 32 makes one)",
		},
		{
			"a key that is no base64", fromJSON("{\"session\": {\"cookie\": {\"keys\": [\n  \"correct horse\"\n]}}}"),
			"session.cookie.keys[0] (app.json:2): must be a key of 32 bytes in base64; this is not base64 (openssl rand -base64 32 makes one)",
		},
		{
			"a key that is no text", fromYAML("session: {cookie: {keys: [1234]}}"),
			"session.cookie.keys[0] (app.yaml:1): must be a key of 32 bytes in base64; this is 0 bytes (openssl rand -base64 32 makes one)",
		},
		{
			"one key twice", config.WithEnviron([]string{"SESSION_COOKIE_KEYS=" + keyA + "," + keyB + "," + strings.TrimRight(keyA, "=")}),
			"session.cookie.keys[2] (SESSION_COOKIE_KEYS): is the same key as session.cookie.keys[0]",
		},

		// The stores.
		{
			"a URL of another kind", fromYAML("session: {store: {redis: {url: 'http://u:hush@h'}}}"),
			"session.store.redis.url (app.yaml:1): must be a URL that begins with redis://, rediss:// or unix://, with everything but letters and digits percent-encoded in a password",
		},
		{
			"a URL that is none", fromYAML("session: {store: {redis: {url: 'redis://u:hu%sh@h'}}}"),
			"session.store.redis.url (app.yaml:1): must be a URL that begins with redis://, rediss:// or unix://, with everything but letters and digits percent-encoded in a password",
		},
		{
			"a user for sentinels without any", fromYAML("session: {store: {redis: {url: 'redis://h', sentinel_username: app}}}"),
			`session.store.redis.sentinel_username (app.yaml:1): "app": is for sentinels only; add ?master_set=NAME to session.store.redis.url`,
		},
		{
			"a password for sentinels without any", fromYAML("session: {store: {redis: {sentinel_password: hush}}}"),
			"session.store.redis.sentinel_password (app.yaml:1): is for sentinels only; add ?master_set=NAME to session.store.redis.url",
		},
		{
			"a certificate without TLS", fromYAML("session: {store: {redis: {tls: {ca_file: ca.pem}}}}"),
			`session.store.redis.tls.ca_file (app.yaml:1): "ca.pem": needs session.store.redis.tls.enabled: true, or a rediss:// URL`,
		},
		{
			"a certificate without its key", fromYAML("session: {store: {redis: {tls: {enabled: true, cert_file: c.pem}}}}"),
			`session.store.redis.tls.cert_file (app.yaml:1): "c.pem": needs session.store.redis.tls.key_file`,
		},
		{
			"a key without its certificate", fromYAML("session: {store: {redis: {url: rediss://h, tls: {key_file: k.pem}}}}"),
			`session.store.redis.tls.key_file (app.yaml:1): "k.pem": needs session.store.redis.tls.cert_file`,
		},
		{
			"a server's name without TLS", fromYAML("session: {store: {redis: {url: redis://h, tls: {server_name: redis.internal}}}}"),
			`session.store.redis.tls.server_name (app.yaml:1): "redis.internal": needs session.store.redis.tls.enabled: true, or a rediss:// URL`,
		},
		{
			"a wrong URL, and a user for the sentinels that it may name", fromYAML("session: {store: {redis: {url: 'redis-sentinel://h', sentinel_username: app}}}"),
			"session.store.redis.url (app.yaml:1): must be a URL that begins with redis://, rediss:// or unix://, with everything but letters and digits percent-encoded in a password",
		},
		{
			"a DSN without a driver", fromYAML("session: {store: {sql: {dsn: hush}}}"),
			"session.store.sql.driver: must name the database/sql driver for session.store.sql.dsn, such as pgx, mysql or sqlite",
		},
		{
			"a table that is no name", fromYAML("session: {store: {sql: {table: 'sessions; --'}}}"),
			`session.store.sql.table (app.yaml:1): "sessions; --": must be letters, digits and _, not begin with a digit, and have at most 63 characters`,
		},
		{
			"a table with a long name", fromYAML("session: {store: {sql: {table: " + strings.Repeat("t", 64) + "}}}"),
			`session.store.sql.table (app.yaml:1): "` + strings.Repeat("t", 64) + `": must be letters, digits and _, not begin with a digit, and have at most 63 characters`,
		},
		{
			"a colon without a space", fromYAML("session: {store: {redis: {password:hush}}}"),
			"session.store.redis.password… (app.yaml:1): there is no such key; a space follows the colon",
		},
		{
			"the same twice", fromYAML("{password:hush, password:hush}"),
			"password… (app.yaml:1): the key is there twice, first in line 1",
		},
		{
			"the same after a path", fromYAML("{session.store.redis.password:hush}"),
			"session.store.redis.password… (app.yaml:1): is a single key that contains dots, and is ignored; nest it, with session as the outermost key",
		},
		{
			"the table of the migrations", fromYAML("session: {store: {sql: {table: Session_Migrations}}}"),
			`session.store.sql.table (app.yaml:1): "Session_Migrations": must not be session_migrations, the table of the migrations`,
		},
		{
			"a schema that is no name", fromYAML("session: {store: {sql: {schema: 1st}}}"),
			`session.store.sql.schema (app.yaml:1): "1st": must be letters, digits and _, not begin with a digit, and have at most 63 characters, or be empty`,
		},

		// Files.
		{"YAML with a wrong end", fromYAML("session: {state: {ttl: 1h}"), "app.yaml:1: is not valid YAML: did not find expected ',' or '}'"},
		{"YAML with a control character", fromYAML("session: \x01"), "app.yaml: is not valid YAML: control characters are not allowed"},
		{
			"YAML with a password that begins with *", fromYAML("session: {store: {redis: {password: *hush}}}"),
			"app.yaml: is not valid YAML: an alias (*) without its anchor (&); a text that begins with * must be in quotes",
		},
		{
			"YAML with a tag that does not fit", fromYAML("session: {store: {redis: {password: !!int hush}}}"),
			"app.yaml: has a tag, an anchor, an alias or a merge key that is of no use where it is",
		},
		{"YAML that is a text", fromYAML("hush"), "app.yaml:1: must be a mapping of keys to values"},
		{"YAML of two documents", fromYAML("session: {}\n---\nsession: {}"), "app.yaml:2: must be a single YAML document"},
		{"YAML with a second document that is wrong", fromYAML("session: {}\n---\n{"), "app.yaml:3: is not valid YAML: did not find expected node content"},
		{"JSON with a wrong end", fromJSON("{\n\"session\": {}"), "app.json:2: is not valid JSON: unexpected end of JSON input"},
		{"JSON that is a text", fromJSON(`"hush"`), "app.json: must be an object"},
		{"a file of another kind", config.WithBytes("app.toml", []byte("a=1")), "app.toml: must end in .yaml, .yml or .json"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range findings(t, row.source) {
				got = append(got, f.String())
			}
			if len(got) != 1 || got[0] != row.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), row.want)
			}
			if strings.Contains(fmt.Sprint(got), "hush") {
				t.Error("a finding gives a secret away")
			}
		})
	}
}

func TestE2_OneErrorHasAllFindingsOneOnEachLine(t *testing.T) {
	t.Parallel()
	_, err := config.Load(
		config.WithBytes("app.yaml", []byte("session:\n  cookie:\n    name: a b\n    nmae: x\n  state:\n    ttl: soon\n    ttl: 0\n    max_lifetime: 1h\n")),
		config.WithBytes("more.json", []byte("[]")),
		config.WithFile(filepath.Join(t.TempDir(), "none.yaml")),
		config.WithEnviron([]string{"SESSION_STORE_DRIVER=mongo", "SESSION_COOKIE_SECUR=1"}),
	)
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, want := range []string{
		"session configuration is not valid:",
		"more.json: must be an object",
		"none.yaml: cannot be read: no such file or directory",
		"SESSION_COOKIE_SECUR: there is no such variable; did you mean SESSION_COOKIE_SECURE?",
		"session.cookie.name (app.yaml:3): \"a b\": must be",
		"session.cookie.nmae (app.yaml:4): there is no such key; did you mean session.cookie.name?",
		"session.state.max_lifetime (app.yaml:8): 1h: must be at least session.state.ttl, which is 24h",
		"session.state.ttl (app.yaml:7): the key is there twice, first in line 6",
		"session.state.ttl (app.yaml:6): \"soon\": must be a duration",
		"session.store.driver (SESSION_STORE_DRIVER): \"mongo\": must be memory, redis or sql",
	} {
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Errorf("line %d must have %q; the error is\n%v", i, want, err)
		}
	}
	if len(lines) != 10 {
		t.Errorf("the error is\n%v", err)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause is not in the error")
	}
}

func TestE2_AConfigurationBuiltInCodeIsHeldAgainstTheSameRules(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{config.NewKey(), {}, {}}
	cfg.Cookie.KeysFile = "keys.txt"
	cfg.State.TTLExtensionThreshold = math.Inf(1)
	cfg.Store.Redis.PasswordFile = "password.txt"
	cfg.Store.Redis.SentinelPasswordFile = "watchword.txt"
	cfg.Store.SQL.DSNFile = "dsn.txt"

	var e *config.Error
	if !errors.As(cfg.Validate(), &e) {
		t.Fatal("no error")
	}
	var got []string
	for _, f := range e.Findings {
		got = append(got, f.String())
	}
	want := []string{
		"session.cookie.keys[1]: is no key; NewKey makes one, ParseKey reads one",
		"session.cookie.keys[2]: is no key; NewKey makes one, ParseKey reads one",
		`session.cookie.keys_file: is read by Load alone; in a configuration built in code, set session.cookie.keys`,
		"session.state.ttl_extension_threshold: +Inf: must be from 0 to 1",
		`session.store.redis.password_file: is read by Load alone; in a configuration built in code, set session.store.redis.password`,
		`session.store.redis.sentinel_password_file: is read by Load alone; in a configuration built in code, set session.store.redis.sentinel_password`,
		`session.store.sql.dsn_file: is read by Load alone; in a configuration built in code, set session.store.sql.dsn`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestE2_TheZeroConfigurationIsNotValid(t *testing.T) {
	t.Parallel()
	var e *config.Error
	if !errors.As(config.SessionConfig{}.Validate(), &e) {
		t.Fatal("no error")
	}
	found := map[string]bool{}
	for _, f := range e.Findings {
		found[f.Path] = true
	}
	for _, s := range config.Settings() {
		if len(s.Allowed) > 0 && s.Path != "session.store.sql.dialect" && !found[s.Path] {
			t.Errorf("%s may be empty", s.Path)
		}
	}
}

func TestE2_WhatIsAllowedIsNotFound(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*config.SessionConfig){
		"a threshold of 0":         func(c *config.SessionConfig) { c.State.TTLExtensionThreshold = 0 },
		"a threshold of 1":         func(c *config.SessionConfig) { c.State.TTLExtensionThreshold = 1 },
		"no limit":                 func(c *config.SessionConfig) { c.State.TTL, c.State.MaxLifetime = 10*365*24*time.Hour, 0 },
		"a lifetime of the TTL":    func(c *config.SessionConfig) { c.State.MaxLifetime = c.State.TTL },
		"no sweeper":               func(c *config.SessionConfig) { c.Store.Sweep.Interval = 0 },
		"a cookie in the clear":    func(c *config.SessionConfig) { c.Cookie.Secure = false },
		"a cookie for a domain":    func(c *config.SessionConfig) { c.Cookie.Domain, c.Cookie.Path = "a-1.example.com", "/app/x y" },
		"a __Host- cookie":         func(c *config.SessionConfig) { c.Cookie.Prefix = config.PrefixHost },
		"a __Secure- cookie":       func(c *config.SessionConfig) { c.Cookie.Prefix, c.Cookie.Domain = config.PrefixSecure, "localhost" },
		"a cookie for other sites": func(c *config.SessionConfig) { c.Cookie.SameSite, c.Cookie.Partitioned = config.SameSiteNone, true },
		"every character of names": func(c *config.SessionConfig) { c.Cookie.Name = "azAZ09!#$%&'*+-.^_`|~" },
		"a socket":                 func(c *config.SessionConfig) { c.Store.Redis.URL = config.NewSecret("unix:///run/redis.sock") },
		"TLS by the URL": func(c *config.SessionConfig) {
			c.Store.Redis.URL, c.Store.Redis.TLS.CAFile = config.NewSecret("rediss://h"), "ca.pem"
		},
		"a database of the program": func(c *config.SessionConfig) {
			c.Store.Driver, c.Store.SQL.Dialect = config.DriverSQL, config.DialectSQLite
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config.Default()
			change(&cfg)
			if err := cfg.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Keys at the top are the application's, whatever they are called.
func TestE2_WhatLooksLikeOursAndIsTheApplicationsIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]config.Option{
		"a number":      {fromYAML("sessions: 3\ncookie: a text\nstate: [ttl]\nstore:\n")},
		"nothing in it": {fromYAML("sessions: {}\ncookie: {}")},
		"a name that we know, and one that we do not": {fromYAML("cookie: {name: csrf, value: x}\nstore: {driver: x, host: h}\nsessions: {store: {}, proxy: {}}")},
		"beside the key":        {fromYAML("session:\ncookie: {name: csrf}\nsessions: {state: {ttl: 1h}}")},
		"a key in another file": {fromYAML("cookie: {name: csrf}"), fromJSON(`{"session": {"state": {}}}`)},
	} {
		if _, err := config.Load(append(opts, config.WithEnviron(nil))...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestE2_ADomainIsMadeOfLabels(t *testing.T) {
	t.Parallel()
	for _, domain := range []string{
		".example.com", "example..com", "example.com.", "-a.com", "a-.com", "a_b.com", "ä.com", "a b", "a:80", "[::1]",
		strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 127) + "com",
	} {
		cfg := config.Default()
		cfg.Cookie.Domain = domain
		if cfg.Validate() == nil {
			t.Errorf("%q is accepted", domain)
		}
	}
}

func TestE3_TheErrorOfASecretFileNamesTheFileAndNeverItsContent(t *testing.T) {
	t.Parallel()
	bad := write(t, "bad", "# ours\nhush hush\n")
	short := write(t, "short", "aHVzaA==")
	empty := write(t, "empty", "# nothing\n\n")
	nothing := write(t, "nothing", "\n")
	large := write(t, "large", strings.Repeat("hush", 20_000))
	missing := filepath.Join(t.TempDir(), "missing")
	for _, row := range []struct {
		name        string
		environ     []string
		path, value string
		problem     string
	}{
		{
			"a bad line",
			[]string{"SESSION_COOKIE_KEYS_FILE=" + bad},
			"session.cookie.keys_file", bad,
			"line 2: must be a key of 32 bytes in base64; this is not base64 (openssl rand -base64 32 makes one)",
		},
		{
			"a short key",
			[]string{"SESSION_COOKIE_KEYS_FILE=" + short},
			"session.cookie.keys_file", short,
			"line 1: must be a key of 32 bytes in base64; this is 4 bytes (openssl rand -base64 32 makes one)",
		},
		{"no key", []string{"SESSION_COOKIE_KEYS_FILE=" + empty}, "session.cookie.keys_file", empty, "there is no key in the file"},
		{
			"a missing file",
			[]string{"SESSION_STORE_REDIS_PASSWORD_FILE=" + missing},
			"session.store.redis.password_file", "",
			"cannot be read: no such file or directory; it must be the name of a file, not the secret itself",
		},
		{
			"an empty password",
			[]string{"SESSION_STORE_REDIS_PASSWORD_FILE=" + nothing},
			"session.store.redis.password_file", nothing,
			"there is nothing in the file",
		},
		{
			"a file without end",
			[]string{"SESSION_STORE_SQL_DSN_FILE=" + large, "SESSION_STORE_SQL_DRIVER=pgx"},
			"session.store.sql.dsn_file", "",
			"cannot be read: it has more than 65536 bytes; it must be the name of a file, not the secret itself",
		},
		{
			"keys and a file of keys",
			[]string{"SESSION_COOKIE_KEYS=" + keyA, "SESSION_COOKIE_KEYS_FILE=" + empty},
			"session.cookie.keys_file", "", "session.cookie.keys (SESSION_COOKIE_KEYS) is set as well; there can be only one of the two",
		},
		{
			"a password and a file",
			[]string{"SESSION_STORE_REDIS_PASSWORD=hush", "SESSION_STORE_REDIS_PASSWORD_FILE=" + short},
			"session.store.redis.password_file", "", "session.store.redis.password (SESSION_STORE_REDIS_PASSWORD) is set as well; there can be only one of the two",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := findings(t, config.WithEnviron(row.environ))
			if len(got) != 1 {
				t.Fatalf("got %v", got)
			}
			f, value := got[0], ""
			if row.value != "" {
				value = fmt.Sprintf("%q", row.value)
			}
			if f.Path != row.path || f.Value != value || f.Problem != row.problem {
				t.Errorf("got %s", f)
			}
			if strings.Contains(f.Problem, "hush") || strings.Contains(f.Problem, "aHVzaA") {
				t.Error("the finding gives the secret away")
			}
		})
	}
}

func TestE3_ASecretInThePlaceOfAFileNameIsNotShown(t *testing.T) {
	t.Parallel()
	for variable, secret := range map[string]string{
		"SESSION_COOKIE_KEYS_FILE":                   keyA,
		"SESSION_STORE_REDIS_PASSWORD_FILE":          "hunter2",
		"SESSION_STORE_REDIS_SENTINEL_PASSWORD_FILE": "hunter3",
		"SESSION_STORE_SQL_DSN_FILE":                 "postgres://shop:hunter4@db/shop",
	} {
		for name, others := range map[string][]string{
			"alone":           nil,
			"beside the same": {strings.TrimSuffix(variable, "_FILE") + "=" + keyB},
		} {
			_, err := config.Load(config.WithEnviron(append(others, variable+"="+secret)))
			shown := fmt.Sprintf("%v %+v", err, err)
			var e *config.Error
			if !errors.As(err, &e) {
				t.Fatalf("%s, %s: %v", variable, name, err)
			}
			for _, f := range e.Findings {
				shown += fmt.Sprintf("%+v", f)
			}
			if strings.Contains(shown, secret) {
				t.Errorf("%s, %s: %s", variable, name, shown)
			}
		}
	}
}

func TestE3_OneKeyTwiceInAFileIsFoundThere(t *testing.T) {
	t.Parallel()
	file := write(t, "keys", keyA+"\n"+keyA)
	got := findings(t, config.WithEnviron([]string{"SESSION_COOKIE_KEYS_FILE=" + file}))
	if want := "session.cookie.keys[1] (" + file + "): is the same key as session.cookie.keys[0]"; len(got) != 1 || got[0].String() != want {
		t.Errorf("got %v\nwant %s", got, want)
	}
}

func TestE2_AClientCertificateNeedsTLS(t *testing.T) {
	t.Parallel()
	var got []string
	for _, f := range findings(t, fromYAML("session: {store: {redis: {tls: {cert_file: c.pem, key_file: k.pem}}}}")) {
		got = append(got, f.Path)
	}
	if want := []string{"session.store.redis.tls.cert_file", "session.store.redis.tls.key_file"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// What is the least or the most is allowed itself.
func TestE2_BoundsAreAllowedThemselves(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Cookie.Name = strings.Repeat("n", 128)
	cfg.State.WatchInterval = time.Millisecond
	cfg.Store.Timeout = 24 * time.Hour
	cfg.Store.Redis.ClientCache.TTL = time.Millisecond
	cfg.Store.SQL.Table, cfg.Store.SQL.Schema = strings.Repeat("t", 63), strings.Repeat("s", 63)
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
}

// net/http leaves a cookie out whose name or path has a control character, of
// which DEL is one.
func TestE2_ACookieHasNoDEL(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*config.CookieConfig){
		"name": func(c *config.CookieConfig) { c.Name = "a\x7f" },
		"path": func(c *config.CookieConfig) { c.Path = "/\x7f" },
	} {
		cfg := config.Default()
		change(&cfg.Cookie)
		if cfg.Validate() == nil {
			t.Errorf("it is accepted in a %s", name)
		}
	}
}

// A secret that was put into the wrong field is not shown for it.
func TestE2_ASecretInTheWrongPlaceIsNotShown(t *testing.T) {
	t.Parallel()
	for _, environ := range []string{
		"SESSION_STORE_DRIVER=postgres://user:hunter2@db/shop",
		"SESSION_STORE_SQL_TABLE=user:hunter2@tcp(db:3306)/shop",
		"SESSION_STORE_SQL_DIALECT=host=db password=hunter2",
		"SESSION_COOKIE_NAME=redis://:hunter2@redis:6379",
		"SESSION_COOKIE_CRYPTO=" + keyA,
		"SESSION_COOKIE_DOMAIN=" + keyA,
	} {
		got := findings(t, config.WithEnviron([]string{environ}))
		if len(got) == 0 {
			t.Errorf("%s is valid", environ)
		}
		for _, f := range got {
			if text := f.String(); strings.Contains(text, "hunter2") || strings.Contains(text, keyA) {
				t.Errorf("%s: %s", environ, text)
			}
		}
	}
}

// Browsers keep what begins so from scripts, and drop a cookie that is not kept
// from them.
func TestE2_ANameIsNoPrefixToCome(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Http-x", "http-x", "__Http-x", "__Host-Http-x"} {
		cfg := config.Default()
		cfg.Cookie.Name = name
		if err := cfg.Validate(); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// A key that is there twice is found in its own line, not in that of the list.
func TestE2_AKeyOfAListIsFoundInItsLine(t *testing.T) {
	t.Parallel()
	got := findings(t, fromYAML("session:\n  cookie:\n    keys:\n      - "+keyA+"\n      - "+keyA+"\n"))
	if want := "session.cookie.keys[1] (app.yaml:5): is the same key as session.cookie.keys[0]"; len(got) != 1 || got[0].String() != want {
		t.Errorf("got %v\nwant %s", got, want)
	}
}

// Two keys that ran together are no key: nothing is cut off.
func TestE2_AKeyIsNoLongerThanItShouldBe(t *testing.T) {
	t.Parallel()
	for _, n := range []int{31, 33, 64} {
		_, err := config.ParseKey(base64.StdEncoding.EncodeToString(make([]byte, n)))
		if want := fmt.Sprintf("this is %d bytes", n); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}
