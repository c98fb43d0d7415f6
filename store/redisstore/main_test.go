package redisstore_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// shared and sharedCluster are the servers of the tests that leave them alone.
var (
	shared        testserver.SharedRedis
	sharedCluster testserver.SharedRedisCluster
)

// What the tests of other packages need, too.
var (
	eventually = testkit.Eventually
	record     = testkit.Record
	state      = testkit.State
)

// parallel is how many tests run at once, unless -parallel says so: more than
// there may be processors, as they wait for failovers and timeouts.
const parallel = "4"

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", parallel); err != nil {
			panic(err) // there is no such flag any more
		}
	}
	code := m.Run()
	shared.Stop()
	sharedCluster.Stop()
	if code == 0 {
		if err := testserver.Leaks(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left:", err)
			code = 1
		}
	}
	os.Exit(code)
}

var namespaces atomic.Int64

// newNamespace keeps a test apart from the others on the shared server.
func newNamespace() string { return fmt.Sprintf("test-%d:", namespaces.Add(1)) }

// open gives a Store on its own connection, closed when the test ends.
func open(tb testing.TB, c redisstore.Connection, opts ...redisstore.Option) *redisstore.Store {
	tb.Helper()
	s, err := redisstore.Open(context.Background(), c, opts...)
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

// newClient gives a client as an application makes its own.
func newClient(tb testing.TB, addresses ...string) rueidis.Client {
	tb.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addresses})
	if err != nil {
		tb.Fatalf("connect: %v", err)
	}
	tb.Cleanup(client.Close)
	return client
}

// command runs a command that the test is sure of. Its second word, if it has
// one, is the key.
func command(tb testing.TB, client rueidis.Client, words ...string) *rueidis.RedisMessage {
	tb.Helper()
	cmd := client.B().Arbitrary(words[0])
	if len(words) > 1 {
		cmd = cmd.Keys(words[1]).Args(words[2:]...)
	}
	answer, err := client.Do(context.Background(), cmd.Build()).ToMessage()
	if err != nil && !rueidis.IsRedisNil(err) {
		tb.Fatalf("%s: %v", words[0], err)
	}
	return &answer
}

// key gives the nth key of a test.
func key(n int) store.Key { return store.Key{0: byte(n), 1: byte(n >> 8), 15: 0xff} }
