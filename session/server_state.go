package session

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/fxsession/sessions/store"
)

// Get decodes the value under key into what v points to and reports whether
// there is one. v is untouched when there is none, or on an error. The error
// is a *ValueError when the value does not fit, or v is not a non-nil pointer.
func (s *Session) Get(ctx context.Context, key string, v any) (bool, error) {
	return get(ctx, s, key, v)
}

// Set writes v under key. It needs no load. The error is a *ValueError when
// JSON refuses v, ErrInvalid of package store when key cannot be a state key
// ([store.CheckStateKey], and __session is the session's own),
// ErrInvalidated, ErrResponseStarted when there is no record yet and the
// cookie can no longer be sent, or ErrEnded of package store when it cannot and
// another request has ended the session.
func (s *Session) Set(ctx context.Context, key string, v any) error { return set(ctx, s, key, v) }

// Pop is Get and, when there is a value that fits, Remove.
func (s *Session) Pop(ctx context.Context, key string, v any) (bool, error) {
	return pop(ctx, s, key, v)
}

// GetRaw is Get without decoding. The bytes are the caller's own.
func (s *Session) GetRaw(ctx context.Context, key string) (json.RawMessage, bool, error) {
	text, ok, _, err := s.peek(ctx, key)
	return bytes.Clone(text), ok, err
}

func (s *Session) lookup(ctx context.Context, key string) (json.RawMessage, bool, error) {
	s.used = true
	text, ok, settled := s.server.lookup(key)
	if settled {
		return text, ok, nil
	}
	if err := s.load(ctx); err != nil {
		return nil, false, err
	}
	text, ok, _ = s.server.lookup(key)
	return text, ok, nil
}

// SetRaw is Set for a value that is a JSON text already; it is kept byte for
// byte.
func (s *Session) SetRaw(ctx context.Context, key string, text json.RawMessage) error {
	return setRaw(ctx, s, key, text)
}

func (s *Session) put(_ context.Context, key string, text json.RawMessage) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return s.write(false, func() error {
		s.forget(key)
		s.server.put(key, text)
		s.changed()
		return nil
	})
}

// forget drops the updates of key: an absolute write has overtaken them.
func (s *Session) forget(key string) {
	kept := s.updates[:0]
	for _, u := range s.updates {
		if u.key != key {
			kept = append(kept, u)
		}
	}
	s.updates = kept
}

// PopRaw is Pop without decoding.
func (s *Session) PopRaw(ctx context.Context, key string) (json.RawMessage, bool, error) {
	return popRaw(ctx, s, key)
}

func (s *Session) peek(ctx context.Context, key string) (text json.RawMessage, ok bool, edits uint64, err error) {
	if err := s.lock(); err != nil {
		return nil, false, 0, err
	}
	defer s.unlock()
	text, ok, err = s.lookup(ctx, key)
	return text, ok, s.edits, err
}

// checkKey says whether an application may write under key.
func checkKey(key string) error {
	if key == visitKey {
		return errReserved
	}
	return store.CheckStateKey(key)
}

// errReserved is for the one state key that is not an application's.
var errReserved = fmt.Errorf("%w: the state key %q is taken by the session itself", store.ErrInvalid, visitKey)

func (s *Session) removeIf(key string, edits uint64) error {
	return s.write(false, func() error {
		if s.edits != edits {
			return errOvertaken
		}
		s.forget(key)
		s.server.remove(key)
		s.changed()
		return nil
	})
}

// Remove deletes the value under key, if there is one. It needs no load. The
// errors are those of Set, but for the *ValueError.
func (s *Session) Remove(_ context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return s.write(false, func() error {
		s.forget(key)
		s.server.remove(key)
		s.changed()
		return nil
	})
}

// Clear empties the server state and keeps the record, with its subject. It
// needs no load. The errors are ErrInvalidated, ErrResponseStarted and ErrEnded, as for Set.
func (s *Session) Clear(context.Context) error {
	return s.write(false, func() error {
		s.updates = nil
		s.server.clear()
		s.changed()
		return nil
	})
}

// IsEmpty reports whether the server state holds no value.
func (s *Session) IsEmpty(ctx context.Context) (bool, error) {
	keys, err := s.Keys(ctx)
	return err == nil && len(keys) == 0, err
}

// Keys lists the state keys of the server state in order.
func (s *Session) Keys(ctx context.Context) ([]string, error) {
	if err := s.lock(); err != nil {
		return nil, err
	}
	defer s.unlock()
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	return s.server.keys(), nil
}

// Load loads the record now, for a handler that wants to know early whether
// the store can be reached. Reads do it by themselves. What is loaded stays so:
// only [Field.Update] loads again, where others may have written.
func (s *Session) Load(ctx context.Context) error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.unlock()
	return s.load(ctx)
}
