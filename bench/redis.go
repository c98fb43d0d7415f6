package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// inspector asks a Redis itself, or all masters of a cluster.
type inspector struct{ clients []rueidis.Client }

func (i *inspector) connect(addresses ...string) error {
	for _, address := range addresses {
		client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{address}, DisableCache: true, ForceSingleClient: true})
		if err != nil {
			return err
		}
		i.clients = append(i.clients, client)
	}
	return nil
}

func (i *inspector) close() {
	for _, c := range i.clients {
		c.Close()
	}
}

// flush forgets all sessions.
func (i *inspector) flush() error {
	for _, c := range i.clients {
		if err := c.Do(context.Background(), c.B().Flushall().Build()).Error(); err != nil {
			return err
		}
	}
	return nil
}

// number gives a field of INFO, of all together.
func (i *inspector) number(field string) (sum float64, err error) {
	for _, c := range i.clients {
		info, err := c.Do(context.Background(), c.B().Info().Section("everything").Build()).ToString()
		if err != nil {
			return 0, err
		}
		m := regexp.MustCompile(`(?m)^` + field + `:([0-9.]+)`).FindStringSubmatch(info)
		if m == nil {
			return 0, fmt.Errorf("redis says nothing of %s", field)
		}
		one, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return 0, err
		}
		sum += one
	}
	return sum, nil
}

// data is the memory in use without the buffers of connections and replicas.
func (i *inspector) data() (bytes float64, err error) {
	for field, sign := range map[string]float64{
		"used_memory": 1, "mem_clients_normal": -1, "mem_total_replication_buffers": -1, "mem_cluster_links": -1,
	} {
		size, err := i.number(field)
		if err != nil {
			return 0, err
		}
		bytes += sign * size
	}
	return bytes, nil
}

// processor is the time that Redis has computed for.
func (i *inspector) processor() (time.Duration, error) {
	user, err := i.number("used_cpu_user")
	if err != nil {
		return 0, err
	}
	system, err := i.number("used_cpu_sys")
	return time.Duration((user + system) * float64(time.Second)), err
}

// perSession is how many bytes a session of five keys takes, among so many.
func (i *inspector) perSession(s *site, sessions int) (float64, error) {
	before, err := i.data()
	if err != nil {
		return 0, err
	}
	if err := fillConcurrently(s, sessions); err != nil {
		return 0, err
	}
	after, err := i.data()
	return (after - before) / float64(sessions), err
}

// perRequest is how many microseconds one request of a scenario takes of the
// processors while clients make them for d.
func (i *inspector) perRequest(d time.Duration, s *site, sc scenario, cookies []string) (float64, error) {
	before, err := i.processor()
	if err != nil {
		return 0, err
	}
	requests, err := requestsDuring(d, s, sc, cookies)
	if err != nil {
		return 0, err
	}
	after, err := i.processor()
	return micros(after-before) / float64(requests), err
}

// computedFor are the scenarios whose cost for Redis is measured.
var computedFor = []scenario{s3, s5, s6, s7}

// inRedis measures what sessions cost a Redis: its memory, and its processor.
func (m *measuring) inRedis() []step {
	for _, l := range slices.Insert(libraries(), len(ours()), signedInOnRedis()) {
		if l.Backend == "redis" && l.hasSessions() {
			m.results.Redis = append(m.results.Redis, redisFigures{Library: l.Name, Sessions: m.InRedis, Micros: map[scenario][]float64{}})
		}
	}
	return inTurn(m.Rounds, pointers(m.results.Redis), func(f *redisFigures) step {
		return m.costs("in Redis: "+f.Library, m.redis, func() string { return m.servers.redis }, f)
	})
}

// onCluster measures what sessions of people who are signed in cost the masters of
// a Redis Cluster together.
func (m *measuring) onCluster() []step {
	f := &m.results.Cluster
	*f = redisFigures{Library: oursRedisSignedIn, Sessions: m.InRedis, Micros: map[scenario][]float64{}}
	var address string
	masters := new(inspector)
	steps := []step{{"starting a cluster", 3, func() error {
		at, addresses, err := m.servers.startCluster()
		if err != nil {
			return err
		}
		address = at
		return masters.connect(addresses...)
	}}}
	for range m.Rounds {
		steps = append(steps, m.costs("on a cluster: "+f.Library, masters, func() string { return address }, f))
	}
	return append(steps, step{"ending the cluster", 0, func() error { masters.close(); return nil }})
}

// costs is a round of what a library's sessions cost the Redis at an address.
func (m *measuring) costs(name string, i *inspector, address func() string, f *redisFigures) step {
	l := libraryNamed(f.Library)
	seconds := 5e-5*float64(m.InRedis) + float64(len(computedFor))*(m.Processor.Seconds()+0.05)
	return step{name, seconds, func() error {
		err := i.visit(l, address(), 1, func(s *site, _ []string) error {
			bytes, err := i.perSession(s, f.Sessions)
			f.Bytes = append(f.Bytes, bytes)
			return err
		})
		if err != nil {
			return err
		}
		for _, sc := range computedFor {
			err := i.visit(l, address(), clients, func(s *site, cookies []string) error {
				micros, err := i.perRequest(m.Processor, s, sc, cookies)
				f.Micros[sc] = append(f.Micros[sc], micros)
				return err
			})
			if err != nil {
				return fmt.Errorf("%s: %w", sc, err)
			}
		}
		return nil
	}}
}

// visit opens a library over a Redis without sessions, for measure, with some
// sessions of its own.
func (i *inspector) visit(l library, address string, sessions int, measure func(s *site, cookies []string) error) error {
	if err := i.flush(); err != nil {
		return err
	}
	return visit(l, address, sessions, measure)
}

func fillConcurrently(s *site, sessions int) error {
	return together(func(n int) error {
		c := newCaller(s, "/fill", "", false)
		for range (sessions + n) / clients {
			if err := c.once(); err != nil {
				return err
			}
		}
		return nil
	})
}

// requestsDuring makes requests of a scenario for d, a client for each cookie,
// and counts them.
func requestsDuring(d time.Duration, s *site, sc scenario, cookies []string) (int, error) {
	var made atomic.Int64
	begin := time.Now()
	err := together(func(n int) error {
		c := callerFor(s, sc, cookies[n])
		for time.Since(begin) < d {
			if err := c.once(); err != nil {
				return err
			}
			made.Add(1)
		}
		return nil
	})
	return int(made.Load()), err
}

// together calls f for every client at once.
func together(f func(client int) error) error {
	errs := make(chan error, clients)
	var all sync.WaitGroup
	for n := range clients {
		all.Go(func() { errs <- f(n) })
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
