package config

// enum is a text that is one of a few.
type enum interface {
	allowed() []string
}

// CookiePrefix is what goes before the name of the cookie.
type CookiePrefix string

const (
	// PrefixAuto is __Host- where Secure, the path "/" and no domain allow it,
	// __Secure- where Secure alone does, and none otherwise.
	PrefixAuto CookiePrefix = "auto"
	// PrefixNone is no prefix.
	PrefixNone CookiePrefix = "none"
	// PrefixHost makes browsers refuse the cookie unless it is Secure, has the
	// path "/" and no domain.
	PrefixHost CookiePrefix = "__Host-"
	// PrefixSecure makes browsers refuse the cookie unless it is Secure.
	PrefixSecure CookiePrefix = "__Secure-"
)

func (CookiePrefix) allowed() []string {
	return texts(PrefixAuto, PrefixNone, PrefixHost, PrefixSecure)
}

// SameSite says which requests from other sites carry the cookie.
type SameSite string

const (
	// SameSiteLax limits it to top-level navigation.
	SameSiteLax SameSite = "lax"
	// SameSiteStrict is for no request from another site.
	SameSiteStrict SameSite = "strict"
	// SameSiteNone is for all of them; it needs Secure.
	SameSiteNone SameSite = "none"
)

func (SameSite) allowed() []string { return texts(SameSiteLax, SameSiteStrict, SameSiteNone) }

// CookieKind says whether the cookie remains when the browser is closed.
type CookieKind string

const (
	// KindPersistent cookies live as long as the session.
	KindPersistent CookieKind = "persistent"
	// KindSession cookies are dropped when the browser is closed, if not
	// before.
	KindSession CookieKind = "session"
)

func (CookieKind) allowed() []string { return texts(KindPersistent, KindSession) }

// CookieSend says when a response carries the cookie.
type CookieSend string

const (
	// SendOnChange is when it tells the client something new.
	SendOnChange CookieSend = "on_change"
	// SendAlways is with every response of a request that has a session.
	SendAlways CookieSend = "always"
)

func (CookieSend) allowed() []string { return texts(SendOnChange, SendAlways) }

// CookieCrypto says how the content of the cookie is protected.
type CookieCrypto string

const (
	// CryptoEncrypt lets nobody read or change it.
	CryptoEncrypt CookieCrypto = "encrypt"
	// CryptoSign lets nobody change it; the client can read it, so that there
	// can be no client state.
	CryptoSign CookieCrypto = "sign"
)

func (CookieCrypto) allowed() []string { return texts(CryptoEncrypt, CryptoSign) }

// ExtendTTL says what extends the TTL of a session.
type ExtendTTL string

const (
	// ExtendTTLOnStateLoadsAndChanges is reading as well as writing.
	ExtendTTLOnStateLoadsAndChanges ExtendTTL = "on_state_loads_and_changes"
	// ExtendTTLOnStateChanges is writing alone.
	ExtendTTLOnStateChanges ExtendTTL = "on_state_changes"
)

func (ExtendTTL) allowed() []string {
	return texts(ExtendTTLOnStateLoadsAndChanges, ExtendTTLOnStateChanges)
}

// ServerStateCreation says whether a session without server state has a record
// in the store.
type ServerStateCreation string

const (
	// ServerStateCreationNeverSkip makes a record for every session.
	ServerStateCreationNeverSkip ServerStateCreation = "never_skip"
	// ServerStateCreationSkipIfEmpty makes one when there is server state to keep.
	ServerStateCreationSkipIfEmpty ServerStateCreation = "skip_if_empty"
)

func (ServerStateCreation) allowed() []string {
	return texts(ServerStateCreationNeverSkip, ServerStateCreationSkipIfEmpty)
}

// MissingServerState says what happens to a session whose record is no longer
// in the store.
type MissingServerState string

const (
	// MissingServerStateReject ends it: the request continues with a fresh
	// session.
	MissingServerStateReject MissingServerState = "reject"
	// MissingServerStateAllow keeps it, with empty server state: also one that was
	// ended more than a minute ago, for whoever has kept its cookie.
	MissingServerStateAllow MissingServerState = "allow"
)

func (MissingServerState) allowed() []string {
	return texts(MissingServerStateReject, MissingServerStateAllow)
}

// MaxSessionsPolicy says what a sign-in does that would exceed
// MaxSessionsPerSubject.
type MaxSessionsPolicy string

const (
	// MaxSessionsEvictOldest ends the session of the subject that was signed in
	// first.
	MaxSessionsEvictOldest MaxSessionsPolicy = "evict_oldest"
	// MaxSessionsDeny refuses the sign-in.
	MaxSessionsDeny MaxSessionsPolicy = "deny"
)

func (MaxSessionsPolicy) allowed() []string { return texts(MaxSessionsEvictOldest, MaxSessionsDeny) }

// StoreDriver names a backend.
type StoreDriver string

const (
	// DriverMemory keeps the records in the memory of the process.
	DriverMemory StoreDriver = "memory"
	// DriverRedis keeps them in Redis.
	DriverRedis StoreDriver = "redis"
	// DriverSQL keeps them in an SQL database.
	DriverSQL StoreDriver = "sql"
)

func (StoreDriver) allowed() []string { return texts(DriverMemory, DriverRedis, DriverSQL) }

// SQLDialect names an SQL engine.
type SQLDialect string

const (
	// DialectPostgres is PostgreSQL.
	DialectPostgres SQLDialect = "postgres"
	// DialectMySQL is MySQL and MariaDB.
	DialectMySQL SQLDialect = "mysql"
	// DialectSQLite is SQLite.
	DialectSQLite SQLDialect = "sqlite"
)

func (SQLDialect) allowed() []string { return texts(DialectPostgres, DialectMySQL, DialectSQLite) }

func texts[T ~string](values ...T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
