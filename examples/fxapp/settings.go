package main

import (
	"flag"
	"net"

	"go.uber.org/zap"

	"github.com/fxsession/sessions/config"
)

// Settings are what the command line says.
type Settings struct {
	Addr   string // host and port to listen on
	Config string // a file with the session configuration; "" for none
}

// parseSettings reads the flags; what they leave out can come from the
// environment.
func parseSettings(args []string, getenv func(string) string) (Settings, error) {
	s := Settings{Addr: "127.0.0.1:8080", Config: getenv("FXAPP_CONFIG")}
	if addr := getenv("FXAPP_ADDR"); addr != "" {
		s.Addr = addr
	}
	flags := flag.NewFlagSet("fxapp", flag.ExitOnError)
	flags.StringVar(&s.Addr, "addr", s.Addr, "host:port to listen on; also FXAPP_ADDR")
	flags.StringVar(&s.Config, "config", s.Config, "YAML or JSON file with a section session; also FXAPP_CONFIG")
	_ = flags.Parse(args) // which exits on an error
	_, _, err := net.SplitHostPort(s.Addr)
	return s, err
}

// sources says where the session configuration comes from, beside the
// environment.
func (s Settings) sources() []config.Option {
	if s.Config == "" {
		return nil
	}
	return []config.Option{config.WithFile(s.Config)}
}

// onLoopback says whether nobody but this machine can reach the shop.
func (s Settings) onLoopback() bool {
	host, _, err := net.SplitHostPort(s.Addr)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// allowPlainHTTPOnLoopback lets the shop be tried out without TLS: browsers and
// curl keep cookies that are Secure to HTTPS. Anywhere but on this machine,
// Secure stays, and TLS is to be put in front.
func allowPlainHTTPOnLoopback(cfg config.SessionConfig, s Settings, log *zap.Logger) config.SessionConfig {
	switch {
	case !cfg.Cookie.Secure:
	case s.onLoopback():
		log.Warn("plain HTTP on loopback: the session cookie is sent without Secure")
		cfg.Cookie.Secure = false
	default:
		log.Warn("plain HTTP: the session cookie is Secure, so it works only behind a proxy with TLS")
	}
	return cfg
}
