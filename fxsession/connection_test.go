package fxsession

import (
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/store/redisstore"
)

func TestRedisIsConnectedToAsTheConfigurationSays(t *testing.T) {
	t.Parallel()
	cfg := config.Default().Store
	cfg.Timeout = 2 * time.Second
	cfg.Redis.URL = config.NewSecret("redis://h?master_set=m")
	cfg.Redis.Username, cfg.Redis.Password = "app", config.NewSecret("hush1")
	cfg.Redis.SentinelUsername, cfg.Redis.SentinelPassword = "watcher", config.NewSecret("hush2")
	if got, want := connection(cfg), (redisstore.Connection{
		URL: "redis://h?master_set=m", DialTimeout: 2 * time.Second,
		Username: "app", Password: "hush1", SentinelUsername: "watcher", SentinelPassword: "hush2",
	}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}

	cfg.Redis.URL = config.NewSecret("REDISS://h")
	cfg.Redis.TLS = config.TLSConfig{CAFile: "ca", CertFile: "cert", KeyFile: "key", ServerName: "name"}
	if got, want := connection(cfg).TLS, (redisstore.TLS{CAFile: "ca", CertFile: "cert", KeyFile: "key", ServerName: "name"}); got == nil || *got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
