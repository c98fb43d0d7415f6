//go:build faults

package faults_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store/redisstore"
)

// slots is how many a cluster has.
const slots = 16384

// TestRedis breaks a cluster, a master under sentinels and a single server in
// turn, each for its share of the faults.
func TestRedis(t *testing.T) {
	seed, count := seedAndCount(t)
	run := newRun(t, seed)
	onCluster, onSentinel := count*4/10, count/10
	run.on("cluster", clusterFaults(t, run), onCluster)
	run.on("sentinel", sentinelFaults(t, run), onSentinel)
	run.on("single", singleFaults(t, run), count-onCluster-onSentinel)
	run.report()
}

func open(t *testing.T, url string, opts ...redisstore.Option) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(t.Context(), redisstore.Connection{URL: url, DialTimeout: callTimeout, IOTimeout: callTimeout}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instances are two of an application: one with a near cache, one without.
func instances(t *testing.T, url string) []backend {
	return []backend{open(t, url), open(t, url, redisstore.WithClientCache(time.Second))}
}

func clusterFaults(t *testing.T, run *run) func() system {
	return func() system {
		// A master that hangs is not to be replaced, as it answers some more when it
		// goes on, which is lost.
		c := testserver.NewRedisCluster(t, "--cluster-node-timeout", "3000")
		node := func(random *rand.Rand) *testserver.RedisServer { return c.Nodes[random.IntN(len(c.Nodes))] }
		return system{
			stores: instances(t, c.URL()),
			await:  c.Await,
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

func sentinelFaults(t *testing.T, run *run) func() system {
	return func() system {
		s := testserver.NewRedisSentinel(t)
		return system{
			stores: instances(t, s.URL()),
			await:  s.Await,
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

func singleFaults(t *testing.T, _ *run) func() system {
	return func() system {
		s := testserver.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
		command := func(words ...string) {
			if _, err := s.Command(words...); err != nil {
				t.Error(err)
			}
		}
		return system{
			stores: instances(t, s.URL()),
			await:  func() {},
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
