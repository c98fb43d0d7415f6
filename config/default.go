package config

import "time"

// Default returns the default configuration: an encrypted __Host- cookie,
// sessions that end 24 hours after they were last used and after 30 days at
// most, records in memory. It is valid, and the starting point of
// configurations built in code.
func Default() SessionConfig {
	return SessionConfig{
		Cookie: CookieConfig{
			Name:     "session",
			Prefix:   PrefixAuto,
			Path:     "/",
			Secure:   true,
			HTTPOnly: true,
			SameSite: SameSiteLax,
			Kind:     KindPersistent,
			Send:     SendOnChange,
			Crypto:   CryptoEncrypt,
		},
		State: StateConfig{
			TTL:                   24 * time.Hour,
			ExtendTTL:             ExtendTTLOnStateLoadsAndChanges,
			TTLExtensionThreshold: 0.8,
			MaxLifetime:           30 * 24 * time.Hour,
			ServerStateCreation:   ServerStateCreationNeverSkip,
			MissingServerState:    MissingServerStateReject,
			MaxSessionsPolicy:     MaxSessionsEvictOldest,
			LastSeenInterval:      5 * time.Minute,
			WatchInterval:         10 * time.Second,
		},
		Store: StoreConfig{
			Driver:  DriverMemory,
			Timeout: 3 * time.Second,
			Sweep:   SweepConfig{Interval: time.Minute, Batch: 1000},
			Redis:   RedisConfig{Namespace: "session:", ClientCache: ClientCacheConfig{TTL: 10 * time.Second}},
			SQL:     SQLConfig{Table: "sessions"},
		},
	}
}
