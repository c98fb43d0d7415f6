package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
	"github.com/fxsession/sessions/store/storetest"
)

func TestConformanceThroughSentinel(t *testing.T) {
	t.Parallel()
	sentinel := testserver.NewRedisSentinel(t)
	newHarness := func(tb testing.TB) storetest.Harness {
		return &harness{url: sentinel.URL(), namespace: newNamespace(), admin: newClient(tb, sentinel.Master().Addr())}
	}
	harnesses := map[string]func(testing.TB) storetest.Harness{"plain": newHarness}
	for kind, near := range nears {
		harnesses["near cache "+kind] = func(tb testing.TB) storetest.Harness {
			o := rueidis.ClientOption{InitAddress: []string{sentinel.Sentinels[0].Addr()}}
			o.Sentinel.MasterSet = testserver.SentinelMaster
			return newNearHarness(tb, near, o, sentinel.Master().Addr())
		}
	}
	for name, newHarness := range harnesses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, newHarness)
			storetest.Histories(t, newHarness, storetest.HistoryOptions{})
		})
	}
}

// The master is killed under load. What was answered is there, whatever was
// answered with an error is whole or not there, and it heals by itself.
func TestAMasterUnderSentinelsIsKilledUnderLoad(t *testing.T) {
	t.Parallel()
	sentinel := testserver.NewRedisSentinel(t)
	const timeout = time.Second
	s := store.New(open(t, redisstore.Connection{URL: sentinel.URL(), IOTimeout: timeout}), store.WithTimeout(timeout))
	for n := range 8 {
		if err := s.Create(t.Context(), key(n), record()); err != nil {
			t.Fatal(err)
		}
	}
	victim := sentinel.Master()

	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	defer writers.Wait()
	defer stop()
	acknowledged := make([]map[string]bool, 8)
	var killed sync.RWMutex
	for n := range acknowledged {
		acknowledged[n] = map[string]bool{}
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				field := fmt.Sprint("field-", i)
				killed.RLock()
				err := s.Update(context.WithoutCancel(ctx), key(n), store.Change{Set: state(field, `1`), TTL: time.Hour})
				if err == nil {
					acknowledged[n][field] = true
				}
				killed.RUnlock()
				if err != nil && !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("update: %v", err)
				}
			}
		})
	}
	killed.Lock() // no write is under way: what was answered is with the replicas
	victim.AwaitReplicas(2)
	victim.Kill()
	killed.Unlock()
	sentinel.Replaced(victim)
	eventually(t, func() error { return s.Update(t.Context(), key(0), store.Change{}) })
	victim.Start()
	sentinel.Await()
	stop()
	writers.Wait()

	for n, fields := range acknowledged {
		rec, err := s.Load(t.Context(), key(n))
		if err != nil {
			t.Errorf("load: %v", err)
		}
		for field := range fields {
			if _, ok := rec.State[field]; !ok {
				t.Errorf("%s of session %d was answered, and is gone", field, n)
			}
		}
	}
}

func TestASentinelThatKnowsNoSuchMaster(t *testing.T) {
	t.Parallel()
	_, err := redisstore.Open(t.Context(), redisstore.Connection{
		URL:         shared.Get(t).URL() + "?master_set=nobody",
		DialTimeout: time.Second,
	})
	if err == nil {
		t.Error("open at a server that is no sentinel: no error")
	}
}

// Sentinels may want a user and a password of their own.
func TestSentinelsWithPasswords(t *testing.T) {
	t.Parallel()
	sentinel := testserver.NewRedisSentinel(t)
	for _, one := range sentinel.Sentinels {
		for _, words := range [][]string{
			{"ACL", "SETUSER", "watcher", "on", ">hush1", "allcommands", "allchannels"},
			{"SENTINEL", "CONFIG", "SET", "sentinel-user", "watcher"}, // what they tell each other
			{"SENTINEL", "CONFIG", "SET", "sentinel-pass", "hush1"},
			{"ACL", "SETUSER", "default", "resetpass", ">hush2"}, // as requirepass does
		} {
			if _, err := one.Command(words...); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]redisstore.Connection{
		"user and password": {SentinelUsername: "watcher", SentinelPassword: "hush1"},
		"password":          {SentinelPassword: "hush2"},
	} {
		c.URL = sentinel.URL()
		if err := open(t, c, redisstore.WithNamespace(newNamespace())).Create(t.Context(), key(1), record()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A user of the servers needs the rights of docs/redis.md.
	for _, node := range sentinel.Nodes {
		if _, err := node.Command(append([]string{"ACL", "SETUSER", "app"}, strings.Fields(rightsOfAUser+" +role")...)...); err != nil {
			t.Fatal(err)
		}
	}
	few := open(t, redisstore.Connection{URL: sentinel.URL(), SentinelPassword: "hush2", Username: "app", Password: "secret"})
	if err := few.Create(t.Context(), key(1), record()); err != nil {
		t.Errorf("with few rights: %v", err)
	}
	for name, c := range map[string]redisstore.Connection{
		"none":             {},
		"the wrong one":    {SentinelPassword: "hush1"},
		"that of a server": {Password: "hush2"},
	} {
		c.URL, c.DialTimeout = sentinel.URL(), time.Second
		s, err := redisstore.Open(t.Context(), c)
		if err == nil {
			_ = s.Close()
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the password is in the error", name)
		}
	}
}
