// Package testbackends gives the tests of other packages every backend of
// ours, each with what a test needs to do to it.
package testbackends

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

// Harness is one set of data of a backend, empty at first.
type Harness interface {
	// Open gives a new handle on the data, as another instance has it.
	Open(tb testing.TB) store.Backend
	// Advance makes every record and every mark older by d.
	Advance(tb testing.TB, d time.Duration)
}

// Each runs test against every backend, in parallel subtests named after them.
func Each(t *testing.T, test func(t *testing.T, h Harness)) {
	for name, newHarness := range map[string]func(testing.TB) Harness{
		"memory":   Memory,
		"redis":    Redis,
		"cluster":  Cluster,
		"postgres": Postgres,
		"mariadb":  MariaDB,
		"sqlite":   SQLite,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newHarness(t))
		})
	}
}

// Memory is a backend in memory whose clock only Advance moves.
func Memory(testing.TB) Harness {
	h := &memory{}
	h.now.Store(time.Now().UnixNano())
	h.store = memstore.New(memstore.WithClock(func() time.Time { return time.Unix(0, h.now.Load()) }))
	return h
}

type memory struct {
	store *memstore.Store
	now   atomic.Int64
}

func (h *memory) Open(testing.TB) store.Backend         { return h.store }
func (h *memory) Advance(_ testing.TB, d time.Duration) { h.now.Add(int64(d)) }
