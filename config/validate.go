package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Validate reports whether the configuration can be used. Its error is an
// [*Error] with everything that is wrong. Fields with a fixed set of choices
// must not be empty, so start a configuration built in code with [Default].
func (cfg SessionConfig) Validate() error {
	var c checks
	c.choices(&cfg)
	c.cookie(cfg.Cookie)
	c.state(cfg.State)
	c.store(cfg.Store)
	return asError(c.findings)
}

// checks collects what is wrong.
type checks struct{ findings []Finding }

// require adds a finding about the value at path unless ok.
func (c *checks) require(ok bool, path string, value any, problem string) {
	if !ok {
		c.findings = append(c.findings, Finding{Path: root + "." + path, Value: show(value), Problem: problem})
	}
}

// choices looks at every field that is one of a few texts.
func (c *checks) choices(cfg *SessionConfig) {
	for _, f := range fieldsOf(cfg) {
		e, ok := f.value.Interface().(enum)
		if !ok {
			continue
		}
		text := f.value.String()
		if text == "" && f.path == "session.store.sql.dialect" && cfg.Store.Driver != DriverSQL {
			continue
		}
		problem := "must be " + oneOf(e.allowed())
		if dialect, ok := engines[strings.ToLower(text)]; ok && f.path == "session.store.driver" {
			problem += "; did you mean sql, with session.store.sql.dialect: " + string(dialect) + "?"
		}
		c.require(slices.Contains(e.allowed(), text), strings.TrimPrefix(f.path, root+"."), text, problem)
	}
}

// engines are the names by which databases are called, each with its dialect.
var engines = map[string]SQLDialect{
	"postgres": DialectPostgres, "postgresql": DialectPostgres, "pgx": DialectPostgres,
	"mysql": DialectMySQL, "mariadb": DialectMySQL,
	"sqlite": DialectSQLite, "sqlite3": DialectSQLite,
}

func (c *checks) cookie(cfg CookieConfig) {
	c.require(isToken(cfg.Name), "cookie.name", cfg.Name,
		"must be a cookie name: letters, digits and any of !#$%&'*+-.^_`|~")
	c.require(len(cfg.Name) <= maxCookieName, "cookie.name", cfg.Name,
		fmt.Sprintf("must have at most %d characters: name and value share the 4096 bytes of a cookie", maxCookieName))
	c.require(!hasPrefix(cfg.Name), "cookie.name", cfg.Name,
		"must not begin with a prefix (__Host-, __Secure-, __Http- or Http-); session.cookie.prefix adds it")
	c.require(cfg.Domain == "" || isDomain(cfg.Domain), "cookie.domain", cfg.Domain,
		"must be a domain such as example.com, or empty")
	c.require(isPath(cfg.Path), "cookie.path", cfg.Path,
		"must begin with / and have none of ;\"\\, no control characters and nothing beyond ASCII")
	if !cfg.Secure {
		c.require(cfg.Prefix != PrefixHost && cfg.Prefix != PrefixSecure, "cookie.prefix", string(cfg.Prefix),
			"needs session.cookie.secure: true")
		c.require(cfg.SameSite != SameSiteNone, "cookie.same_site", string(cfg.SameSite),
			"needs session.cookie.secure: true")
		c.require(!cfg.Partitioned, "cookie.partitioned", cfg.Partitioned,
			"needs session.cookie.secure: true")
	}
	if cfg.Prefix == PrefixHost {
		c.require(cfg.Domain == "", "cookie.domain", cfg.Domain,
			"must be empty with session.cookie.prefix: __Host-")
		c.require(cfg.Path == "/", "cookie.path", cfg.Path,
			"must be / with session.cookie.prefix: __Host-")
	}
	for i, key := range cfg.Keys {
		path := fmt.Sprintf("cookie.keys[%d]", i)
		c.require(!key.IsZero(), path, nil, "is no key; NewKey makes one, ParseKey reads one")
		first := slices.Index(cfg.Keys, key)
		c.require(key.IsZero() || first == i, path, nil, fmt.Sprintf("is the same key as session.cookie.keys[%d]", first))
	}
	c.unread("cookie.keys_file", cfg.KeysFile, "session.cookie.keys")
}

func (c *checks) state(cfg StateConfig) {
	c.require(cfg.TTL > 0, "state.ttl", cfg.TTL, "must be above 0")
	c.require(cfg.TTLExtensionThreshold >= 0 && cfg.TTLExtensionThreshold <= 1, // false for NaN
		"state.ttl_extension_threshold", cfg.TTLExtensionThreshold, "must be from 0 to 1")
	c.require(cfg.MaxLifetime >= 0, "state.max_lifetime", cfg.MaxLifetime, "must not be below 0; 0 is no limit")
	c.require(cfg.MaxLifetime <= 0 || cfg.MaxLifetime >= cfg.TTL, "state.max_lifetime", cfg.MaxLifetime,
		"must be at least session.state.ttl, which is "+formatDuration(cfg.TTL)+", or 0 for no limit")
	c.require(cfg.MaxSessionsPerSubject >= 0, "state.max_sessions_per_subject", cfg.MaxSessionsPerSubject, "must not be below 0; 0 is no limit")
	c.require(cfg.LastSeenInterval >= 0, "state.last_seen_interval", cfg.LastSeenInterval, "must not be below 0; 0 notes sign-ins alone")
	c.require(cfg.WatchInterval >= time.Millisecond, "state.watch_interval", cfg.WatchInterval, "must be at least 1ms")
}

// maxTimeout is longer than anybody waits, and short enough to reckon with.
const maxTimeout = 24 * time.Hour

func (c *checks) store(cfg StoreConfig) {
	c.require(cfg.Timeout > 0 && cfg.Timeout <= maxTimeout, "store.timeout", cfg.Timeout, "must be above 0 and at most "+formatDuration(maxTimeout))
	c.require(cfg.Sweep.Interval >= 0, "store.sweep.interval", cfg.Sweep.Interval, "must not be below 0; 0 is no sweeper")
	c.require(cfg.Sweep.Batch > 0, "store.sweep.batch", cfg.Sweep.Batch, "must be above 0")
	c.require(cfg.Memory.MaxSessions >= 0, "store.memory.max_sessions", cfg.Memory.MaxSessions, "must not be below 0; 0 is no limit")
	c.redis(cfg.Redis)
	c.sql(cfg.SQL)
}

func (c *checks) redis(cfg RedisConfig) {
	u, ok := redisURL(cfg.URL)
	c.require(ok, "store.redis.url", nil, "must be a URL that begins with redis://, rediss:// or unix://, with everything but letters and digits percent-encoded in a password")
	c.require(cfg.ClientCache.TTL >= time.Millisecond, "store.redis.client_cache.ttl", cfg.ClientCache.TTL, "must be at least 1ms")
	c.unread("store.redis.password_file", cfg.PasswordFile, "session.store.redis.password")
	c.unread("store.redis.sentinel_password_file", cfg.SentinelPasswordFile, "session.store.redis.sentinel_password")
	if ok && !u.Query().Has("master_set") {
		const problem = "is for sentinels only; add ?master_set=NAME to session.store.redis.url"
		c.require(cfg.SentinelUsername == "", "store.redis.sentinel_username", cfg.SentinelUsername, problem)
		c.require(cfg.SentinelPassword.IsZero(), "store.redis.sentinel_password", nil, problem)
	}

	tls := cfg.TLS
	c.require(tls.CertFile == "" || tls.KeyFile != "", "store.redis.tls.cert_file", tls.CertFile,
		"needs session.store.redis.tls.key_file")
	c.require(tls.KeyFile == "" || tls.CertFile != "", "store.redis.tls.key_file", tls.KeyFile,
		"needs session.store.redis.tls.cert_file")
	if !tls.Enabled && u.Scheme != "rediss" {
		const problem = "needs session.store.redis.tls.enabled: true, or a rediss:// URL"
		c.require(tls.CAFile == "", "store.redis.tls.ca_file", tls.CAFile, problem)
		c.require(tls.CertFile == "", "store.redis.tls.cert_file", tls.CertFile, problem)
		c.require(tls.KeyFile == "", "store.redis.tls.key_file", tls.KeyFile, problem)
		c.require(tls.ServerName == "", "store.redis.tls.server_name", tls.ServerName, problem)
	}
}

func (c *checks) sql(cfg SQLConfig) {
	c.require(cfg.Driver != "" || cfg.DSN.IsZero(), "store.sql.driver", nil,
		"must name the database/sql driver for session.store.sql.dsn, such as pgx, mysql or sqlite")
	c.require(isIdentifier(cfg.Table), "store.sql.table", cfg.Table,
		"must be letters, digits and _, not begin with a digit, and have at most 63 characters")
	c.require(!strings.EqualFold(cfg.Table, "session_migrations"), "store.sql.table", cfg.Table, "must not be session_migrations, the table of the migrations")
	c.require(cfg.Schema == "" || isIdentifier(cfg.Schema), "store.sql.schema", cfg.Schema,
		"must be letters, digits and _, not begin with a digit, and have at most 63 characters, or be empty")
	c.unread("store.sql.dsn_file", cfg.DSNFile, "session.store.sql.dsn")
}

// unread finds the name of a file that nobody has read. It is not shown: it may
// be the secret itself.
func (c *checks) unread(path, file, target string) {
	c.require(file == "", path, nil, "is read by Load alone; in a configuration built in code, set "+target)
}

// maxCookieName leaves the value of a cookie nearly all of the cookie's bytes.
const maxCookieName = 128

// isToken says whether s is a token of RFC 6265, which is that of RFC 2616.
func isToken(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	}) < 0
}

// hasPrefix says whether a cookie's name begins with one of the prefixes, which
// browsers find in any case. There are also __Http- and __Host-Http-, for what
// scripts cannot set.
func hasPrefix(name string) bool {
	for _, prefix := range []string{string(PrefixHost), string(PrefixSecure), "__Http-", "Http-"} {
		if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// isDomain says whether s is a host name of at least one label, or an IPv4
// address. A leading dot, which browsers ignore, is not part of one.
func isDomain(s string) bool {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.Is4()
	}
	if len(s) > 253 || strings.IndexFunc(s, func(r rune) bool { return isWord(r) && (r < '0' || r > '9') }) < 0 {
		return false // without a letter net/http would leave it out
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.IndexFunc(label, func(r rune) bool { return !isWord(r) && r != '-' || r == '_' }) >= 0 {
			return false
		}
	}
	return true
}

// isPath says whether s is what a Set-Cookie header can hold as a path, and
// net/http can read.
func isPath(s string) bool {
	return strings.HasPrefix(s, "/") && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f || strings.ContainsRune(`;"\`, r) }) < 0
}

// isIdentifier says whether s can name a table or a schema without quotes.
func isIdentifier(s string) bool {
	return s != "" && len(s) <= 63 && (s[0] < '0' || s[0] > '9') &&
		strings.IndexFunc(s, func(r rune) bool { return !isWord(r) }) < 0
}

// isWord says whether r is an ASCII letter, a digit or _.
func isWord(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_'
}

// redisURL reads the URL of Redis. An empty one is in order.
func redisURL(u Secret) (parsed *url.URL, ok bool) {
	if u.IsZero() {
		return &url.URL{}, true
	}
	parsed, err := url.Parse(u.Reveal()) // err holds the URL, and with it the password
	if err != nil || !slices.Contains([]string{"redis", "rediss", "unix"}, parsed.Scheme) {
		return &url.URL{}, false
	}
	return parsed, true
}

// oneOf lists choices for a sentence.
func oneOf(choices []string) string {
	last := len(choices) - 1
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}

// formatDuration gives d as time.ParseDuration reads it, without units of
// which there are none: 24h, not 24h0m0s.
func formatDuration(d time.Duration) string {
	text := d.String()
	if d%time.Minute == 0 && d != 0 {
		text = strings.TrimSuffix(text, "0s")
		if d%time.Hour == 0 {
			text = strings.TrimSuffix(text, "0m")
		}
	}
	return text
}
