package config_test

import (
	"fmt"
	"os"
	"time"

	"github.com/fxsession/sessions/config"
)

func ExampleLoad() {
	cfg, err := config.Load(
		config.WithBytes("app.yaml", []byte("session: {state: {ttl: 12h}, cookie: {name: shop}}")),
		config.WithEnviron([]string{"SESSION_COOKIE_NAME=kiosk"}),
	)
	fmt.Println(cfg.State.TTL, cfg.Cookie.Name, cfg.Cookie.SameSite, err)
	// Output: 12h0m0s kiosk lax <nil>
}

func ExampleLoad_file() {
	cfg, err := config.Load(config.WithFile("app.yaml"))
	fmt.Println(cfg.State.TTL, err)
	// Output:
	// 0s session configuration is not valid:
	//   app.yaml: cannot be read: no such file or directory
}

func ExampleError() {
	_, err := config.Load(
		config.WithBytes("app.yaml", []byte("session:\n  cookie:\n    same_site: none\n    secure: false\n  state:\n    tll: 1h\n")),
		config.WithEnviron([]string{"SESSION_STORE_REDIS_PASWORD=secret"}),
	)
	fmt.Println(err)
	// Output:
	// session configuration is not valid:
	//   SESSION_STORE_REDIS_PASWORD: there is no such variable; did you mean SESSION_STORE_REDIS_PASSWORD?
	//   session.cookie.same_site (app.yaml:3): "none": needs session.cookie.secure: true
	//   session.state.tll (app.yaml:6): there is no such key; did you mean session.state.ttl?
}

func ExampleDefault() {
	build := func() error {
		cfg := config.Default()
		cfg.State.TTL = 12 * time.Hour
		cfg.Cookie.SameSite = config.SameSiteStrict
		cfg.Store.Driver = config.DriverRedis
		cfg.Store.Redis.URL = config.NewSecret("redis://localhost:6379/0")
		if err := cfg.Validate(); err != nil {
			return err
		}
		fmt.Println(cfg.Store.Redis.URL)
		return nil
	}
	fmt.Println(build())
	// Output:
	// [redacted]
	// <nil>
}

func ExampleWrite() {
	cfg := config.Default()
	cfg.Store.Redis.Password = config.NewSecret("in the clear")
	if err := config.Write(os.Stdout, cfg); err != nil {
		fmt.Println(err)
	}
	// Output:
	// session:
	//   cookie:
	//     name: session
	//     prefix: auto
	//     domain: ""
	//     path: /
	//     secure: true
	//     http_only: true
	//     same_site: lax
	//     partitioned: false
	//     kind: persistent
	//     send: on_change
	//     crypto: encrypt
	//     keys: []
	//     keys_file: ""
	//   state:
	//     ttl: 24h
	//     extend_ttl: on_state_loads_and_changes
	//     ttl_extension_threshold: 0.8
	//     max_lifetime: 720h
	//     server_state_creation: never_skip
	//     missing_server_state: reject
	//     max_sessions_per_subject: 0
	//     max_sessions_policy: evict_oldest
	//     last_seen_interval: 5m
	//     watch_interval: 10s
	//   store:
	//     driver: memory
	//     timeout: 3s
	//     sweep:
	//       interval: 1m
	//       batch: 1000
	//     memory:
	//       max_sessions: 0
	//     redis:
	//       url: ""
	//       username: ""
	//       password: in the clear
	//       password_file: ""
	//       sentinel_username: ""
	//       sentinel_password: ""
	//       sentinel_password_file: ""
	//       tls:
	//         enabled: false
	//         ca_file: ""
	//         cert_file: ""
	//         key_file: ""
	//         server_name: ""
	//       namespace: 'session:'
	//       client_cache:
	//         enabled: false
	//         ttl: 10s
	//     sql:
	//       dialect: ""
	//       driver: ""
	//       dsn: ""
	//       dsn_file: ""
	//       table: sessions
	//       schema: ""
	//       migrate: false
}

func ExampleNewKey() {
	key := config.NewKey()
	again, err := config.ParseKey(key.Reveal())
	fmt.Println(key, key == again, err)
	// Output: [redacted] true <nil>
}
