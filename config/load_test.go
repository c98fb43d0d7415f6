package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
)

const (
	keyA = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	keyB = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
)

// load reads a configuration from YAML and from environment variables alone.
func load(t *testing.T, yaml string, environ ...string) config.SessionConfig {
	t.Helper()
	cfg, err := config.Load(config.WithBytes("app.yaml", []byte(yaml)), config.WithEnviron(environ))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func parseKey(t *testing.T, text string) config.Key {
	t.Helper()
	key, err := config.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// write makes a file in a directory of the test.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestE1_TheDefaultsAreValid(t *testing.T) {
	t.Parallel()
	if err := config.Default().Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestE1_ConfigurationsThatSayNothingAreTheDefaults(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]config.Option{
		"no file":                   {},
		"empty YAML":                {config.WithBytes("a.yaml", nil)},
		"{} as YAML":                {config.WithBytes("a.yml", []byte("{}"))},
		"null as YAML":              {config.WithBytes("a.yaml", []byte("~"))},
		"comments":                  {config.WithBytes("a.yaml", []byte("# session:\n#   state: {}\n"))},
		"a section of comments":     {config.WithBytes("a.yaml", []byte("session:\n  state:\n    # ttl: 1h\n  store: {}\n"))},
		"session alone":             {config.WithBytes("a.yaml", []byte("session:\n"))},
		"empty JSON":                {config.WithBytes("a.json", []byte(" \n"))},
		"{} as JSON":                {config.WithBytes("a.json", []byte("{}"))},
		"null as JSON":              {config.WithBytes("a.JSON", []byte("null"))},
		"a section that is null":    {config.WithBytes("a.json", []byte(`{"session": {"cookie": null}}`))},
		"keys of the application":   {config.WithBytes("a.yaml", []byte("sessions: 1\nhttp: {ttl: x}\nsessions.state.ttl: x\n1: 2\n"))},
		"variables of others":       {config.WithEnviron([]string{"SESSION_MANAGER=local/host", "SESSION=1", "SESSION_=x", "XSESSION_STATE_TTL=1", "=::=::", "nothing"})},
		"a list with nothing in it": {config.WithEnviron([]string{"SESSION_COOKIE_KEYS= , "})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Load(append([]config.Option{config.WithEnviron(nil)}, opts...)...)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(cfg, config.Default()) {
				t.Errorf("got %+v", cfg)
			}
		})
	}
}

func TestE1_TheFileGoesOverTheDefaultsAndTheEnvironmentOverTheFile(t *testing.T) {
	t.Parallel()
	first := write(t, "first.yaml", "session: {cookie: {name: first, domain: example.com, path: /a}, state: {ttl: 1h}}")
	second := write(t, "second.json", `{"session": {"cookie": {"name": "second", "domain": "example.org"}}}`)

	cfg, err := config.Load(config.WithFile(first), config.WithFile(second), config.WithEnviron([]string{
		"SESSION_COOKIE_NAME=third",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.State.TTL = time.Hour
	want.Cookie.Path = "/a"
	want.Cookie.Domain = "example.org"
	want.Cookie.Name = "third"
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got %+v\nwant %+v", cfg, want)
	}
}

func TestE1_WithoutAnOptionTheEnvironmentIsThatOfTheProcess(t *testing.T) {
	t.Setenv("SESSION_COOKIE_NAME", "from-the-process")
	cfg, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Cookie.Name != "from-the-process" {
		t.Errorf("the name is %q", cfg.Cookie.Name)
	}
}

// everyField is a configuration in which no field has its default.
func everyField(t *testing.T) config.SessionConfig {
	return config.SessionConfig{
		Cookie: config.CookieConfig{
			Name: "sid", Prefix: config.PrefixNone, Domain: "example.com", Path: "/app", Secure: true, HTTPOnly: false,
			SameSite: config.SameSiteNone, Partitioned: true, Kind: config.KindSession, Send: config.SendAlways,
			Crypto: config.CryptoSign, Keys: []config.Key{parseKey(t, keyA), parseKey(t, keyB)},
		},
		State: config.StateConfig{
			TTL: 90 * time.Minute, ExtendTTL: config.ExtendTTLOnStateChanges, TTLExtensionThreshold: 0.25,
			MaxLifetime: 48 * time.Hour, ServerStateCreation: config.ServerStateCreationSkipIfEmpty,
			MissingServerState: config.MissingServerStateAllow, MaxSessionsPerSubject: 5, MaxSessionsPolicy: config.MaxSessionsDeny,
			LastSeenInterval: time.Minute, WatchInterval: 2 * time.Second,
		},
		Store: config.StoreConfig{
			Driver: config.DriverSQL, Timeout: 1500 * time.Millisecond,
			Sweep:  config.SweepConfig{Interval: 0, Batch: 50},
			Memory: config.MemoryConfig{MaxSessions: 10},
			Redis: config.RedisConfig{
				URL: config.NewSecret("rediss://redis.example:26379/1?master_set=app"), Username: "app", Password: config.NewSecret("p: #ä"),
				SentinelUsername: "watcher", SentinelPassword: config.NewSecret("s: #ü"),
				TLS: config.TLSConfig{
					Enabled: true, CAFile: "/etc/ca.pem", CertFile: "/etc/cert.pem", KeyFile: "/etc/key.pem", ServerName: "redis",
				},
				Namespace: "app:", ClientCache: config.ClientCacheConfig{Enabled: true, TTL: 3 * time.Second},
			},
			SQL: config.SQLConfig{
				Dialect: config.DialectPostgres, Driver: "pgx", DSN: config.NewSecret("postgres://u:p@h/db"), Table: "web_sessions",
				Schema: "web", Migrate: true,
			},
		},
	}
}

const everyFieldYAML = `
session:
  cookie:
    name: sid
    prefix: none
    domain: example.com
    path: /app
    secure: true
    http_only: false
    same_site: none
    partitioned: true
    kind: session
    send: always
    crypto: sign
    keys:
      - AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8
      - ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=
  state:
    ttl: 90m
    extend_ttl: on_state_changes
    ttl_extension_threshold: 0.25
    max_lifetime: 2d
    server_state_creation: skip_if_empty
    missing_server_state: allow
    max_sessions_per_subject: 5
    max_sessions_policy: deny
    last_seen_interval: 1m
    watch_interval: 2s
  store:
    driver: sql
    timeout: 1.5s
    sweep: {interval: 0, batch: 50}
    memory: {max_sessions: 10}
    redis:
      url: rediss://redis.example:26379/1?master_set=app
      username: app
      password: "p: #ä"
      sentinel_username: watcher
      sentinel_password: "s: #ü"
      tls: {enabled: true, ca_file: /etc/ca.pem, cert_file: /etc/cert.pem, key_file: /etc/key.pem, server_name: redis}
      namespace: "app:"
      client_cache:
        enabled: true
        ttl: 3s
    sql: {dialect: postgres, driver: pgx, dsn: "postgres://u:p@h/db", table: web_sessions, schema: web, migrate: true}
`

const everyFieldJSON = `{"session": {
  "cookie": {
    "name": "sid", "prefix": "none", "domain": "example.com", "path": "/app", "secure": true, "http_only": false,
    "same_site": "none", "partitioned": true, "kind": "session", "send": "always", "crypto": "sign",
    "keys": ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8"]
  },
  "state": {
    "ttl": "1h30m", "extend_ttl": "on_state_changes", "ttl_extension_threshold": 0.25, "max_lifetime": "48h",
    "server_state_creation": "skip_if_empty", "missing_server_state": "allow",
    "max_sessions_per_subject": 5, "max_sessions_policy": "deny", "last_seen_interval": "60s", "watch_interval": "2s"
  },
  "store": {
    "driver": "sql", "timeout": "1500ms", "sweep": {"interval": "0s", "batch": 50}, "memory": {"max_sessions": 10},
    "redis": {
      "url": "rediss://redis.example:26379/1?master_set=app", "username": "app", "password": "p: #\u00e4", "namespace": "app:",
      "sentinel_username": "watcher", "sentinel_password": "s: #\u00fc",
      "client_cache": {"enabled": true, "ttl": "3s"},
      "tls": {
        "enabled": true, "ca_file": "/etc/ca.pem", "cert_file": "/etc/cert.pem", "key_file": "/etc/key.pem",
        "server_name": "redis"
      }
    },
    "sql": {
      "dialect": "postgres", "driver": "pgx", "dsn": "postgres://u:p@h/db", "table": "web_sessions", "schema": "web",
      "migrate": true
    }
  }
}}`

var everyFieldEnviron = []string{
	"SESSION_COOKIE_NAME=sid", "SESSION_COOKIE_PREFIX=none", "SESSION_COOKIE_DOMAIN=example.com", "SESSION_COOKIE_PATH=/app",
	"SESSION_COOKIE_SECURE=true", "SESSION_COOKIE_HTTP_ONLY=false", "SESSION_COOKIE_SAME_SITE=none",
	"SESSION_COOKIE_PARTITIONED=1", "SESSION_COOKIE_KIND=session", "SESSION_COOKIE_SEND=always", "SESSION_COOKIE_CRYPTO=sign",
	"SESSION_COOKIE_KEYS=" + keyA + ", " + keyB,
	"SESSION_STATE_TTL=90m", "SESSION_STATE_EXTEND_TTL=on_state_changes", "SESSION_STATE_TTL_EXTENSION_THRESHOLD=0.25",
	"SESSION_STATE_MAX_LIFETIME=48h", "SESSION_STATE_SERVER_STATE_CREATION=skip_if_empty",
	"SESSION_STATE_MISSING_SERVER_STATE=allow", "SESSION_STATE_MAX_SESSIONS_PER_SUBJECT=5",
	"SESSION_STATE_MAX_SESSIONS_POLICY=deny", "SESSION_STATE_LAST_SEEN_INTERVAL=1m", "SESSION_STATE_WATCH_INTERVAL=2s",
	"SESSION_STORE_DRIVER=sql", "SESSION_STORE_TIMEOUT=1.5s", "SESSION_STORE_SWEEP_INTERVAL=0", "SESSION_STORE_SWEEP_BATCH=50",
	"SESSION_STORE_MEMORY_MAX_SESSIONS=10", "SESSION_STORE_REDIS_URL=rediss://redis.example:26379/1?master_set=app",
	"SESSION_STORE_REDIS_USERNAME=app", "SESSION_STORE_REDIS_PASSWORD=p: #ä", "SESSION_STORE_REDIS_SENTINEL_USERNAME=watcher",
	"SESSION_STORE_REDIS_SENTINEL_PASSWORD=s: #ü", "SESSION_STORE_REDIS_TLS_ENABLED=true",
	"SESSION_STORE_REDIS_TLS_CA_FILE=/etc/ca.pem", "SESSION_STORE_REDIS_TLS_CERT_FILE=/etc/cert.pem",
	"SESSION_STORE_REDIS_TLS_KEY_FILE=/etc/key.pem", "SESSION_STORE_REDIS_TLS_SERVER_NAME=redis",
	"SESSION_STORE_REDIS_NAMESPACE=app:", "SESSION_STORE_REDIS_CLIENT_CACHE_ENABLED=true", "SESSION_STORE_REDIS_CLIENT_CACHE_TTL=3s",
	"SESSION_STORE_SQL_DIALECT=postgres", "SESSION_STORE_SQL_DRIVER=pgx",
	"SESSION_STORE_SQL_DSN=postgres://u:p@h/db", "SESSION_STORE_SQL_TABLE=web_sessions", "SESSION_STORE_SQL_SCHEMA=web",
	"SESSION_STORE_SQL_MIGRATE=true",
}

func TestE1_EveryFieldCanBeSetInEverySource(t *testing.T) {
	t.Parallel()
	want := everyField(t)
	for name, opts := range map[string][]config.Option{
		"YAML":        {config.WithBytes("a.yaml", []byte(everyFieldYAML)), config.WithEnviron(nil)},
		"JSON":        {config.WithBytes("a.json", []byte(everyFieldJSON)), config.WithEnviron(nil)},
		"environment": {config.WithEnviron(everyFieldEnviron)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Load(opts...)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(cfg, want) {
				t.Errorf("got %+v\nwant %+v", cfg, want)
			}
		})
	}
}

// The test above proves nothing about a field that it forgets.
func TestE1_TheSourcesInTheseTestsForgetNoField(t *testing.T) {
	t.Parallel()
	environ := strings.Join(everyFieldEnviron, "\n") + "\n"
	for _, s := range config.Settings() {
		if strings.HasSuffix(s.Path, "_file") && !strings.Contains(s.Path, ".tls.") {
			continue // the tests of E3 set these
		}
		if !strings.Contains(environ, s.Variable+"=") {
			t.Errorf("%s is not set", s.Variable)
		}
	}
}

func TestE1_NoTwoFieldsHaveOneVariable(t *testing.T) {
	t.Parallel()
	paths := map[string]string{}
	for _, s := range config.Settings() {
		if other, ok := paths[s.Variable]; ok {
			t.Errorf("%s is %s and %s", s.Variable, other, s.Path)
		}
		paths[s.Variable] = s.Path
	}
}

func TestE1_NumbersAndDurationsMayBeWrittenInEveryWayThatHasOneMeaning(t *testing.T) {
	t.Parallel()
	cfg := load(t, "session: {state: {ttl_extension_threshold: 1, max_lifetime: 0, ttl: 30d, watch_interval: 106751d}, store: {sweep: {batch: 1e3}}}")
	if cfg.State.TTLExtensionThreshold != 1 || cfg.State.MaxLifetime != 0 || cfg.State.TTL != 720*time.Hour || cfg.State.WatchInterval != 106751*24*time.Hour || cfg.Store.Sweep.Batch != 1000 {
		t.Errorf("got %+v", cfg)
	}
}

func TestE1_AnchorsAndMergeKeysOfYAMLWork(t *testing.T) {
	t.Parallel()
	cfg := load(t, "base: &base {ttl: 2h}\nname: &name shop\nsession: {state: {<<: *base, ttl_extension_threshold: 0}, cookie: {name: *name}}")
	if cfg.State.TTL != 2*time.Hour || cfg.State.TTLExtensionThreshold != 0 || cfg.Cookie.Name != "shop" {
		t.Errorf("got %+v", cfg)
	}
}

func TestE1_AListInTheEnvironmentTakesThePlaceOfTheOneInTheFile(t *testing.T) {
	t.Parallel()
	yaml := "session: {cookie: {keys: [" + keyA + "]}}"
	if cfg := load(t, yaml, "SESSION_COOKIE_KEYS="+keyB); len(cfg.Cookie.Keys) != 1 || cfg.Cookie.Keys[0] != parseKey(t, keyB) {
		t.Errorf("%d keys", len(cfg.Cookie.Keys))
	}
	if cfg := load(t, yaml, "SESSION_COOKIE_KEYS="); cfg.Cookie.Keys != nil {
		t.Errorf("%d keys", len(cfg.Cookie.Keys))
	}
}

func TestE2_AFileThatIsMissingCanBeToldFromAFileThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := config.Load(config.WithFile(filepath.Join(t.TempDir(), "none.yaml")), config.WithEnviron(nil))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	_, err = config.Load(config.WithFile(write(t, "wrong.yaml", "session: 1")), config.WithEnviron(nil))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a wrong file: %v", err)
	}
}

func TestE3_SecretsCanComeFromFiles(t *testing.T) {
	t.Parallel()
	const mark = "\ufeff" // which some editors put there
	keys := write(t, "keys", mark+"# the first one seals\n"+keyA+"\n\n  "+keyB+"  \r\n# end")
	password := write(t, "password", mark+" pass word \r\n")
	watchword := write(t, "watchword", "watch word\n")
	dsn := write(t, "dsn", "postgres://u:p@h/db\n")

	cfg := load(t, "session: {store: {redis: {url: 'redis://h?master_set=m', password_file: "+password+", sentinel_password_file: "+watchword+"}, sql: {driver: pgx}}}",
		"SESSION_COOKIE_KEYS_FILE="+keys, "SESSION_STORE_SQL_DSN_FILE="+dsn)

	want := config.Default()
	want.Cookie.Keys = []config.Key{parseKey(t, keyA), parseKey(t, keyB)}
	want.Store.Redis.URL = config.NewSecret("redis://h?master_set=m")
	want.Store.Redis.Password = config.NewSecret(" pass word ")
	want.Store.Redis.SentinelPassword = config.NewSecret("watch word")
	want.Store.SQL.Driver = "pgx"
	want.Store.SQL.DSN = config.NewSecret("postgres://u:p@h/db")
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got %+v\nwant %+v", cfg, want)
	}
}

func TestE4_ALoadedConfigurationWrittenAndLoadedAgainIsTheSame(t *testing.T) {
	t.Parallel()
	keys := write(t, "keys", keyB)
	for name, cfg := range map[string]config.SessionConfig{
		"the defaults":         load(t, ""),
		"every field":          load(t, everyFieldYAML),
		"secrets from files":   load(t, "", "SESSION_COOKIE_KEYS_FILE="+keys),
		"texts that need care": load(t, "", "SESSION_STORE_REDIS_NAMESPACE=true", "SESSION_STORE_REDIS_PASSWORD=\x00\xff\n: #'\"", "SESSION_STORE_REDIS_USERNAME=2020-01-01"),
		"small numbers":        load(t, "session: {state: {ttl: 1ns, max_lifetime: 1h1s, ttl_extension_threshold: 1e-9}}"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			if err := config.Write(&b, cfg); err != nil {
				t.Fatal(err)
			}
			again := load(t, b.String())
			if !reflect.DeepEqual(cfg, again) {
				t.Errorf("written:\n%s\ngot %+v\nwant %+v", b.String(), again, cfg)
			}
		})
	}
}

func TestE4_WriteSaysWhenItCouldNotWrite(t *testing.T) {
	t.Parallel()
	if err := config.Write(brokenWriter{}, config.Default()); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

var errBroken = errors.New("broken")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }
