package main

import (
	"testing"

	"go.uber.org/fx"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/fxsession/sessions/config"
)

func TestTheWiringIsWhole(t *testing.T) {
	if err := fx.ValidateApp(shop(Settings{Addr: "127.0.0.1:0"})); err != nil {
		t.Error(err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	environment := map[string]string{"FXAPP_ADDR": "localhost:1", "FXAPP_CONFIG": "env.yaml"}
	for name, test := range map[string]struct {
		args []string
		env  map[string]string
		want Settings
		ok   bool
	}{
		"defaults":            {nil, nil, Settings{Addr: "127.0.0.1:8080"}, true},
		"environment":         {nil, environment, Settings{"localhost:1", "env.yaml"}, true},
		"flags go before it":  {[]string{"-addr", ":2", "-config", "flag.yaml"}, environment, Settings{":2", "flag.yaml"}, true},
		"an address of sorts": {[]string{"-addr", "localhost"}, nil, Settings{Addr: "localhost"}, false},
	} {
		got, err := parseSettings(test.args, func(name string) string { return test.env[name] })
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// Only on loopback the cookie goes without Secure, and the log says so.
func TestTheCookieIsSecureButOnLoopback(t *testing.T) {
	t.Parallel()
	for addr, secure := range map[string]bool{
		"127.0.0.1:8080": false, "127.8.8.8:1": false, "[::1]:8080": false, "localhost:8080": false,
		":8080": true, "0.0.0.0:8080": true, "[::]:8080": true, "192.0.2.1:80": true, "shop.example:80": true,
	} {
		core, logs := observer.New(zap.WarnLevel)
		got := allowPlainHTTPOnLoopback(config.Default(), Settings{Addr: addr}, zap.New(core))
		if got.Cookie.Secure != secure || logs.Len() != 1 {
			t.Errorf("%s: secure %t, %d lines", addr, got.Cookie.Secure, logs.Len())
		}
	}
	core, logs := observer.New(zap.WarnLevel)
	chosen := config.Default()
	chosen.Cookie.Secure = false
	if got := allowPlainHTTPOnLoopback(chosen, Settings{Addr: ":80"}, zap.New(core)); got.Cookie.Secure || logs.Len() != 0 {
		t.Errorf("what was configured is changed: %v", logs.All())
	}
}
