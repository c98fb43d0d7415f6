package config

import "time"

// SessionConfig is the whole configuration. Its zero value is not valid: begin
// with [Default] or [Load]. In files it is under the key session.
type SessionConfig struct {
	// Cookie is about what the client holds.
	Cookie CookieConfig `koanf:"cookie"`
	// State is about what a session is, and for how long.
	State StateConfig `koanf:"state"`
	// Store is about where the records are.
	Store StoreConfig `koanf:"store"`
}

// CookieConfig says how the session cookie looks and what protects it.
type CookieConfig struct {
	// Name is the cookie's name without a prefix: a token of RFC 6265, of at
	// most 128 bytes. It must not be empty.
	Name string `koanf:"name"`
	// Prefix is what goes before the name and makes browsers enforce Secure,
	// Path and Domain. It must not be empty; PrefixNone stands for none.
	Prefix CookiePrefix `koanf:"prefix"`
	// Domain lets subdomains of it see the cookie. "" keeps the cookie to the
	// host that set it.
	Domain string `koanf:"domain"`
	// Path limits the cookie to URLs below it. It begins with "/", is ASCII, and
	// has no semicolon, double quote or backslash. It must not be empty.
	Path string `koanf:"path"`
	// Secure keeps the cookie to HTTPS. false sends it in the clear.
	Secure bool `koanf:"secure"`
	// HTTPOnly hides the cookie from scripts. false shows it to them.
	HTTPOnly bool `koanf:"http_only"`
	// SameSite says which requests from other sites carry the cookie. It must
	// not be empty.
	SameSite SameSite `koanf:"same_site"`
	// Partitioned gives the cookie a separate jar for each top-level site. It
	// needs Secure.
	Partitioned bool `koanf:"partitioned"`
	// Kind says whether the cookie remains when the browser is closed. It must
	// not be empty.
	Kind CookieKind `koanf:"kind"`
	// Send says when a response carries the cookie. It must not be empty.
	Send CookieSend `koanf:"send"`
	// Crypto says how the content of the cookie is protected. It must not be
	// empty.
	Crypto CookieCrypto `koanf:"crypto"`
	// Keys protect the cookie: the first one seals, all of them open, so that
	// keys can be replaced without ending sessions. If there are none, the
	// session manager makes one if Store.Driver is DriverMemory, and refuses to
	// start with any other driver.
	Keys []Key `koanf:"keys"`
	// KeysFile names a file with one key in base64 on each line; empty lines
	// and lines that begin with # are ignored. Load reads it into Keys and
	// leaves "" here; "" means no file. No other code reads it.
	KeysFile string `koanf:"keys_file"`
}

// StateConfig says how long a session lives and when its record is made.
type StateConfig struct {
	// TTL is how long a session lives after its last extension. It must be
	// above 0.
	TTL time.Duration `koanf:"ttl"`
	// ExtendTTL says what extends the TTL. It must not be empty.
	ExtendTTL ExtendTTL `koanf:"extend_ttl"`
	// TTLExtensionThreshold is the share of the TTL, from 0 to 1, that an
	// extension waits for: it takes place only when less than that remains. 1
	// extends at every touch, 0 never.
	TTLExtensionThreshold float64 `koanf:"ttl_extension_threshold"`
	// MaxLifetime is how long a session lives at most, however often it is
	// extended. It is at least TTL; 0 means without limit.
	MaxLifetime time.Duration `koanf:"max_lifetime"`
	// ServerStateCreation says whether a session without server state has a
	// record in the store. It must not be empty.
	ServerStateCreation ServerStateCreation `koanf:"server_state_creation"`
	// MissingServerState says what happens to a session whose record is no
	// longer in the store. It must not be empty.
	MissingServerState MissingServerState `koanf:"missing_server_state"`
	// MaxSessionsPerSubject is how many sessions one subject may be signed in
	// with at a time; 0 means any number. Above 0 it needs a backend that finds
	// the sessions of a subject, as all of this module do.
	MaxSessionsPerSubject int `koanf:"max_sessions_per_subject"`
	// MaxSessionsPolicy says what a sign-in beyond that does. It must not be
	// empty.
	MaxSessionsPolicy MaxSessionsPolicy `koanf:"max_sessions_policy"`
	// LastSeenInterval is how old the last-seen time of a signed-in session may
	// become before a request that reads the session updates it, by one write to
	// the store. 0 sets it at the sign-in alone.
	LastSeenInterval time.Duration `koanf:"last_seen_interval"`
	// WatchInterval is how often a response that waits for the end of its
	// session asks the store, and so how late it hears of an end on another
	// instance at most. It must be at least a millisecond.
	WatchInterval time.Duration `koanf:"watch_interval"`
}

// StoreConfig says where the records are kept.
type StoreConfig struct {
	// Driver names the backend. It must not be empty.
	Driver StoreDriver `koanf:"driver"`
	// Timeout bounds each call to the backend. It must be above 0: a save goes
	// on when its client has gone, and nothing else would end it. Calls to the
	// memory backend need none; but for it, too, this is how long a save that others
	// overtake is repeated, and how long sign-ins of one subject wait for each other.
	Timeout time.Duration `koanf:"timeout"`
	// Sweep is for the drivers memory and sql.
	Sweep SweepConfig `koanf:"sweep"`
	// Memory is for the driver memory.
	Memory MemoryConfig `koanf:"memory"`
	// Redis is for the driver redis.
	Redis RedisConfig `koanf:"redis"`
	// SQL is for the driver sql.
	SQL SQLConfig `koanf:"sql"`
}

// SweepConfig says how expired records are removed from backends that do not
// do so by themselves.
type SweepConfig struct {
	// Interval is the time between two sweeps, give or take a random part; 0
	// turns the sweeper off.
	Interval time.Duration `koanf:"interval"`
	// Batch is how many records one call removes at most. It must be above 0.
	Batch int `koanf:"batch"`
}

// MemoryConfig is for the backend in memory.
type MemoryConfig struct {
	// MaxSessions is how many live sessions there may be; 0 means any number.
	MaxSessions int `koanf:"max_sessions"`
}

// RedisConfig is for the backend on Redis.
type RedisConfig struct {
	// URL says where Redis is: redis://, rediss:// (TLS) or unix://, with ?addr=
	// for further nodes of a cluster and ?master_set= for sentinels. Its text is
	// a secret, as it may hold a password. Empty means that the program
	// brings a client of its own.
	URL Secret `koanf:"url"`
	// Username is for Redis ACLs; "" is the default user, or the one in URL.
	Username string `koanf:"username"`
	// Password takes the place of the one in URL; empty means none.
	Password Secret `koanf:"password"`
	// PasswordFile names a file that holds the password. Load reads it into
	// Password and leaves "" here; "" means no file. No other code reads it.
	PasswordFile string `koanf:"password_file"`
	// SentinelUsername is for the sentinels, where URL names some; "" is their
	// default user. Username and Password are for the servers that they lead to.
	SentinelUsername string `koanf:"sentinel_username"`
	// SentinelPassword is for the sentinels; empty means none.
	SentinelPassword Secret `koanf:"sentinel_password"`
	// SentinelPasswordFile names a file that holds the password for the
	// sentinels. Load reads it into SentinelPassword and leaves "" here; ""
	// means no file. No other code reads it.
	SentinelPasswordFile string `koanf:"sentinel_password_file"`
	// TLS is for the connections to Redis, and to the sentinels.
	TLS TLSConfig `koanf:"tls"`
	// Namespace is what every key in Redis begins with. "" puts nothing there.
	Namespace string `koanf:"namespace"`
	// ClientCache is the near cache, which is off by default.
	ClientCache ClientCacheConfig `koanf:"client_cache"`
}

// ClientCacheConfig is for keeping records that were read in the memory of the
// process, of which Redis says when they change.
type ClientCacheConfig struct {
	// Enabled turns the cache on.
	Enabled bool `koanf:"enabled"`
	// TTL is how long a record is served from the cache at most, whatever Redis
	// was able to say. It must be at least a millisecond.
	TTL time.Duration `koanf:"ttl"`
}

// TLSConfig is for connections that are encrypted. TLS 1.2 is the least.
type TLSConfig struct {
	// Enabled turns TLS on. false leaves it to the scheme of the URL.
	Enabled bool `koanf:"enabled"`
	// CAFile names a PEM file with the authorities to trust; "" trusts those
	// of the system.
	CAFile string `koanf:"ca_file"`
	// CertFile names a PEM file with the client's certificate; "" sends none.
	// It needs KeyFile.
	CertFile string `koanf:"cert_file"`
	// KeyFile names a PEM file with the key of the client's certificate. It
	// needs CertFile.
	KeyFile string `koanf:"key_file"`
	// ServerName is the name that the server's certificate must bear; "" is
	// the host that is connected to.
	ServerName string `koanf:"server_name"`
}

// SQLConfig is for the backend on an SQL database.
type SQLConfig struct {
	// Dialect names the engine. It may be empty only where Driver of
	// StoreConfig is not DriverSQL.
	Dialect SQLDialect `koanf:"dialect"`
	// Driver is the name under which a driver, linked into the program, is
	// known to database/sql: "pgx", "mysql", "sqlite" and so on. It goes with
	// DSN.
	Driver string `koanf:"driver"`
	// DSN is the data source name, in the driver's own form. It is a secret.
	// Empty means that the program brings a *sql.DB of its own.
	DSN Secret `koanf:"dsn"`
	// DSNFile names a file that holds the DSN. Load reads it into DSN and
	// leaves "" here; "" means no file. No other code reads it.
	DSNFile string `koanf:"dsn_file"`
	// Table is the name of the table: letters, digits and _, no digit first.
	Table string `koanf:"table"`
	// Schema is the schema that the table is in; "" is the connection's own.
	Schema string `koanf:"schema"`
	// Migrate creates the table, or brings it up to date, at start. false
	// leaves that to whoever deploys the program.
	Migrate bool `koanf:"migrate"`
}
