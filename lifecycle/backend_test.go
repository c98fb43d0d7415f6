package lifecycle_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fxsession/sessions/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errRefused = errors.New("connection refused")

// backend is a store.Backend that notes what is asked of it. What a field
// does not answer succeeds.
type backend struct {
	store.Backend // nil: nothing here writes a record

	load          func(ctx context.Context) error // found by its error; nil: there is no such record
	ping          func(ctx context.Context) error
	migrate       func(ctx context.Context) error
	deleteExpired func(ctx context.Context, limit int) (int, error)
	close         func() error

	mu    sync.Mutex
	calls []call
}

type call struct {
	op string
	at time.Time
}

func (b *backend) note(op string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, call{op, time.Now()})
}

// ops gives what was asked, in order.
func (b *backend) ops() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	ops := make([]string, len(b.calls))
	for i, c := range b.calls {
		ops[i] = c.op
	}
	return ops
}

// times gives when op was asked.
func (b *backend) times(op string) []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	var times []time.Time
	for _, c := range b.calls {
		if c.op == op {
			times = append(times, c.at)
		}
	}
	return times
}

func (b *backend) Load(ctx context.Context, _ store.Key) (store.Record, error) {
	b.note("load")
	if b.load == nil {
		return store.Record{}, store.ErrNotFound
	}
	return store.Record{}, b.load(ctx)
}

func (b *backend) Ping(ctx context.Context) error {
	b.note("ping")
	if b.ping == nil {
		return nil
	}
	return b.ping(ctx)
}

func (b *backend) Migrate(ctx context.Context) error {
	b.note("migrate")
	if b.migrate == nil {
		return nil
	}
	return b.migrate(ctx)
}

func (b *backend) DeleteExpired(ctx context.Context, limit int) (int, error) {
	b.note("delete expired")
	if b.deleteExpired == nil {
		return 0, nil
	}
	return b.deleteExpired(ctx, limit)
}

func (b *backend) Close() error {
	b.note("close")
	if b.close == nil {
		return nil
	}
	return b.close()
}
