package sessiontest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

// Backend keeps sessions in memory, by a clock that stands still until the test
// moves it, and fails when the test says so. It is safe for concurrent use. In
// an fx application it takes the place of any other, with its clock:
//
//	fx.Replace(fx.Annotate(backend, fx.As(new(store.Backend)))),
//	fx.Supply(fxsession.Clock(backend.Now)),
type Backend struct {
	memory *memstore.Store

	mu  sync.Mutex
	now time.Time
	err error
	ops []Op
}

var (
	_ store.Backend      = (*Backend)(nil)
	_ store.Pinger       = (*Backend)(nil)
	_ store.SubjectIndex = (*Backend)(nil)
)

// Op is an operation of a store.Backend, for [Backend.Fail].
type Op string

// The operations that can fail.
const (
	Create    Op = "create"
	Load      Op = "load"
	Update    Op = "update"
	ChangeKey Op = "change key"
	Delete    Op = "delete"
	// DeleteExpired is what the sweeper does.
	DeleteExpired Op = "delete expired"
	// Subjects is listing and deleting the sessions of a subject.
	Subjects Op = "subjects"
	// Ping is what readiness asks.
	Ping Op = "ping"
)

// NewBackend makes a Backend without sessions. Its clock stands at the
// present time.
func NewBackend() *Backend {
	b := &Backend{now: time.Now().Truncate(time.Millisecond)}
	b.memory = memstore.New(memstore.WithClock(b.Now))
	return b
}

// Now is the time of the clock, to the millisecond.
func (b *Backend) Now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// Advance lets d pass, for the records and for every Manager that has Now for
// its clock.
func (b *Backend) Advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// Fail makes the operations named return err, all of them when none is named,
// and do nothing. nil heals. Any error that is not one of package store counts
// as the store being away.
func (b *Backend) Fail(err error, ops ...Op) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err, b.ops = err, ops
}

func (b *Backend) failing(op Op) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ops) == 0 || slices.Contains(b.ops, op) {
		return b.err
	}
	return nil
}

// Create implements [store.Backend].
func (b *Backend) Create(ctx context.Context, key store.Key, rec store.Record) error {
	if err := b.failing(Create); err != nil {
		return err
	}
	return b.memory.Create(ctx, key, rec)
}

// Load implements [store.Backend].
func (b *Backend) Load(ctx context.Context, key store.Key) (store.Record, error) {
	if err := b.failing(Load); err != nil {
		return store.Record{}, err
	}
	return b.memory.Load(ctx, key)
}

// Update implements [store.Backend].
func (b *Backend) Update(ctx context.Context, key store.Key, ch store.Change) error {
	if err := b.failing(Update); err != nil {
		return err
	}
	return b.memory.Update(ctx, key, ch)
}

// ChangeKey implements [store.Backend].
func (b *Backend) ChangeKey(ctx context.Context, from, to store.Key, ch store.Change) error {
	if err := b.failing(ChangeKey); err != nil {
		return err
	}
	return b.memory.ChangeKey(ctx, from, to, ch)
}

// Delete implements [store.Backend].
func (b *Backend) Delete(ctx context.Context, key store.Key) error {
	if err := b.failing(Delete); err != nil {
		return err
	}
	return b.memory.Delete(ctx, key)
}

// DeleteExpired implements [store.Backend].
func (b *Backend) DeleteExpired(ctx context.Context, limit int) (int, error) {
	if err := b.failing(DeleteExpired); err != nil {
		return 0, err
	}
	return b.memory.DeleteExpired(ctx, limit)
}

// ListBySubject implements [store.SubjectIndex].
func (b *Backend) ListBySubject(ctx context.Context, subject string) ([]store.Entry, error) {
	if err := b.failing(Subjects); err != nil {
		return nil, err
	}
	return b.memory.ListBySubject(ctx, subject)
}

// DeleteBySubject implements [store.SubjectIndex].
func (b *Backend) DeleteBySubject(ctx context.Context, subject string, except ...store.Key) (int, error) {
	if err := b.failing(Subjects); err != nil {
		return 0, err
	}
	return b.memory.DeleteBySubject(ctx, subject, except...)
}

// Ping implements [store.Pinger].
func (b *Backend) Ping(context.Context) error { return b.failing(Ping) }
