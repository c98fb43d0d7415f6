//go:build unix

package testserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// RedisSentinel is a master with two replicas, watched by three sentinels, on
// loopback. The servers keep what they are told over a kill. Its methods are
// for the goroutine of the test, and end the test when they fail.
type RedisSentinel struct {
	Nodes     []*RedisServer // the first was the master at first
	Sentinels []*RedisServer

	tb testing.TB
}

// SentinelMaster is the name that the sentinels have for the master.
const SentinelMaster = "sessions"

// NewRedisSentinel starts servers that end with the test. args are further
// settings of the master and the replicas.
func NewRedisSentinel(tb testing.TB, args ...string) *RedisSentinel {
	tb.Helper()
	nodes := new(redisNodes)
	tb.Cleanup(nodes.remove)
	if err := nodes.createSentinel(args); err != nil {
		tb.Fatalf("start redis with sentinels: %v\n%s", err, nodes.output())
	}
	s := &RedisSentinel{tb: tb}
	for i, n := range *nodes {
		if server := (&RedisServer{tb, n}); i < 3 {
			s.Nodes = append(s.Nodes, server)
		} else {
			s.Sentinels = append(s.Sentinels, server)
		}
	}
	return s
}

// URL names every sentinel, and the master that they watch.
func (s *RedisSentinel) URL() string {
	var addrs []string
	for _, one := range s.Sentinels {
		addrs = append(addrs, one.Addr())
	}
	return "redis://" + addrs[0] + "?master_set=" + SentinelMaster + "&addr=" + strings.Join(addrs[1:], "&addr=")
}

// Master gives the master as the sentinels have it now.
func (s *RedisSentinel) Master() *RedisServer {
	s.tb.Helper()
	var master *RedisServer
	s.must("find the master", within(patience, func() error {
		err := errors.New("no sentinel answers")
		for _, one := range s.Sentinels {
			var addr []string
			if addr, err = one.commandList("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SentinelMaster); err != nil || len(addr) != 2 {
				continue
			}
			i := slices.IndexFunc(s.Nodes, func(n *RedisServer) bool { return n.Addr() == addr[0]+":"+addr[1] })
			if i >= 0 {
				master = s.Nodes[i]
				return nil
			}
			err = fmt.Errorf("the master is at %s", addr)
		}
		return err
	}))
	return master
}

// Replaced waits until another server than old is the master, and gives it.
func (s *RedisSentinel) Replaced(old *RedisServer) *RedisServer {
	s.tb.Helper()
	var master *RedisServer
	s.must("wait for another master", within(2*patience, func() error {
		if master = s.Master(); master.Addr() == old.Addr() {
			return errors.New("it is the same")
		}
		return nil
	}))
	return master
}

// Await returns when every server answers, the others are replicas of the master
// and up to date, and every sentinel knows them all.
func (s *RedisSentinel) Await() {
	s.tb.Helper()
	s.must("wait for the replicas", within(2*patience, func() error {
		nodes := make(redisNodes, 0, len(s.Nodes))
		for _, n := range s.Nodes {
			nodes = append(nodes, n.redis)
		}
		for _, one := range s.Sentinels {
			if err := one.watches(len(s.Nodes)-1, len(s.Sentinels)-1); err != nil {
				return err
			}
		}
		return nodes.replicate(s.Master().redis)
	}))
}

func (s *RedisSentinel) must(what string, err error) {
	s.tb.Helper()
	if err != nil {
		s.tb.Fatalf("%s: %v", what, err)
	}
}

func (nodes *redisNodes) createSentinel(args []string) error {
	for i := range 3 {
		n := new(redis)
		*nodes = append(*nodes, n)
		own := append([]string{
			"--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0",
			// A master that comes back takes itself for one until the sentinels
			// have told it; what it takes until then is lost.
			"--min-replicas-to-write", "1", "--min-replicas-max-lag", "3",
		}, args...)
		if i > 0 {
			own = append(own, "--replicaof", "127.0.0.1 "+fmt.Sprint((*nodes)[0].port))
		}
		if err := n.create(own); err != nil {
			return err
		}
	}
	master := (*nodes)[0]
	for range 3 {
		n := &redis{sentinelOf: master.port}
		*nodes = append(*nodes, n)
		if err := n.create(nil); err != nil {
			return err
		}
	}
	return within(2*patience, func() error {
		for _, one := range (*nodes)[3:] {
			if err := one.watches(2, 2); err != nil {
				return err
			}
		}
		return (*nodes)[:3].replicate(master)
	})
}

// replicate returns nil when master is one and all others replicate it.
func (nodes redisNodes) replicate(master *redis) error {
	for _, n := range nodes {
		info, err := n.command("INFO", "replication")
		if err != nil {
			return err
		}
		wants := []string{"role:slave\r\n", fmt.Sprintf("master_port:%d\r\n", master.port), "master_link_status:up\r\n"}
		if n == master {
			wants = []string{"role:master\r\n", fmt.Sprintf("connected_slaves:%d\r\n", len(nodes)-1)}
		}
		for _, want := range wants {
			if !strings.Contains(info, want) {
				return fmt.Errorf("%s is not among\n%s", strings.TrimSpace(want), info)
			}
		}
	}
	return nil
}

// watches returns nil when a sentinel sees the master up, and that many replicas
// and other sentinels.
func (r *redis) watches(replicas, sentinels int) error {
	info, err := r.command("INFO", "sentinel")
	if err != nil {
		return err
	}
	if want := "status=ok,address="; !strings.Contains(info, want) ||
		!strings.Contains(info, fmt.Sprintf("slaves=%d,sentinels=%d", replicas, sentinels+1)) {
		return fmt.Errorf("a sentinel sees\n%s", info)
	}
	return nil
}

// writeSentinelConfig writes the file that a sentinel must have, and changes by
// itself, unless it is there.
func (r *redis) writeSentinelConfig() (path string, err error) {
	path = filepath.Join(r.dir, "sentinel.conf")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	text := fmt.Sprintf(`sentinel monitor %[1]s 127.0.0.1 %[2]d 2
sentinel down-after-milliseconds %[1]s 3000
sentinel failover-timeout %[1]s 6000
sentinel parallel-syncs %[1]s 2
`, SentinelMaster, r.sentinelOf)
	return path, os.WriteFile(path, []byte(text), 0o600)
}
