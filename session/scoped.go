package session

import (
	"context"
	"errors"
	"fmt"
)

// Scoped is a value that is made when a request first asks for it, and at most
// once per request:
//
//	currentUser := session.NewScoped(func(ctx context.Context, s *session.Session) (User, error) {
//		id, err := s.Subject(ctx)
//		if err != nil {
//			return User{}, err
//		}
//		return users.Find(ctx, id)
//	})
//
//	user, err := currentUser.Get(r.Context(), s)
//
// It is kept with the session of the request. If its constructor needs
// something from the application, make the Scoped where that is available, and
// pass it on. It is safe for concurrent use.
type Scoped[T any] struct {
	construct func(context.Context, *Session) (T, error)
}

// NewScoped makes a Scoped with a constructor. Two Scoped are two values, even
// with the same constructor.
func NewScoped[T any](construct func(context.Context, *Session) (T, error)) *Scoped[T] {
	return &Scoped[T]{construct}
}

// What Scoped.Get returns of its own.
var (
	errNoConstructor = errors.New("session: scoped value: its constructor is nil")
	errOwnValue      = errors.New("session: scoped value: its constructor asks for the value that it is making")
	errPanicked      = errors.New("session: scoped value: its constructor panicked")
)

// Get returns the value for the request of s. The first call runs the
// constructor, with that call's ctx; all others wait for it, until their own ctx
// ends, and get the same result, including an error. Other errors are
// ErrNotInstalled and ErrClosed.
//
// A constructor may ask for other values with the ctx that it is given, but not
// in a circle: asking so for the value that it is making is an error. A circle
// that several goroutines enter at once, or with other contexts, is left only
// when one of those ends.
func (v *Scoped[T]) Get(ctx context.Context, s *Session) (T, error) {
	var none T
	if v == nil || v.construct == nil {
		return none, errNoConstructor
	}
	var fresh *scoped[T]
	kept, err := s.keep(v, func() any {
		fresh = &scoped[T]{done: make(chan struct{}), err: errPanicked}
		return fresh
	})
	if err != nil {
		return none, err
	}
	value := kept.(*scoped[T])
	if fresh != nil {
		defer close(value.done)
		value.value, value.err = v.construct(context.WithValue(ctx, value, true), s)
		return value.value, value.err
	}
	if ctx.Value(value) != nil {
		return none, errOwnValue
	}
	select {
	case <-value.done:
		return value.value, value.err
	default:
	}
	select {
	case <-value.done:
		return value.value, value.err
	case <-ctx.Done():
		return none, fmt.Errorf("session: scoped value: wait for its constructor: %w", ctx.Err())
	}
}

// scoped is what a Scoped has made for one request, once it is done.
type scoped[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// keep gives what the request keeps under key, which is what fresh gives when
// there is nothing yet. It does not touch the session.
func (s *Session) keep(key any, fresh func() any) (any, error) {
	if !s.installed() {
		return nil, ErrNotInstalled
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	kept, ok := s.scoped[key]
	if !ok {
		if s.scoped == nil {
			s.scoped = map[any]any{}
		}
		kept = fresh()
		s.scoped[key] = kept
	}
	return kept, nil
}
