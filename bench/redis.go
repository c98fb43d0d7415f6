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

func newInspector(addresses ...string) (*inspector, error) {
	i := new(inspector)
	for _, address := range addresses {
		client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{address}, DisableCache: true, ForceSingleClient: true})
		if err != nil {
			i.close()
			return nil, err
		}
		i.clients = append(i.clients, client)
	}
	return i, nil
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

// data is the memory in use without the buffers of connections.
func (i *inspector) data() (float64, error) {
	used, err := i.number("used_memory")
	if err != nil {
		return 0, err
	}
	buffers, err := i.number("mem_clients_normal")
	return used - buffers, err
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
		seconds := 1e-4*float64(m.InRedis) + float64(len(computedFor))*(m.Processor.Seconds()+0.05)
		return step{"in Redis: " + f.Library, seconds, func() error {
			l := libraryNamed(f.Library)
			if err := m.size(l, f); err != nil {
				return err
			}
			for _, sc := range computedFor {
				err := m.visit(l, clients, func(s *site, cookies []string) error {
					micros, err := m.redis.perRequest(m.Processor, s, sc, cookies)
					f.Micros[sc] = append(f.Micros[sc], micros)
					return err
				})
				if err != nil {
					return fmt.Errorf("%s: %w", sc, err)
				}
			}
			return nil
		}}
	})
}

// onCluster measures what sessions of people who are signed in cost the masters of
// a Redis Cluster.
func (m *measuring) onCluster() []step {
	l := signedInOnRedis()
	var address string
	var masters *inspector
	steps := []step{{"starting a cluster", 3, func() (err error) {
		var addresses []string
		if address, addresses, err = m.servers.startCluster(); err != nil {
			return err
		}
		masters, err = newInspector(addresses...)
		return err
	}}}
	steps = append(steps, inTurn(m.Rounds, computedFor, func(sc scenario) step {
		return step{fmt.Sprintf("on a cluster: %s", sc), m.Processor.Seconds() + 0.1, func() error {
			if err := masters.flush(); err != nil {
				return err
			}
			return visit(l, address, clients, func(s *site, cookies []string) error {
				micros, err := masters.perRequest(m.Processor, s, sc, cookies)
				m.results.ClusterMicros[sc] = append(m.results.ClusterMicros[sc], micros)
				return err
			})
		}}
	})...)
	return append(steps, step{"ending the cluster", 0, func() error {
		masters.close()
		return nil
	}})
}

// size adds what sessions of five keys take in Redis.
func (m *measuring) size(l library, f *redisFigures) error {
	return m.visit(l, 1, func(s *site, _ []string) error {
		before, err := m.redis.data()
		if err != nil {
			return err
		}
		if err := fillConcurrently(s, f.Sessions); err != nil {
			return err
		}
		after, err := m.redis.data()
		f.Bytes = append(f.Bytes, (after-before)/float64(f.Sessions))
		return err
	})
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
