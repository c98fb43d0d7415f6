package testbackends

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

var (
	sharedRedis   testserver.SharedRedis
	sharedCluster testserver.SharedRedisCluster
	namespaces    atomic.Int64
)

// Main runs the tests of a package and ends the servers that they have
// started. TestMain returns through it:
//
//	func TestMain(m *testing.M) { os.Exit(testbackends.Main(m)) }
func Main(m *testing.M) int {
	defer sharedRedis.Stop()
	defer sharedCluster.Stop()
	defer sharedPostgres.Stop()
	defer sharedMariaDB.Stop()
	return m.Run()
}

// Redis is a namespace of its own on a server that the tests of a package
// share.
func Redis(tb testing.TB) Harness {
	return newRedis(sharedRedis.Get(tb).URL())
}

// Cluster is Redis on a cluster that the tests of a package share.
func Cluster(tb testing.TB) Harness { return newRedis(sharedCluster.Get(tb).URL()) }

func newRedis(url string) *redis {
	return &redis{url: url, namespace: fmt.Sprintf("test-%d:", namespaces.Add(1))}
}

// RedisAt is Redis behind another address of the same server, that of a proxy.
func RedisAt(tb testing.TB, url func(server string) string) Harness {
	h := Redis(tb).(*redis)
	h.proxied = url(sharedRedis.Get(tb).Addr())
	return h
}

type redis struct {
	url, proxied, namespace string
}

func (h *redis) Open(tb testing.TB) store.Backend {
	url := h.url
	if h.proxied != "" {
		url = h.proxied
	}
	s, err := redisstore.Open(tb.Context(), redisstore.Connection{URL: url}, redisstore.WithNamespace(h.namespace))
	if err != nil {
		tb.Fatalf("open redis: %v", err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// Advance takes d from what every key of the namespace has to live.
func (h *redis) Advance(tb testing.TB, d time.Duration) {
	tb.Helper()
	option, err := rueidis.ParseURL(h.url)
	if err != nil {
		tb.Fatalf("parse the url: %v", err)
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		tb.Fatalf("connect to redis: %v", err)
	}
	defer client.Close()
	for _, node := range client.Nodes() {
		role, err := node.Do(tb.Context(), node.B().Role().Build()).ToArray()
		if err != nil {
			tb.Fatalf("advance redis: %v", err)
		}
		if is, _ := role[0].ToString(); is != "master" {
			continue // it has what its master has
		}
		for page := (rueidis.ScanEntry{}); ; {
			scan := node.B().Scan().Cursor(page.Cursor).Match(h.namespace + "*").Count(1000).Build()
			if page, err = node.Do(tb.Context(), scan).AsScanEntry(); err != nil {
				tb.Fatalf("advance redis: %v", err)
			}
			for _, key := range page.Elements {
				cmd := node.B().Eval().Script(testserver.Age).Numkeys(1).Key(key).Arg(fmt.Sprint(d.Milliseconds())).Build()
				if err := node.Do(tb.Context(), cmd).Error(); err != nil && !rueidis.IsRedisNil(err) {
					tb.Fatalf("advance redis: %v", err)
				}
			}
			if page.Cursor == 0 {
				break
			}
		}
	}
}
