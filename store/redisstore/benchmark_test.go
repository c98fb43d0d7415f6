package redisstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
	"github.com/fxsession/sessions/store/storetest"
)

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(tb testing.TB) storetest.Harness {
		server := shared.Get(tb)
		return &harness{url: server.URL(), namespace: newNamespace(), admin: newClient(tb, server.Addr())}
	})
}

// BenchmarkBesideTheClient measures a load and an update beside what the client
// alone takes to read a text of the same length and to run a script that writes
// a field, for contexts that can end as those of requests do, from 16
// goroutines.
func BenchmarkBesideTheClient(b *testing.B) {
	server := testserver.Redis(b)
	client := newClient(b, server.Addr())
	s := store.New(open(b, redisstore.Connection{URL: server.URL()}))
	rec := record("user", `{"id":42,"name":"someone"}`, "cart", `[101,202,303]`, "theme", `"dark"`,
		"csrf", `"0123456789abcdef"`, "seen", `1700000000`)
	if err := s.Create(b.Context(), key(1), rec); err != nil {
		b.Fatal(err)
	}
	var text string
	for key, value := range rec.State {
		text += key + string(value)
	}
	command(b, client, "SET", "text", text)
	script := rueidis.NewLuaScript("return redis.call('SET', KEYS[1], ARGV[1])")
	change := store.Change{Set: state("seen", `1700000001`)}
	for _, bench := range []struct {
		name string
		op   func(ctx context.Context) error
	}{
		{"client GET", func(ctx context.Context) error { return client.Do(ctx, client.B().Get().Key("text").Build()).Error() }},
		{"client EVALSHA", func(ctx context.Context) error {
			return script.Exec(ctx, client, []string{"text"}, []string{text}).Error()
		}},
		{"load", func(ctx context.Context) error { _, err := s.Load(ctx, key(1)); return err }},
		{"update", func(ctx context.Context) error { return s.Update(ctx, key(1), change) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			b.ReportAllocs()
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := bench.op(ctx); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkNearCache measures a load of a record that is there.
func BenchmarkNearCache(b *testing.B) {
	server := testserver.Redis(b)
	for kind, near := range nears {
		b.Run(kind, func(b *testing.B) {
			s, _ := near(b, rueidis.ClientOption{InitAddress: []string{server.Addr()}},
				redisstore.WithNamespace(newNamespace()), redisstore.WithClientCache(time.Hour))
			rec := record("user", `{"id":42,"name":"someone"}`, "cart", `[101,202,303]`, "theme", `"dark"`,
				"csrf", `"0123456789abcdef"`, "seen", `1700000000`)
			if err := s.Create(b.Context(), key(1), rec); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Load(b.Context(), key(1)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
