package redisstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// What [Open] takes for durations that are zero.
const (
	DefaultDialTimeout = 3 * time.Second
	DefaultIOTimeout   = 5 * time.Second
)

// topologyInterval is how often a client asks who the masters are, beside the
// times at which it is told or finds out.
const topologyInterval = 2 * time.Second

// Connection says how [Open] reaches Redis.
type Connection struct {
	// URL is redis://[user[:password]@]host[:port][/database], the same with
	// rediss:// for TLS, or unix://[user[:password]@]/path[?db=database]. The
	// port is 6379 and the database 0 where it says nothing.
	//
	// ?addr=host:port, again and again, names further nodes. Any node of a Redis
	// Cluster leads to all of them; several are for the day on which one is down.
	// With ?master_set=name the addresses are those of sentinels, which say where
	// the master of that name is.
	URL string
	// Username and Password take the place of those in URL; "" leaves them.
	Username string
	Password string
	// SentinelUsername and SentinelPassword are for the sentinels; "" sends
	// none. Those above are for the servers that they lead to.
	SentinelUsername string
	SentinelPassword string
	// TLS is for rediss://. With redis:// it turns TLS on, unless it is nil.
	TLS *TLS
	// DialTimeout bounds the making of a connection, and then the greeting of
	// the server over it. 0 is DefaultDialTimeout.
	DialTimeout time.Duration
	// IOTimeout is how long a connection may stay without an answer before it
	// is given up and made anew; the contexts of calls bound those. 0 is
	// DefaultIOTimeout.
	IOTimeout time.Duration
}

// TLS is how a connection is encrypted: TLS 1.2 or later.
type TLS struct {
	// CAFile names a PEM file with the authorities to trust; "" trusts those
	// of the system.
	CAFile string
	// CertFile and KeyFile name PEM files with the client's certificate and
	// its key; "" sends none.
	CertFile string
	KeyFile  string
	// ServerName is the name that the server's certificate must bear; "" is
	// the host in the URL.
	ServerName string
}

// Validate returns what is wrong with c that can be seen without a connection:
// the URL, or a file of TLS that cannot be read. Open says the same.
func (c Connection) Validate() error {
	_, err := c.clientOption()
	return err
}

// Open makes a Store with a client of its own, which [Store.Close] closes. It
// connects, and fails within ctx and the timeouts of c, with an error that
// names the address, never the password, when Redis cannot be reached. A
// connection that is lost later is made again by the calls that need it.
func Open(ctx context.Context, c Connection, opts ...Option) (*Store, error) {
	o, err := c.clientOption()
	if err != nil {
		return nil, err
	}
	return openWith(ctx, o, opts...)
}

func openWith(ctx context.Context, o rueidis.ClientOption, opts ...Option) (*Store, error) {
	s := newStore(opts)
	o.DisableCache = s.near == nil
	if s.near != nil {
		s.near.keeps = true
		o.NewCacheStoreFn = s.near.connect
	}
	client, err := connect(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("redis at %s could not be reached: %w", o.InitAddress[0], tellsNothing(err))
	}
	s.use(client)
	s.owned = true
	if s.single && s.near == nil {
		s.direct = newDirect(o)
	}
	return s, nil
}

// connect is rueidis.NewClient, which takes no context, within ctx.
func connect(ctx context.Context, o rueidis.ClientOption) (rueidis.Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	type made struct {
		client rueidis.Client
		err    error
	}
	done := make(chan made, 1)
	go func() {
		client, err := rueidis.NewClient(o)
		done <- made{client, err}
	}()
	select {
	case m := <-done:
		return m.client, m.err
	case <-ctx.Done():
		go func() {
			if m := <-done; m.err == nil {
				m.client.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

func (c Connection) clientOption() (rueidis.ClientOption, error) {
	o, err := parseURL(c.URL)
	if err != nil {
		return o, err
	}
	network := "tcp"
	if o.DialCtxFn != nil {
		network = "unix"
	}
	if c.TLS != nil {
		if network == "unix" {
			return o, errors.New("redis: TLS does not go with a unix:// url")
		}
		if o.TLSConfig, err = c.TLS.config(); err != nil {
			return o, err
		}
	} else if o.TLSConfig != nil {
		o.TLSConfig.ServerName = "" // each node has a name of its own, which the dialer knows
	}
	if c.Username != "" {
		o.Username = c.Username
	}
	if c.Password != "" {
		o.Password = c.Password
	}
	o.Dialer.Timeout = orDefault(c.DialTimeout, DefaultDialTimeout)
	o.ConnWriteTimeout = orDefault(c.IOTimeout, DefaultIOTimeout)
	o.DialCtxFn = dial(network)
	o.RetryDelay = retryDelay
	o.ClusterOption.ShardsRefreshInterval = topologyInterval
	if o.Sentinel.MasterSet != "" {
		o.Sentinel.TopologyRefreshInterval = topologyInterval
		o.Sentinel.Username, o.Sentinel.Password = c.SentinelUsername, c.SentinelPassword
		o.Sentinel.Dialer, o.Sentinel.TLSConfig = o.Dialer, o.TLSConfig
	}
	return o, nil
}

// errURL tells nothing of the URL: whatever part does not parse may be one of
// the password.
var errURL = errors.New("redis: the url is not of the form redis://[user[:password]@]host[:port][/database], " +
	"rediss://… or unix://…/path[?db=database], with ?addr=host:port for further nodes and ?master_set=name for sentinels; characters other than letters and digits in a password must be percent-encoded")

func parseURL(text string) (rueidis.ClientOption, error) {
	u, err := url.Parse(text)
	if err != nil || u.Fragment != "" || u.Scheme == "unix" && u.Path == "" || u.Scheme != "unix" && u.Host == "" {
		return rueidis.ClientOption{}, errURL
	}
	for parameter, values := range u.Query() {
		known := parameter == "db" || u.Scheme != "unix" && (parameter == "addr" || parameter == "master_set")
		if !known || parameter != "addr" && len(values) > 1 {
			return rueidis.ClientOption{}, fmt.Errorf("%w; db, addr and master_set are the only parameters, and addr the only one to have twice", errURL)
		}
	}
	for _, address := range u.Query()["addr"] {
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" || strings.Contains(host, "@") {
			return rueidis.ClientOption{}, errURL
		}
	}
	o, err := rueidis.ParseURL(text)
	if err != nil {
		return rueidis.ClientOption{}, errURL
	}
	return o, nil
}

// dial makes connections that serve every caller, and so do not end with the
// context of the one that happened to need it first, unless that is made by
// withItsOwnEnd. The dialer's timeout bounds it, with TLS and without.
func dial(network string) func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
	return func(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
		if ctx.Value(ownEnd{}) == nil {
			ctx = context.WithoutCancel(ctx)
		}
		if config != nil {
			return (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, network, address)
		}
		return dialer.DialContext(ctx, network, address)
	}
}

type ownEnd struct{}

// withItsOwnEnd gives a context that a connection may end with.
func withItsOwnEnd(ctx context.Context) context.Context {
	return context.WithValue(ctx, ownEnd{}, true)
}

// retryDelay lets what only reads try three times more, which is enough for a
// connection that was lost; where Redis is gone, callers learn it soon.
func retryDelay(attempts int, _ rueidis.Completed, _ error) time.Duration {
	if attempts > 3 {
		return -1
	}
	return time.Duration(attempts) * 10 * time.Millisecond
}

// config gives the settings as crypto/tls has them. Where it has no name for
// the server, the dialer takes the host that it connects to.
func (t TLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("redis: the file of TLS authorities: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("redis: the file of TLS authorities: no certificate in %s", t.CAFile)
		}
	}
	if t.CertFile != "" || t.KeyFile != "" {
		certificate, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("redis: the client's TLS certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{certificate}
	}
	return c, nil
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
