package redisstore_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
	"github.com/fxsession/sessions/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, newHarness)
	storetest.Histories(t, newHarness, storetest.HistoryOptions{Disturb: cutConnections})
}

func TestConformanceOnACluster(t *testing.T) {
	t.Parallel()
	storetest.Run(t, newClusterHarness)
	storetest.Histories(t, newClusterHarness, storetest.HistoryOptions{})
}

// C10: what was answered is kept when Redis is killed, as it has to be on disk
// before it is.
func TestC10_HistoriesWhileRedisIsKilled(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	storetest.Histories(t, func(tb testing.TB) storetest.Harness {
		return &harness{url: server.URL(), namespace: newNamespace(), admin: newClient(tb, server.Addr())}
	}, storetest.HistoryOptions{Disturb: func(tb testing.TB, h storetest.Harness) {
		server := server.For(tb)
		for range 3 {
			h.(*harness).awaitWork(tb)
			server.Kill()
			server.Start()
		}
	}})
}

// harness is a namespace on a server or a cluster.
type harness struct {
	url       string
	namespace string
	admin     rueidis.Client
	opts      []redisstore.Option
}

// proxiedHarness is one behind a proxy.
type proxiedHarness struct {
	*harness
	proxy *testserver.Proxy
}

// newClusterHarness gives a namespace on the shared cluster.
func newClusterHarness(tb testing.TB) storetest.Harness {
	c := sharedCluster.Get(tb)
	return &harness{url: c.URL(), namespace: newNamespace(), admin: newClient(tb, c.Addrs()...)}
}

// newHarness gives a namespace on the shared server, behind a proxy of its
// own.
func newHarness(tb testing.TB) storetest.Harness {
	server := shared.Get(tb)
	proxy := testserver.NewProxy(tb, server.Addr())
	return &proxiedHarness{&harness{url: proxy.URL(), namespace: newNamespace(), admin: newClient(tb, server.Addr())}, proxy}
}

// ExpiresByItself says that Redis does.
func (h *harness) ExpiresByItself() {}

func (h *harness) Open(tb testing.TB) store.Backend {
	return open(tb, redisstore.Connection{URL: h.url}, append(h.opts, redisstore.WithNamespace(h.namespace))...)
}

// awaitWork returns when the server has run some scripts from now on.
func (h *harness) awaitWork(tb testing.TB) {
	tb.Helper()
	calls := func() (n int) {
		text, _ := h.admin.Do(tb.Context(), h.admin.B().Info().Section("commandstats").Build()).ToString()
		if _, after, ok := strings.Cut(text, "cmdstat_evalsha:calls="); ok {
			_, _ = fmt.Sscanf(after, "%d", &n)
		}
		return n
	}
	before := calls()
	eventually(tb, func() error {
		if done := calls() - before; done < 200 {
			return fmt.Errorf("%d scripts were run", done)
		}
		return nil
	})
}

// cutConnections makes answers late, and then cuts every connection, some times.
func cutConnections(tb testing.TB, h storetest.Harness) {
	for range 5 {
		h.(*proxiedHarness).awaitWork(tb)
		h.(*proxiedHarness).proxy.CutMidway(8)
	}
}

// Advance takes d from what every key of the namespace has to live.
func (h *harness) Advance(tb testing.TB, d time.Duration) {
	tb.Helper()
	for _, name := range h.names(tb) {
		command(tb, h.admin, "EVAL", testserver.Age, "1", name, strconv.FormatInt(d.Milliseconds(), 10))
	}
}

// names gives the keys of the namespace on every node.
func (h *harness) names(tb testing.TB) []string {
	tb.Helper()
	all := map[string]bool{}
	for _, node := range h.admin.Nodes() {
		for cursor := uint64(0); ; {
			page, err := node.Do(tb.Context(),
				node.B().Scan().Cursor(cursor).Match(h.namespace+"*").Count(1000).Build()).AsScanEntry()
			if err != nil {
				tb.Fatalf("scan: %v", err)
			}
			for _, name := range page.Elements {
				all[name] = true // a replica has those of its master
			}
			if cursor = page.Cursor; cursor == 0 {
				break
			}
		}
	}
	return slices.Collect(maps.Keys(all))
}

// Corrupt puts another text where the record was.
func (h *harness) Corrupt(tb testing.TB, key store.Key) {
	tb.Helper()
	command(tb, h.admin, "SET", h.namespace+key.String(), "not a record", "KEEPTTL")
}

// Stall holds back what the server answers.
func (h *proxiedHarness) Stall(testing.TB) (resume func()) {
	h.proxy.Stall()
	return h.proxy.Resume
}
