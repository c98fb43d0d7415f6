package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// inspector asks the Redis itself.
type inspector struct{ client rueidis.Client }

func newInspector(redis string) (*inspector, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{redis}, DisableCache: true})
	if err != nil {
		return nil, err
	}
	return &inspector{client}, nil
}

func (i *inspector) close() { i.client.Close() }

// flush forgets all sessions.
func (i *inspector) flush() error {
	return i.client.Do(context.Background(), i.client.B().Flushall().Build()).Error()
}

// number gives a field of INFO.
func (i *inspector) number(field string) (float64, error) {
	info, err := i.client.Do(context.Background(), i.client.B().Info().Section("everything").Build()).ToString()
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`(?m)^` + field + `:([0-9.]+)`).FindStringSubmatch(info)
	if m == nil {
		return 0, fmt.Errorf("redis says nothing of %s", field)
	}
	return strconv.ParseFloat(m[1], 64)
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

// usage is what MEMORY USAGE says of any key.
func (i *inspector) usage() (float64, error) {
	key, err := i.client.Do(context.Background(), i.client.B().Randomkey().Build()).ToString()
	if err != nil {
		return 0, err
	}
	bytes, err := i.client.Do(context.Background(), i.client.B().MemoryUsage().Key(key).Samples(0).Build()).AsInt64()
	return float64(bytes), err
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

// computedFor are the scenarios whose cost for Redis is measured.
var computedFor = []scenario{s3, s5, s6, s7}

// inRedis measures what sessions cost a Redis: its memory, and its processor.
func (m *measuring) inRedis() []step {
	for _, l := range libraries() {
		if l.Backend == "redis" && l.hasSessions() {
			m.results.Redis = append(m.results.Redis, redisFigures{Library: l.Name, Sessions: m.InRedis, Micros: map[scenario][]float64{}})
		}
	}
	return inTurn(m.Rounds, pointers(m.results.Redis), func(f *redisFigures) step {
		seconds := 1e-4*float64(m.InRedis) + float64(len(computedFor))*m.Processor.Seconds()
		return step{"in Redis: " + f.Library, seconds, func() error {
			l := libraryNamed(f.Library)
			if err := m.size(l, f); err != nil {
				return err
			}
			for _, sc := range computedFor {
				if err := m.compute(l, sc, f); err != nil {
					return fmt.Errorf("%s: %w", sc, err)
				}
			}
			return nil
		}}
	})
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
		if err != nil {
			return err
		}
		one, err := m.redis.usage()
		f.Bytes = append(f.Bytes, (after-before)/float64(f.Sessions))
		f.OneKey = append(f.OneKey, one)
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

// compute adds what one request of a scenario takes of Redis's processor while
// clients make them.
func (m *measuring) compute(l library, sc scenario, f *redisFigures) error {
	return m.visit(l, clients, func(s *site, cookies []string) error {
		before, err := m.redis.processor()
		if err != nil {
			return err
		}
		requests, err := requestsDuring(m.Processor, s, sc, cookies)
		if err != nil {
			return err
		}
		after, err := m.redis.processor()
		f.Micros[sc] = append(f.Micros[sc], micros(after-before)/float64(requests))
		return err
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
