package storetest

import (
	"context"
	"testing"

	"github.com/fxsession/sessions/store"
)

// Benchmark measures each operation of a backend, through a
// [store.SessionStore], on sessions of five keys.
func Benchmark(b *testing.B, newHarness func(tb testing.TB) Harness) {
	rec := record("user", `{"id":42,"name":"someone"}`, "cart", `[101,202,303]`, "theme", `"dark"`,
		"csrf", `"0123456789abcdef"`, "seen", `1700000000`)
	rec.Subject = "user-42"
	change := store.Change{Set: state("seen", `1700000001`)}

	for _, bench := range []struct {
		name   string
		before func(n int) int // how many records there must be before n operations
		op     func(ctx context.Context, s *store.SessionStore, i int) error
	}{
		{"create", none, func(ctx context.Context, s *store.SessionStore, i int) error {
			return s.Create(ctx, newKey(i), rec)
		}},
		{"load", one, func(ctx context.Context, s *store.SessionStore, _ int) error {
			_, err := s.Load(ctx, newKey(0))
			return err
		}},
		{"update", one, func(ctx context.Context, s *store.SessionStore, _ int) error {
			return s.Update(ctx, newKey(0), change)
		}},
		{"change key", one, func(ctx context.Context, s *store.SessionStore, i int) error {
			return s.ChangeKey(ctx, newKey(i), newKey(i+1), change)
		}},
		{"delete", each, func(ctx context.Context, s *store.SessionStore, i int) error {
			return s.Delete(ctx, newKey(i))
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			ctx, s := b.Context(), store.New(newHarness(b).Open(b))
			for i := range bench.before(b.N) {
				if err := s.Create(ctx, newKey(i), rec); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if err := bench.op(ctx, s, i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func none(int) int   { return 0 }
func one(int) int    { return 1 }
func each(n int) int { return n }
