package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"sync"
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

// processor is the time that Redis has computed for.
func (i *inspector) processor() (time.Duration, error) {
	user, err := i.number("used_cpu_user")
	if err != nil {
		return 0, err
	}
	system, err := i.number("used_cpu_sys")
	return time.Duration((user + system) * float64(time.Second)), err
}

// sizes measures what sessions of five keys take in Redis.
func (i *inspector) sizes(l library, redis string, sessions int) (result redisFigures, err error) {
	result = redisFigures{Library: l.Name, Sessions: sessions}
	if err := i.flush(); err != nil {
		return result, err
	}
	err = visit(l, redis, func(s *site, _ string) error {
		before, err := i.data()
		if err != nil {
			return err
		}
		if err := fillConcurrently(s, sessions); err != nil {
			return err
		}
		after, err := i.data()
		if err != nil {
			return err
		}
		result.Bytes = append(result.Bytes, (after-before)/float64(sessions))
		key, err := i.client.Do(context.Background(), i.client.B().Randomkey().Build()).ToString()
		if err != nil {
			return err
		}
		usage := i.client.B().MemoryUsage().Key(key).Samples(0).Build()
		bytes, err := i.client.Do(context.Background(), usage).AsInt64()
		result.OneKey = append(result.OneKey, float64(bytes))
		return err
	})
	return result, err
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

// computed measures what one request of a scenario takes of Redis's processor
// while clients make them for d.
func (i *inspector) computed(l library, redis string, sc scenario, d time.Duration) (micros float64, err error) {
	if err := i.flush(); err != nil {
		return 0, err
	}
	err = visit(l, redis, func(s *site, _ string) error {
		callers := make([]*caller, clients)
		for n := range callers {
			cookie := ""
			if l.hasSessions() {
				if cookie, err = newCookie(s); err != nil {
					return err
				}
			}
			callers[n] = callerFor(s, sc, cookie)
		}
		before, err := i.processor()
		if err != nil {
			return err
		}
		requests := make([]int, clients)
		begin := time.Now()
		err = together(func(n int) error {
			for time.Since(begin) < d {
				if err := callers[n].once(); err != nil {
					return err
				}
				requests[n]++
			}
			return nil
		})
		if err != nil {
			return err
		}
		after, err := i.processor()
		total := 0
		for _, n := range requests {
			total += n
		}
		micros = float64((after - before).Nanoseconds()) / 1e3 / float64(total)
		return err
	})
	return micros, err
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
