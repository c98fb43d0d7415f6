//go:build unix

package testserver

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// RedisCluster is a Redis Cluster of three masters and a replica of each, on
// loopback. The nodes keep what they are told over a kill. Its methods are for
// the goroutine of the test, and end the test when they fail.
type RedisCluster struct {
	// Nodes are the servers, three that were masters at first and then the
	// replica of each in turn.
	Nodes []*RedisServer

	tb testing.TB
}

// clusterSlots is how many slots a cluster has, and clusterMasters over how many
// nodes they are spread.
const (
	clusterSlots   = 16384
	clusterMasters = 3
)

// NewRedisCluster starts a cluster that ends with the test. args are further
// settings of every node.
func NewRedisCluster(tb testing.TB, args ...string) *RedisCluster {
	tb.Helper()
	var nodes redisNodes
	tb.Cleanup(nodes.remove)
	if err := nodes.createCluster(args); err != nil {
		tb.Fatalf("start a redis cluster: %v\n%s", err, nodes.output())
	}
	return nodes.cluster(tb)
}

// SharedRedisCluster is one cluster for the tests of a package, as SharedRedis
// is one server.
type SharedRedisCluster struct {
	once  sync.Once
	nodes redisNodes
	err   error
}

// Get gives the cluster to a test, which must not end or pause its nodes.
func (s *SharedRedisCluster) Get(tb testing.TB) *RedisCluster {
	tb.Helper()
	s.once.Do(func() { s.err = s.nodes.createCluster(nil) })
	if s.err != nil {
		tb.Fatalf("start a redis cluster: %v\n%s", s.err, s.nodes.output())
	}
	return s.nodes.cluster(tb)
}

// Stop ends the cluster, if there is one. It is for TestMain, after the tests.
func (s *SharedRedisCluster) Stop() { s.nodes.remove() }

// For is the cluster for another test, such as a subtest: its methods end that one
// when they fail.
func (c *RedisCluster) For(tb testing.TB) *RedisCluster {
	other := &RedisCluster{tb: tb}
	for _, n := range c.Nodes {
		other.Nodes = append(other.Nodes, n.For(tb))
	}
	return other
}

// Addrs gives the host and port of each node.
func (c *RedisCluster) Addrs() []string {
	addrs := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		addrs[i] = n.Addr()
	}
	return addrs
}

// URL names every node.
func (c *RedisCluster) URL() string {
	addrs := c.Addrs()
	return "redis://" + addrs[0] + "?addr=" + strings.Join(addrs[1:], "&addr=")
}

// Master gives the node that serves a slot now.
func (c *RedisCluster) Master(slot int) *RedisServer {
	c.tb.Helper()
	var master *RedisServer
	c.must("find the master of a slot", within(patience, func() (err error) {
		master, err = c.master(slot)
		return err
	}))
	return master
}

func (c *RedisCluster) master(slot int) (*RedisServer, error) {
	err := errors.New("no node answers")
	for _, n := range c.Nodes {
		var nodes []clusterNode
		if nodes, err = n.clusterNodes(); err != nil {
			continue
		}
		for _, one := range nodes {
			if one.has("master") && !one.has("fail") && one.serves(slot) {
				if i := slices.IndexFunc(c.Nodes, func(n *RedisServer) bool { return n.Addr() == one.addr }); i >= 0 {
					return c.Nodes[i], nil
				}
			}
		}
		err = fmt.Errorf("no node serves slot %d", slot)
	}
	return nil, err
}

// Replaced waits until another node than old serves a slot, and gives it.
func (c *RedisCluster) Replaced(slot int, old *RedisServer) *RedisServer {
	c.tb.Helper()
	var master *RedisServer
	c.must("wait for another master", within(2*patience, func() (err error) {
		if master, err = c.master(slot); err == nil && master.Addr() == old.Addr() {
			err = errors.New("it is the same")
		}
		return err
	}))
	return master
}

// Replica gives a node that replicates master now and is reachable.
func (c *RedisCluster) Replica(master *RedisServer) *RedisServer {
	c.tb.Helper()
	var replica *RedisServer
	c.must("find a replica", within(patience, func() error {
		id, err := master.command("CLUSTER", "MYID")
		if err != nil {
			return err
		}
		for _, n := range c.Nodes {
			nodes, err := n.clusterNodes()
			if err != nil {
				continue
			}
			for _, one := range nodes {
				if one.has("myself") && one.master == id {
					replica = n
					return nil
				}
			}
		}
		return errors.New("it has none")
	}))
	return replica
}

// FailOver makes the replica of the master of a slot its master, in order:
// nothing is lost.
func (c *RedisCluster) FailOver(slot int) {
	c.tb.Helper()
	replica := c.Replica(c.Master(slot))
	c.must("fail over", within(patience, func() error {
		if _, err := replica.command("CLUSTER", "FAILOVER"); err != nil {
			if role, roleErr := replica.command("ROLE"); roleErr != nil || role != "master" {
				return err
			}
			return nil
		}
		return within(patience/5, func() error {
			if role, err := replica.command("ROLE"); err != nil || role != "master" {
				return fmt.Errorf("it is %s: %w", role, err)
			}
			return nil
		})
	}))
}

// MoveSlot moves a slot, with all that is in it, to another master, as
// resharding does, and returns when every node knows. All of them must be up.
func (c *RedisCluster) MoveSlot(slot int, to *RedisServer) {
	c.tb.Helper()
	from := c.Master(slot)
	if from.Addr() == to.Addr() {
		return
	}
	c.must("move a slot", moveSlot(slot, from.redis, to.redis))
	// A node that has not heard of it by the next move may never believe it.
	c.must("tell every node of a move", within(patience, func() error {
		for _, n := range c.Nodes {
			nodes, err := n.clusterNodes()
			if err != nil {
				return err
			}
			for _, one := range nodes {
				if one.has("master") && one.serves(slot) != (one.addr == to.Addr()) {
					return errors.New("a node does not know it")
				}
			}
		}
		return nil
	}))
}

// Await returns when every slot is served by a node that answers, and every
// node agrees.
func (c *RedisCluster) Await() {
	c.tb.Helper()
	nodes := make(redisNodes, len(c.Nodes))
	for i, n := range c.Nodes {
		nodes[i] = n.redis
	}
	c.must("wait for the cluster", within(2*patience, nodes.whole))
}

func (c *RedisCluster) must(what string, err error) {
	c.tb.Helper()
	if err != nil {
		c.tb.Fatalf("%s: %v", what, err)
	}
}

// redisNodes are the servers of a cluster.
type redisNodes []*redis

func (nodes redisNodes) cluster(tb testing.TB) *RedisCluster {
	c := &RedisCluster{tb: tb}
	for _, n := range nodes {
		c.Nodes = append(c.Nodes, &RedisServer{tb, n})
	}
	return c
}

func (nodes *redisNodes) remove() {
	for _, n := range *nodes {
		n.remove()
	}
}

func (nodes redisNodes) output() string {
	var all strings.Builder
	for _, n := range nodes {
		all.WriteString(n.output())
	}
	return all.String()
}

func (nodes *redisNodes) createCluster(args []string) error {
	for range 2 * clusterMasters {
		n := new(redis)
		*nodes = append(*nodes, n)
		bus, err := n.claims.port()
		if err != nil {
			return err
		}
		if err := n.create(append([]string{
			"--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(bus),
			"--cluster-node-timeout", "2000", "--cluster-replica-validity-factor", "0",
			"--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0",
		}, args...)); err != nil {
			return err
		}
	}
	return nodes.join()
}

// join makes a cluster of nodes that know nothing of each other.
func (nodes redisNodes) join() error {
	first, each := nodes[0], clusterSlots/clusterMasters
	for i, n := range nodes {
		if _, err := n.command("CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1)); err != nil {
			return err
		}
		if i < clusterMasters {
			last := (i+1)*each - 1
			if i == clusterMasters-1 {
				last = clusterSlots - 1
			}
			if _, err := n.command("CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(i*each), fmt.Sprint(last)); err != nil {
				return err
			}
		}
		if i > 0 {
			if _, err := n.command("CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(first.port), first.busPort()); err != nil {
				return err
			}
		}
	}
	for i, n := range nodes[clusterMasters:] {
		if err := within(patience, func() error {
			id, err := nodes[i].command("CLUSTER", "MYID")
			if err != nil {
				return err
			}
			_, err = n.command("CLUSTER", "REPLICATE", id)
			return err
		}); err != nil {
			return err
		}
	}
	return within(2*patience, nodes.whole)
}

// whole returns nil when every node that runs sees the whole cluster, and every
// replica is up to date.
func (nodes redisNodes) whole() error {
	var shared string // who serves what, as the first node has it
	for i, n := range nodes {
		info, err := n.command("CLUSTER", "INFO")
		if err != nil {
			return err
		}
		for _, want := range []string{"cluster_state:ok", fmt.Sprintf("cluster_slots_ok:%d", clusterSlots), fmt.Sprintf("cluster_known_nodes:%d", len(nodes))} {
			if !strings.Contains(info, want+"\r\n") {
				return fmt.Errorf("%s is not among\n%s", want, info)
			}
		}
		all, err := n.clusterNodes()
		if err != nil {
			return err
		}
		for _, one := range all {
			if one.has("fail") || one.has("fail?") || one.has("handshake") || !one.linked {
				return fmt.Errorf("a node sees %s as %s", one.addr, one.flags)
			}
			// A master that has been failed over has no slots, until it knows.
			if one.has("master") && len(one.slots) == 0 {
				return errors.New("a master serves nothing")
			}
		}
		// A replica that takes over serves what it believes that its master did.
		if view := serving(all); i == 0 {
			shared = view
		} else if view != shared {
			return errors.New("two nodes differ in who serves what")
		}
		replication, err := n.command("INFO", "replication")
		if err != nil {
			return err
		}
		if strings.Contains(replication, "role:slave") && !strings.Contains(replication, "master_link_status:up") {
			return errors.New("a replica has no link to its master")
		}
	}
	return nil
}

func moveSlot(slot int, from, to *redis) error {
	fromID, err1 := from.command("CLUSTER", "MYID")
	toID, err2 := to.command("CLUSTER", "MYID")
	_, err3 := to.command("CLUSTER", "SETSLOT", fmt.Sprint(slot), "IMPORTING", fromID)
	_, err4 := from.command("CLUSTER", "SETSLOT", fmt.Sprint(slot), "MIGRATING", toID)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	for {
		keys, err := from.commandList("CLUSTER", "GETKEYSINSLOT", fmt.Sprint(slot), "10")
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			break
		}
		words := append([]string{"MIGRATE", "127.0.0.1", fmt.Sprint(to.port), "", "0", "5000", "KEYS"}, keys...)
		if _, err := from.command(words...); err != nil {
			return err
		}
	}
	_, err1 = to.command("CLUSTER", "SETSLOT", fmt.Sprint(slot), "NODE", toID)
	_, err2 = from.command("CLUSTER", "SETSLOT", fmt.Sprint(slot), "NODE", toID)
	return errors.Join(err1, err2)
}

// clusterNode is a line of CLUSTER NODES.
type clusterNode struct {
	id, addr, flags, master string
	linked                  bool
	slots                   []string
}

func (r *redis) clusterNodes() ([]clusterNode, error) {
	text, err := r.command("CLUSTER", "NODES")
	if err != nil {
		return nil, err
	}
	var nodes []clusterNode
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 8 {
			return nil, fmt.Errorf("a line of CLUSTER NODES: %q", line)
		}
		addr, _, _ := strings.Cut(words[1], "@")
		nodes = append(nodes, clusterNode{words[0], addr, words[2], words[3], words[7] == "connected" || strings.Contains(words[2], "myself"), words[8:]})
	}
	return nodes, nil
}

// serving says which node serves which slots.
func serving(nodes []clusterNode) string {
	var lines []string
	for _, n := range nodes {
		if len(n.slots) > 0 {
			lines = append(lines, n.id+" "+strings.Join(n.slots, " "))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func (n clusterNode) has(flag string) bool { return slices.Contains(strings.Split(n.flags, ","), flag) }

func (n clusterNode) serves(slot int) bool {
	for _, s := range n.slots {
		first, last, isRange := strings.Cut(s, "-")
		var from, to int
		if _, err := fmt.Sscan(first, &from); err != nil {
			continue // a slot on its way
		}
		to = from
		if isRange {
			if _, err := fmt.Sscan(last, &to); err != nil {
				continue
			}
		}
		if slot >= from && slot <= to {
			return true
		}
	}
	return false
}

// busPort gives the port on which the nodes of a cluster talk.
func (r *redis) busPort() string {
	return r.args[slices.Index(r.args, "--cluster-port")+1]
}

// within calls f, every few milliseconds, until it returns nil or d is over.
func within(d time.Duration, f func() error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(d)
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-late:
			return fmt.Errorf("not after %s: %w", d, err)
		}
	}
}
