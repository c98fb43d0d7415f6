package redisstore_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
	"github.com/fxsession/sessions/store/storetest"
)

func TestSlotsAreThoseOfRedis(t *testing.T) {
	t.Parallel()
	client := newClient(t, sharedCluster.Get(t).Addrs()...)
	for _, name := range []string{
		"", "foo", "123456789", "session:" + key(1).String(), "{", "}", "{}", "{}foo", "{foo}bar", "a{foo}b{bar}", "{{foo}}", "foo{bar", "foo}{bar}", "é",
	} {
		want, err := client.Do(t.Context(), client.B().ClusterKeyslot().Key(name).Build()).AsInt64()
		if got := redisstore.Slot(name); err != nil || int64(got) != want {
			t.Errorf("%q is in slot %d, error %v, want %d", name, got, err, want)
		}
	}
}

// keysInOneSlot gives two keys that share a slot in a namespace, and one that
// does not.
func keysInOneSlot(namespace string) (a, b, other store.Key) {
	a, other = key(0), key(1)
	for n := 2; ; n++ {
		if b = key(n); redisstore.Slot(namespace+b.String()) == redisstore.Slot(namespace+a.String()) {
			return a, b, other
		}
	}
}

// C6: where both keys share a slot, a change of key is one command. Else it is
// four, and one more for who is signed in.
func TestC6_WhatAChangeOfKeyCostsOnACluster(t *testing.T) {
	t.Parallel()
	c := sharedCluster.Get(t)
	proxies := make(map[string]*testserver.Proxy)
	for _, node := range c.Nodes {
		proxies[node.Addr()] = testserver.NewProxy(t, node.Addr())
	}
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: c.Addrs(), DisableCache: true,
		DialCtxFn: func(ctx context.Context, address string, dialer *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", proxies[address].Addr())
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	count := func() (n int64) {
		for _, p := range proxies {
			n += p.Commands()
		}
		return n
	}
	namespace := newNamespace()
	s := redisstore.New(client, redisstore.WithNamespace(namespace))
	a, b, other := keysInOneSlot(namespace)
	anonymous, signed := record("a", `1`), record("a", `1`)
	signed.Subject = "ada"
	short := store.Change{TTL: time.Hour}
	for round := range 2 { // the first time round, Redis gets to know the scripts
		for _, step := range []struct {
			name string
			want int64
			do   func() error
		}{
			{"create", 1, func() error { return s.Create(t.Context(), key(1000+round), anonymous) }},
			{"create where a mark is", 2, func() error { return s.Create(t.Context(), a, anonymous) }},
			{"change key within the slot", 1, func() error { return s.ChangeKey(t.Context(), a, b, store.Change{}) }},
			{"change key across slots", 4, func() error { return s.ChangeKey(t.Context(), b, other, store.Change{}) }},
			{"load", 1, func() error { _, err := s.Load(t.Context(), other); return err }},
			{"update", 1, func() error { return s.Update(t.Context(), other, store.Change{Set: state("b", `2`)}) }},
			{"delete", 1, func() error { return s.Delete(t.Context(), other) }},
			{"create with a subject", 2, func() error { return s.Create(t.Context(), a, signed) }},
			{"extend with a subject", 1, func() error { return s.Update(t.Context(), a, short) }},
			{"change key within the slot with a subject", 3, func() error { return s.ChangeKey(t.Context(), a, b, store.Change{}) }},
			{"change key across slots with a subject", 5, func() error { return s.ChangeKey(t.Context(), b, other, store.Change{}) }},
			{"delete with a subject", 1, func() error { return s.Delete(t.Context(), other) }},
		} {
			before := count()
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			if got := count() - before; round == 1 && got != step.want {
				t.Errorf("%s: %d commands, want %d", step.name, got, step.want)
			}
		}
	}
}

// A13: wherever a change of key between slots stops, the record is under the old
// key or under the new one, and never under both, nor under the old one once it
// was under the new one.
func TestA13_AChangeOfKeyThatStopsAtAnyStep(t *testing.T) {
	t.Parallel()
	c := sharedCluster.Get(t)
	admin := newClient(t, c.Addrs()...)
	for stop := int64(0); stop <= 5; stop++ {
		for _, answered := range []bool{false, true} {
			t.Run(fmt.Sprintf("after %d commands, answered %t", stop, answered), func(t *testing.T) {
				t.Parallel()
				namespace := redisstore.WithNamespace(newNamespace())
				from, to := key(0), key(1)
				rec := record("a", `1`)
				rec.Subject = "ada"
				whole := redisstore.New(admin, namespace)
				if err := whole.Create(t.Context(), from, rec); err != nil {
					t.Fatal(err)
				}
				failing := &failingClient{Client: admin, left: stop, answered: answered}
				err := redisstore.New(failing, namespace).ChangeKey(t.Context(), from, to, store.Change{Set: state("b", `2`)})
				if stop < 5 != (err != nil) {
					t.Errorf("change key that may use %d commands: %v", stop, err)
				}

				for range 2 { // whoever looks, and however often
					all, err := whole.ListBySubject(t.Context(), "ada")
					if err != nil || len(all) != 1 {
						t.Fatalf("%d sessions are listed, error %v", len(all), err)
					}
					atTo, errTo := whole.Load(t.Context(), to)
					atFrom, errFrom := whole.Load(t.Context(), from)
					switch {
					case errTo == nil && errors.Is(errFrom, store.ErrRenewed):
						if atTo.Version != 2 || string(atTo.State["b"]) != `2` || string(atTo.State["a"]) != `1` || atTo.TTL < time.Hour-time.Minute {
							t.Errorf("the new record is %+v", atTo)
						}
						if all[0].Key != to {
							t.Error("the list has the old key")
						}
					case errFrom == nil && errors.Is(errTo, store.ErrNotFound):
						if atFrom.Version != 1 || len(atFrom.State) != 1 || err == nil && stop == 5 {
							t.Errorf("the old record is %+v", atFrom)
						}
					default:
						t.Errorf("under the old key: %v, under the new one: %v", errFrom, errTo)
					}
				}
				// It goes on from there.
				left := from
				if _, err := whole.Load(t.Context(), to); err == nil {
					left = to
				}
				if err := whole.ChangeKey(t.Context(), left, key(2), store.Change{}); err != nil {
					t.Errorf("change key after it: %v", err)
				}
				if left == from {
					if err := whole.Create(t.Context(), to, record()); err != nil {
						t.Errorf("create where a move had begun: %v", err)
					}
				}
				if n, err := whole.DeleteBySubject(t.Context(), "ada"); n != 1 || err != nil {
					t.Errorf("delete by subject: %d, %v", n, err)
				}
			})
		}
	}
}

// failingClient lets some commands through, and then none: it does the next one
// and loses its answer, or does not even do that.
type failingClient struct {
	rueidis.Client
	left     int64
	answered bool // the command after the last is done
	done     atomic.Int64
}

var errFailing = errors.New("the connection is lost")

func (f *failingClient) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	n := f.done.Add(1)
	if n <= f.left {
		result := f.Client.Do(ctx, cmd)
		if refusal, ok := rueidis.IsRedisErr(result.Error()); ok && refusal.IsNoScript() {
			f.done.Add(-1)
		}
		return result
	}
	if n == f.left+1 && f.answered {
		_ = f.Client.Do(ctx, cmd)
	}
	return rueidis.NewErrorResult(errFailing)
}

// C10: histories on a cluster while slots move and masters change, in order, so
// that Redis loses nothing.
func TestC10_HistoriesWhileSlotsMoveAndMastersChange(t *testing.T) {
	t.Parallel()
	c := testserver.NewRedisCluster(t)
	storetest.Histories(t, func(tb testing.TB) storetest.Harness {
		return &harness{url: c.URL(), namespace: "session:", admin: newClient(tb, c.Addrs()...)}
	}, storetest.HistoryOptions{Disturb: func(tb testing.TB, h storetest.Harness) {
		c, names := c.For(tb), h.(*harness).names(tb)
		for _, name := range names[:min(len(names), 6)] {
			slot := int(redisstore.Slot(name))
			c.MoveSlot(slot, c.Master((slot+6000)%16384))
		}
		c.FailOver(0)
		c.Await()
	}})
}

// A master that is killed is replaced. What was answered before is there, and
// once the cluster is whole again nothing fails.
func TestAMasterOfAClusterIsKilled(t *testing.T) {
	t.Parallel()
	c := testserver.NewRedisCluster(t)
	backend := open(t, redisstore.Connection{URL: c.URL(), IOTimeout: time.Second})
	s := store.New(backend, store.WithTimeout(10*time.Second))
	const sessions = 60
	for n := range sessions {
		if err := s.Create(t.Context(), key(n), record("n", `0`)); err != nil {
			t.Fatal(err)
		}
	}
	for _, node := range c.Nodes[:3] { // what is written is with the replicas
		node.AwaitReplicas(1)
	}
	victim := c.Master(0)
	victim.Kill()
	// While it is gone, some fail, and say so.
	impatient := store.New(backend, store.WithTimeout(time.Second))
	var errs []error
	var mu sync.Mutex
	var all sync.WaitGroup
	for n := range sessions {
		all.Go(func() {
			if err := impatient.Update(t.Context(), key(n), store.Change{Set: state("during", `1`)}); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	all.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return !errors.Is(err, store.ErrUnavailable) }); i >= 0 {
		t.Errorf("an update failed with %v", errs[i])
	}
	c.Replaced(0, victim)
	victim.Start()
	c.Await()
	for n := range sessions {
		if _, err := s.Load(t.Context(), key(n)); err != nil {
			t.Errorf("load once the cluster is whole: %v", err)
		}
		if err := s.ChangeKey(t.Context(), key(n), key(1000+n), store.Change{Set: state("after", `1`)}); err != nil {
			t.Errorf("change key once the cluster is whole: %v", err)
		}
	}
}
