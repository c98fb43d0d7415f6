package fxsession

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/fxsession/sessions/store"
)

// opened is a Backend with a connection of its own.
type opened interface {
	store.Backend
	store.Pinger
	store.SubjectIndex
	Close() error
}

// lazyBackend is a Backend that is opened by the first call, which is the one
// that asks at start whether the store is ready. A constructor could not open
// it: it has no context to bound that, and nobody closes what it has opened when
// another constructor fails.
type lazyBackend struct {
	open   func(context.Context) (opened, error)
	opened atomic.Pointer[opened]
	turn   chan struct{} // held while it is opened or closed
	closed bool          // guarded by turn
}

var (
	_ opened         = (*lazyBackend)(nil)
	_ store.Migrator = (*lazyBackend)(nil)
)

func newLazyBackend(open func(context.Context) (opened, error)) *lazyBackend {
	return &lazyBackend{open: open, turn: make(chan struct{}, 1)}
}

var errClosed = errors.New("the store is closed")

// backend gives the open Backend.
func (b *lazyBackend) backend(ctx context.Context) (opened, error) {
	if o := b.opened.Load(); o != nil {
		return *o, nil
	}
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b.closed {
		return nil, errClosed
	}
	if o := b.opened.Load(); o != nil {
		return *o, nil
	}
	o, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	b.opened.Store(&o)
	return o, nil
}

func (b *lazyBackend) Create(ctx context.Context, key store.Key, rec store.Record) error {
	o, err := b.backend(ctx)
	if err != nil {
		return err
	}
	return o.Create(ctx, key, rec)
}

func (b *lazyBackend) Load(ctx context.Context, key store.Key) (store.Record, error) {
	o, err := b.backend(ctx)
	if err != nil {
		return store.Record{}, err
	}
	return o.Load(ctx, key)
}

func (b *lazyBackend) Update(ctx context.Context, key store.Key, ch store.Change) error {
	o, err := b.backend(ctx)
	if err != nil {
		return err
	}
	return o.Update(ctx, key, ch)
}

func (b *lazyBackend) ChangeKey(ctx context.Context, from, to store.Key, ch store.Change) error {
	o, err := b.backend(ctx)
	if err != nil {
		return err
	}
	return o.ChangeKey(ctx, from, to, ch)
}

func (b *lazyBackend) Delete(ctx context.Context, key store.Key) error {
	o, err := b.backend(ctx)
	if err != nil {
		return err
	}
	return o.Delete(ctx, key)
}

func (b *lazyBackend) DeleteExpired(ctx context.Context, limit int) (int, error) {
	o, err := b.backend(ctx)
	if err != nil {
		return 0, err
	}
	return o.DeleteExpired(ctx, limit)
}

func (b *lazyBackend) ListBySubject(ctx context.Context, subject string) ([]store.Entry, error) {
	o, err := b.backend(ctx)
	if err != nil {
		return nil, err
	}
	return o.ListBySubject(ctx, subject)
}

func (b *lazyBackend) DeleteBySubject(ctx context.Context, subject string, except ...store.Key) (int, error) {
	o, err := b.backend(ctx)
	if err != nil {
		return 0, err
	}
	return o.DeleteBySubject(ctx, subject, except...)
}

func (b *lazyBackend) Ping(ctx context.Context) error {
	o, err := b.backend(ctx)
	if err != nil {
		return err
	}
	return o.Ping(ctx)
}

// Migrate does nothing where there is no schema.
func (b *lazyBackend) Migrate(ctx context.Context) error {
	o, err := b.backend(ctx)
	if err != nil {
		return err
	}
	if m, ok := o.(store.Migrator); ok {
		return m.Migrate(ctx)
	}
	return nil
}

// Close closes the connection, if there is one; again is fine.
func (b *lazyBackend) Close() error {
	b.turn <- struct{}{}
	defer func() { <-b.turn }()
	b.closed = true
	if o := b.opened.Swap(nil); o != nil {
		return (*o).Close()
	}
	return nil
}
