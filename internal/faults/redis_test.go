//go:build faults

package faults_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testserver"
)

// slots is how many a cluster has.
const slots = 16384

// TestRedis breaks a cluster, a master under sentinels and a single server in
// turn, each for its share of the faults, under two programs.
func TestRedis(t *testing.T) {
	seed, count := seedAndCount(t)
	run, path := newRun(t, seed), buildShop(t)
	onCluster, onSentinel := count*4/10, count/10
	run.on("cluster", clusterFaults(t, run, path), onCluster)
	run.on("sentinel", sentinelFaults(t, run, path), onSentinel)
	run.on("single", singleFaults(t, path), count-onCluster-onSentinel)
	run.report()
}

// openShops opens two on a Redis: one with a near cache, one without.
func openShops(t *testing.T, path, redis string) []*shop {
	t.Helper()
	environment := []string{
		"SESSION_COOKIE_KEYS=" + config.NewKey().Reveal(),
		"SESSION_STORE_DRIVER=redis",
		"SESSION_STORE_REDIS_URL=" + redis,
		"SESSION_STORE_REDIS_NAMESPACE=shop:",
	}
	cached := append([]string{
		"SESSION_STORE_REDIS_CLIENT_CACHE_ENABLED=true",
		"SESSION_STORE_REDIS_CLIENT_CACHE_TTL=" + cacheTTL.String(),
	}, environment...)
	shops := []*shop{openShop(t, path, environment), openShop(t, path, cached)}
	for _, one := range shops {
		one.steady = true
	}
	return shops
}

// unconnected fails the test unless all clients of servers are gone, but for
// those that servers are of each other: within some seconds, as a server keeps
// the connection over which it moved a slot for ten.
func unconnected(t *testing.T, servers ...*testserver.RedisServer) {
	t.Helper()
	late := time.Now().Add(20 * time.Second)
	for _, one := range servers {
		for {
			list, err := one.Command("CLIENT", "LIST")
			if err != nil {
				t.Error(err)
				break
			}
			var left []string
			for line := range strings.Lines(list) {
				if !ofServers.MatchString(line) {
					left = append(left, line)
				}
			}
			if len(left) == 0 {
				break
			}
			if time.Now().After(late) {
				t.Errorf("connections are left:\n%s", strings.Join(left, ""))
				break
			}
			pause(50 * time.Millisecond)
		}
	}
}

// ofServers matches the one that asks, sentinels, masters and replicas.
var ofServers = regexp.MustCompile(` cmd=client\|list | name=sentinel-| flags=[MS] `)

func clusterFaults(t *testing.T, run *run, path string) func() system {
	return func() system {
		// A master that hangs is not to be replaced, as it answers some more when it
		// goes on, which is lost.
		c := testserver.NewRedisCluster(t, "--cluster-node-timeout", "3000", "--cluster-replica-validity-factor", "10")
		node := func(random *rand.Rand) *testserver.RedisServer { return c.Nodes[random.IntN(len(c.Nodes))] }
		return system{
			shops: openShops(t, path, c.URL()),
			after: func() { unconnected(t, c.Nodes...) },
			await: c.Await,
			faults: []fault{
				{"a node is killed and comes back", 4, func(random *rand.Rand) {
					n := node(random)
					run.quietly(func() { replicated(n); n.Kill() }) // it may be replaced
					n.Start()
				}},
				{"a node is stopped and comes back", 3, func(random *rand.Rand) {
					n := node(random)
					run.quietly(func() { replicated(n); n.Stop() })
					n.Start()
				}},
				{"a node hangs", 4, func(random *rand.Rand) { hang(node(random), random) }},
				{"a replica takes over, in order", 4, func(random *rand.Rand) { c.FailOver(random.IntN(slots)) }},
				{"a master is killed and replaced", 1, func(random *rand.Rand) {
					slot := random.IntN(slots)
					master := c.Master(slot)
					run.quietly(func() { master.AwaitReplicas(1); master.Kill() })
					c.Replaced(slot, master)
					master.Start()
				}},
				{"slots move", 5, func(random *rand.Rand) {
					for range 12 {
						c.MoveSlot(random.IntN(slots), c.Master(random.IntN(slots)))
					}
				}},
			},
		}
	}
}

func sentinelFaults(t *testing.T, run *run, path string) func() system {
	return func() system {
		s := testserver.NewRedisSentinel(t)
		return system{
			shops: openShops(t, path, s.URL()),
			after: func() { unconnected(t, append(s.Nodes, s.Sentinels...)...) },
			await: s.Await,
			faults: []fault{
				{"the master hangs", 2, func(random *rand.Rand) { hang(s.Master(), random) }},
				{"a sentinel is killed and comes back", 2, func(random *rand.Rand) {
					one := s.Sentinels[random.IntN(len(s.Sentinels))]
					one.Kill()
					one.Start()
				}},
				{"the master is killed and replaced", 2, func(*rand.Rand) {
					master := s.Master()
					run.quietly(func() { master.AwaitReplicas(2); master.Kill() })
					s.Replaced(master)
					master.Start()
				}},
			},
		}
	}
}

func singleFaults(t *testing.T, path string) func() system {
	return func() system {
		s := testserver.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
		command := func(words ...string) {
			if _, err := s.Command(words...); err != nil {
				t.Error(err)
			}
		}
		return system{
			shops: openShops(t, path, s.URL()),
			after: func() { unconnected(t, s) },
			await: func() {},
			faults: []fault{
				{"the server is killed and comes back", 3, func(*rand.Rand) { s.Kill(); s.Start() }},
				{"the server is stopped and comes back", 2, func(*rand.Rand) { s.Stop(); s.Start() }},
				{"the server hangs", 2, func(random *rand.Rand) { hang(s, random) }},
				{"every connection is cut", 2, func(*rand.Rand) { command("CLIENT", "KILL", "TYPE", "normal") }},
				{"the server is out of memory", 1, func(random *rand.Rand) {
					command("CONFIG", "SET", "maxmemory", "1")
					pause(300 * time.Millisecond)
					command("CONFIG", "SET", "maxmemory", "0")
				}},
				{"the server is slow", 1, func(*rand.Rand) {
					command("CLIENT", "PAUSE", "200")
					pause(300 * time.Millisecond)
				}},
			},
		}
	}
}

// replicated returns when the replica of a master has all that it answered.
func replicated(n *testserver.RedisServer) {
	if role, err := n.Command("ROLE"); err == nil && role == "master" {
		n.AwaitReplicas(1)
	}
}

// hang makes a server hang for less than it takes to be replaced.
func hang(s *testserver.RedisServer, random *rand.Rand) {
	s.Pause()
	pause(time.Duration(200+random.IntN(600)) * time.Millisecond)
	s.Resume()
}
