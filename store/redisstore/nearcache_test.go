package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
	"github.com/fxsession/sessions/store/storetest"
)

// nearHarness is a harness whose handles share one Store with a near cache, as
// the goroutines of one instance do. Two would see each other's writes a moment
// late, and TestAnotherInstanceSeesAWriteSoon says how late.
type nearHarness struct {
	*harness
	store *redisstore.Store
	own   rueidis.Client
}

// near makes a Store with a near cache, and the client that it reads through.
type near func(testing.TB, rueidis.ClientOption, ...redisstore.Option) (*redisstore.Store, rueidis.Client)

// nears are the two: one that keeps records itself, as Open makes it, and one
// over a client of the application, which keeps answers.
var nears = map[string]near{"of its own": nearOfItsOwn, "of the client": nearOfTheClient}

func nearOfItsOwn(tb testing.TB, o rueidis.ClientOption, opts ...redisstore.Option) (*redisstore.Store, rueidis.Client) {
	s, err := redisstore.OpenWith(context.Background(), o, opts...)
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() { _ = s.Close() }) // the error is always nil
	return s, s.Client()
}

func nearOfTheClient(tb testing.TB, o rueidis.ClientOption, opts ...redisstore.Option) (*redisstore.Store, rueidis.Client) {
	client, err := rueidis.NewClient(o)
	if err != nil {
		tb.Fatalf("connect: %v", err)
	}
	tb.Cleanup(client.Close)
	return redisstore.New(client, opts...), client
}

// newNearHarness gives a harness over a client with the options o; addresses are
// those of the data.
func newNearHarness(tb testing.TB, make near, o rueidis.ClientOption, addresses ...string) storetest.Harness {
	o.PipelineMultiplex = -1 // one connection a node, so that catchUp works
	namespace := newNamespace()
	s, client := make(tb, o, redisstore.WithNamespace(namespace), redisstore.WithClientCache(time.Minute))
	return &nearHarness{&harness{namespace: namespace, admin: newClient(tb, addresses...)}, s, client}
}

func (h *nearHarness) Open(testing.TB) store.Backend { return h.store }

func (h *nearHarness) Advance(tb testing.TB, d time.Duration) {
	h.harness.Advance(tb, d)
	h.catchUp(tb)
}

func (h *nearHarness) Corrupt(tb testing.TB, key store.Key) {
	h.harness.Corrupt(tb, key)
	h.catchUp(tb)
}

// catchUp returns when the client has heard of all that was changed before: what
// Redis has to tell comes before the answer to what it is asked.
func (h *nearHarness) catchUp(tb testing.TB) {
	tb.Helper()
	for _, node := range h.own.Nodes() {
		if err := node.Do(tb.Context(), node.B().Ping().Build()).Error(); err != nil {
			tb.Fatalf("ping: %v", err)
		}
	}
}

func TestConformanceWithANearCache(t *testing.T) {
	t.Parallel()
	for name, addresses := range map[string]func(testing.TB) []string{
		"single":  func(tb testing.TB) []string { return []string{shared.Get(tb).Addr()} },
		"cluster": func(tb testing.TB) []string { return sharedCluster.Get(tb).Addrs() },
	} {
		for kind, near := range nears {
			newHarness := func(tb testing.TB) storetest.Harness {
				return newNearHarness(tb, near, rueidis.ClientOption{InitAddress: addresses(tb)}, addresses(tb)...)
			}
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				storetest.Run(t, newHarness)
				storetest.Histories(t, newHarness, storetest.HistoryOptions{})
			})
		}
	}
}

// Where a key has no time to live, the near cache has none to tell.
func TestANearCacheDoesNotKnowWhenAKeyEndsThatNeverDoes(t *testing.T) {
	t.Parallel()
	admin := newClient(t, shared.Get(t).Addr())
	for kind, near := range nears {
		s, _ := near(t, rueidis.ClientOption{InitAddress: []string{shared.Get(t).Addr()}},
			redisstore.WithNamespace(newNamespace()), redisstore.WithClientCache(time.Hour))
		if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
			t.Fatal(err)
		}
		command(t, admin, "PERSIST", s.Namespace()+key(1).String())
		for range 3 {
			if got := shown(s.Load(t.Context(), key(1))); got != "version 1 for 1h: 1" {
				t.Errorf("%s: load: %s", kind, got)
			}
		}
	}
}

// roundsVariable asks for another number of rounds than are quick.
const roundsVariable = "NEAR_CACHE_ROUNDS"

// What an instance wrote it reads at once, also through a client that has
// several connections, and whatever the write was.
func TestANearCacheIsNeverBehindItsOwnWrites(t *testing.T) {
	t.Parallel()
	for kind, near := range nears {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			neverBehindItsOwnWrites(t, near)
		})
	}
}

func neverBehindItsOwnWrites(t *testing.T, near near) {
	rounds := 8000
	if text := os.Getenv(roundsVariable); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", roundsVariable, err)
		}
	}
	loads := newLoadCounter()
	s, _ := near(t, rueidis.ClientOption{InitAddress: []string{shared.Get(t).Addr()}, PipelineMultiplex: 3},
		redisstore.WithNamespace(newNamespace()), redisstore.WithClientCache(10*time.Second), loads.option)
	var stale, done atomic.Int64
	var all sync.WaitGroup
	const sessions = 16
	for n := range sessions {
		all.Go(func() {
			current, version := key(n), uint64(1)
			if err := s.Create(t.Context(), current, record("n", `0`)); err != nil {
				t.Error(err)
				return
			}
			for i := 1; i <= rounds/sessions; i++ {
				done.Add(1)
				_, _ = s.Load(t.Context(), current) // so that it is in the cache
				if i%50 == 0 {
					next := key(n + i*sessions)
					if err := s.ChangeKey(t.Context(), current, next, store.Change{Set: state("n", fmt.Sprint(i))}); err != nil {
						t.Error(err)
						return
					}
					if _, err := s.Load(t.Context(), current); !errors.Is(err, store.ErrRenewed) {
						stale.Add(1)
					}
					current = next
				} else if err := s.Update(t.Context(), current, store.Change{Set: state("n", fmt.Sprint(i))}); err != nil {
					t.Error(err)
					return
				}
				version++
				if rec, err := s.Load(t.Context(), current); err != nil || rec.Version != version || string(rec.State["n"]) != fmt.Sprint(i) {
					stale.Add(1)
				}
			}
			if err := s.Delete(t.Context(), current); err != nil {
				t.Error(err)
			}
			if _, err := s.Load(t.Context(), current); !errors.Is(err, store.ErrEnded) {
				stale.Add(1)
			}
		})
	}
	all.Wait()
	t.Logf("%d rounds, %d stale; loads: %v", done.Load(), stale.Load(), loads.counts(t))
	if stale.Load() > 0 {
		t.Errorf("%d of %d reads were stale", stale.Load(), done.Load())
	}
}

// A record that is not written costs no round trip; one that this instance wrote
// costs none either once the client has heard of it.
func TestANearCacheSparesRoundTrips(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	proxy := testserver.NewProxy(t, server.Addr())
	namespace := redisstore.WithNamespace(newNamespace())
	loads := newLoadCounter()
	s := open(t, redisstore.Connection{URL: proxy.URL()}, namespace, redisstore.WithClientCache(time.Hour), loads.option)
	if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		load := func() store.Record {
			t.Helper()
			rec, err := s.Load(t.Context(), key(1))
			if err != nil {
				t.Fatal(err)
			}
			return rec
		}
		load()
		before, counted := proxy.RoundTrips(), loads.counts(t)
		for range 100 {
			if rec := load(); rec.TTL > time.Hour || rec.TTL < time.Hour-10*time.Second || string(rec.State["a"]) != `1` {
				t.Fatalf("from the cache: %+v", rec)
			}
		}
		if n := proxy.RoundTrips() - before; n != 0 {
			t.Errorf("100 loads: %d round trips", n)
		}
		if now := loads.counts(t); now["hit"]-counted["hit"] != 100 || now["miss"] != counted["miss"] || now["bypass"] != counted["bypass"] {
			t.Errorf("the loads were counted as %v, before as %v", now, counted)
		}
		if err := s.Update(t.Context(), key(1), store.Change{Set: state("b", `2`)}); err != nil {
			t.Fatal(err)
		}
		load()
		// The first load after a write may have been too early for the cache.
		eventually(t, func() error {
			before := loads.counts(t)["hit"]
			load()
			if loads.counts(t)["hit"] == before {
				return errors.New("it is not in the cache")
			}
			return nil
		})
	}
}

// A client that keeps nothing says nothing of how old an answer is.
func TestWithAClientThatKeepsNothingTheTTLIsThatOfRedis(t *testing.T) {
	t.Parallel()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{shared.Get(t).Addr()}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s := redisstore.New(client, redisstore.WithNamespace(newNamespace()), redisstore.WithClientCache(10*time.Minute))
	if err := s.Create(t.Context(), key(1), record()); err != nil {
		t.Fatal(err)
	}
	if rec, err := s.Load(t.Context(), key(1)); err != nil || rec.TTL < time.Hour-time.Minute {
		t.Errorf("it lives for %s, error %v, want an hour", rec.TTL, err)
	}
}

// That there is no record is kept, too, until there is one.
func TestANearCacheKnowsWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for kind, near := range nears {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			proxy, loads := testserver.NewProxy(t, shared.Get(t).Addr()), newLoadCounter()
			namespace := redisstore.WithNamespace(newNamespace())
			s, _ := near(t, rueidis.ClientOption{InitAddress: []string{proxy.Addr()}}, namespace, redisstore.WithClientCache(time.Hour), loads.option)
			missing := func() {
				t.Helper()
				if _, err := s.Load(t.Context(), key(1)); !errors.Is(err, store.ErrNotFound) {
					t.Fatalf("load of nothing: %v", err)
				}
			}
			missing()
			before := proxy.RoundTrips()
			for range 10 {
				missing()
			}
			if n, counts := proxy.RoundTrips()-before, loads.counts(t); n != 0 || counts["hit"] != 10 || counts["miss"] != 1 {
				t.Errorf("%d round trips, the loads were counted as %v", n, counts)
			}
			other := redisstore.New(newClient(t, shared.Get(t).Addr()), namespace)
			if err := other.Create(t.Context(), key(1), record()); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() error { _, err := s.Load(t.Context(), key(1)); return err })
		})
	}
}

// A write, a deletion and a change of key by another instance are seen when the
// message of them arrives.
func TestAnotherInstanceSeesAWriteSoon(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	namespace := redisstore.WithNamespace(newNamespace())
	reader := open(t, redisstore.Connection{URL: server.URL()}, namespace, redisstore.WithClientCache(time.Hour))
	writer := open(t, redisstore.Connection{URL: server.URL()}, namespace, redisstore.WithClientCache(time.Hour))
	var longest time.Duration
	for n := range 200 {
		if err := writer.Create(t.Context(), key(n), record("a", `1`)); err != nil {
			t.Fatal(err)
		}
		if _, err := reader.Load(t.Context(), key(n)); err != nil {
			t.Fatal(err)
		}
		var err error
		fresh := func(rec store.Record, err error) bool { return errors.Is(err, store.ErrEnded) }
		switch n % 3 {
		case 0:
			err = writer.Update(t.Context(), key(n), store.Change{Set: state("a", `2`)})
			fresh = func(rec store.Record, err error) bool { return err == nil && string(rec.State["a"]) == `2` }
		case 1:
			err = writer.Delete(t.Context(), key(n))
		case 2:
			err = writer.ChangeKey(t.Context(), key(n), key(1000+n), store.Change{})
		}
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		eventually(t, func() error {
			if !fresh(reader.Load(t.Context(), key(n))) {
				return errors.New("it is not seen")
			}
			return nil
		})
		longest = max(longest, time.Since(began))
	}
	t.Logf("the slowest of 200 was seen after %s", longest)
}

// A connection that is lost takes its cache with it.
func TestANearCacheServesNothingOfALostConnection(t *testing.T) {
	t.Parallel()
	server := shared.Get(t)
	namespace := redisstore.WithNamespace(newNamespace())
	proxy := testserver.NewProxy(t, server.Addr())
	direct := open(t, redisstore.Connection{URL: server.URL()}, namespace)
	s := open(t, redisstore.Connection{URL: proxy.URL()}, namespace, redisstore.WithClientCache(time.Hour))
	if err := direct.Create(t.Context(), key(1), record()); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		rec, err := s.Load(t.Context(), key(1))
		if err != nil {
			t.Fatal(err)
		}
		proxy.Stall() // so that the message of the write does not arrive
		if err := direct.Update(t.Context(), key(1), store.Change{}); err != nil {
			t.Fatal(err)
		}
		proxy.Cut()
		proxy.Resume()
		eventually(t, func() error {
			again, err := s.Load(t.Context(), key(1))
			if err == nil && again.Version == rec.Version {
				err = errors.New("it is what was there before")
			}
			return err
		})
	}
}

// When the network is cut without a word, what is in the cache is served until
// its ttl is over, or the client has found out.
func TestANearCacheBehindASilentNetwork(t *testing.T) {
	t.Parallel()
	const ttl = time.Second
	server := shared.Get(t)
	namespace := redisstore.WithNamespace(newNamespace())
	proxy := testserver.NewProxy(t, server.Addr())
	direct := open(t, redisstore.Connection{URL: server.URL()}, namespace)
	s := open(t, redisstore.Connection{URL: proxy.URL(), IOTimeout: tooLate}, namespace, redisstore.WithClientCache(ttl))
	if err := direct.Create(t.Context(), key(1), record()); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	if _, err := s.Load(t.Context(), key(1)); err != nil {
		t.Fatal(err)
	}
	answered := time.Now()
	proxy.Stall()
	if err := direct.Delete(t.Context(), key(1)); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for over := false; !over; <-tick.C {
		over = time.Since(answered) > ttl
		ctx, cancel := context.WithTimeout(t.Context(), ttl/2)
		_, err := s.Load(ctx, key(1))
		cancel()
		switch {
		case errors.Is(err, store.ErrEnded):
			t.Fatal("nothing was held back")
		case err == nil && over:
			t.Errorf("a session that had ended was served after more than %s", ttl)
		case err != nil && time.Since(asked) < ttl:
			t.Errorf("it is not served from the cache any more after %s: %v", time.Since(asked), err)
		}
	}
	proxy.Resume()
	eventually(t, func() error {
		if _, err := s.Load(t.Context(), key(1)); !errors.Is(err, store.ErrEnded) {
			return fmt.Errorf("load: %w", err)
		}
		return nil
	})
}

// The notes of writes take no more memory than they may, and what there is no
// room for is read from Redis.
func TestANearCacheWithMoreWritesThanItHasRoomFor(t *testing.T) {
	t.Parallel()
	loads := newLoadCounter()
	s := open(t, redisstore.Connection{URL: shared.Get(t).URL()},
		redisstore.WithNamespace(newNamespace()), redisstore.WithClientCache(time.Hour), loads.option)
	var crowded []store.Key // in one shard
	for n := range redisstore.MaxNotes + 10 {
		crowded = append(crowded, store.Key{0, 0, byte(n), byte(n >> 8), 1})
	}
	for _, k := range crowded {
		s.Note(k)
	}
	if held := s.Notes(); held > redisstore.MaxNotes {
		t.Errorf("%d notes are held, want %d at most", held, redisstore.MaxNotes)
	}
	if err := s.Create(t.Context(), crowded[0], record()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.Load(t.Context(), crowded[0]); err != nil {
			t.Fatal(err)
		}
	}
	if got := loads.counts(t); got["bypass"] != 3 {
		t.Errorf("loads %v, want three that bypass the cache", got)
	}
}

// loadCounter reads what WithMeterProvider counts.
type loadCounter struct {
	reader *metric.ManualReader
	option redisstore.Option
}

func newLoadCounter() *loadCounter {
	reader := metric.NewManualReader()
	return &loadCounter{reader, redisstore.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))}
}

func (c *loadCounter) counts(t *testing.T) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := c.reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != "session.store.near_cache.loads" {
				t.Errorf("a metric %s", m.Name)
			}
			for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
				outcome, _ := point.Attributes.Value("outcome")
				counts[outcome.AsString()] = point.Value
			}
		}
	}
	return counts
}
