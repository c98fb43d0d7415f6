package session

import (
	"context"
	"encoding/json"
)

// Field is a state key with the type of its value, so that the compiler checks
// what is written and read. The zero Field names the empty key. It is safe
// for concurrent use; one is usually a package variable:
//
//	var cart = session.NewField[Cart]("cart")
type Field[T any] struct{ key string }

// NewField names the state key of a Field.
func NewField[T any](key string) Field[T] { return Field[T]{key} }

// Get returns the value and whether there is one; the zero T if there is none.
// Its errors are those of [Session.Get].
func (f Field[T]) Get(ctx context.Context, s State) (T, bool, error) {
	var v T
	text, ok, _, err := s.peek(ctx, f.key)
	if err != nil || !ok {
		return v, false, err
	}
	return f.decode(s, text)
}

// decode and Set look for the plain values themselves, so that these are never
// handed to encoding/json, for which they would have to be on the heap.
func (f Field[T]) decode(s State, text json.RawMessage) (T, bool, error) {
	var v T
	if readPlain(text, &v) {
		return v, true, nil
	}
	return f.decodeJSON(s, text)
}

func (f Field[T]) decodeJSON(s State, text json.RawMessage) (v T, ok bool, err error) {
	if json.Unmarshal(text, &v) != nil {
		var zero T
		return zero, false, valueError(s.side(), f.key, "decode", &zero)
	}
	return v, true, nil
}

// Set writes the value. Its errors are those of [Session.Set].
func (f Field[T]) Set(ctx context.Context, s State, v T) error {
	if text, ok := appendPlain(v); ok {
		return s.put(ctx, f.key, text)
	}
	return set(ctx, s, f.key, v)
}

// Pop returns the value and removes it.
func (f Field[T]) Pop(ctx context.Context, s State) (v T, ok bool, err error) {
	ok, err = pop(ctx, s, f.key, &v)
	return v, ok, err
}

// Remove deletes the value, if there is one.
func (f Field[T]) Remove(ctx context.Context, s State) error { return s.Remove(ctx, f.key) }

// Update replaces the value by what fn makes of it, the zero T where there is
// none. On the server state it is a true read-modify-write: when another
// request has changed the record before this one is saved, the save loads it
// and runs fn again, until store.timeout. So fn may run more than once, the
// outcome is final after the save or a Sync, and fn must depend on nothing but
// its argument; it may read the session but must neither save it nor write the
// response. When fn returns an error, nothing is changed and the error is
// returned, by Update or by the save.
func (f Field[T]) Update(ctx context.Context, s State, fn func(T) (T, error)) error {
	if fn == nil {
		return errNilUpdate
	}
	return s.update(ctx, f.key, func(text json.RawMessage, ok bool) (json.RawMessage, error) {
		var v T
		if ok {
			var err error
			if v, _, err = f.decode(s, text); err != nil {
				return nil, err
			}
		}
		next, err := fn(v)
		if err != nil {
			return nil, err
		}
		return encode(s.side(), f.key, next)
	})
}
