package session

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"

	"github.com/fxsession/sessions/internal/statecodec"
	"github.com/fxsession/sessions/store"
)

// Client is the client state of a session: JSON values that travel in the
// sealed cookie, so that reading them costs no call to the store. It is bounded
// by the 4096 bytes of a cookie, and a client that keeps an old cookie can
// present an old client state until that cookie expires: store nothing in it
// that must not come back.
//
// The methods do what those of [Session] do, and are safe for concurrent use.
// Writes return ErrResponseStarted once the headers have been sent,
// ErrCookieTooLarge if the cookie would not fit, and ErrEncryptionRequired if
// cookies are only signed.
type Client struct{ s *Session }

// Get decodes the value under key into what v points to and reports whether
// there is one.
func (c Client) Get(ctx context.Context, key string, v any) (bool, error) {
	return get(ctx, c, key, v)
}

// Set writes v under key.
func (c Client) Set(ctx context.Context, key string, v any) error { return set(ctx, c, key, v) }

// Pop is Get and, when there is a value that fits, Remove.
func (c Client) Pop(ctx context.Context, key string, v any) (bool, error) {
	return pop(ctx, c, key, v)
}

// GetRaw is Get without decoding. The bytes are the caller's own.
func (c Client) GetRaw(ctx context.Context, key string) (json.RawMessage, bool, error) {
	text, ok, _, err := c.peek(ctx, key)
	return bytes.Clone(text), ok, err
}

func (c Client) peek(_ context.Context, key string) (text json.RawMessage, ok bool, edits uint64, err error) {
	if err := c.s.lock(); err != nil {
		return nil, false, 0, err
	}
	defer c.s.unlock()
	c.s.used = true
	text, ok, _ = c.s.client.lookup(key)
	return text, ok, c.s.edits, nil
}

// SetRaw is Set for a value that is a JSON text already.
func (c Client) SetRaw(ctx context.Context, key string, text json.RawMessage) error {
	return setRaw(ctx, c, key, text)
}

func (c Client) put(_ context.Context, key string, text json.RawMessage) error {
	if err := store.CheckStateKey(key); err != nil {
		return err
	}
	return c.write(func(b *bag) error { return c.place(b, key, text) })
}

// place puts the value under key if the cookie can hold it.
func (c Client) place(b *bag, key string, text json.RawMessage) error {
	if c.s.m.signed {
		return ErrEncryptionRequired
	}
	next := *b
	next.set = maps.Clone(b.set)
	next.removed = maps.Clone(b.removed)
	next.put(key, text)
	if !c.s.m.fits(statecodec.Size(next.state())) {
		return ErrCookieTooLarge
	}
	*b = next
	return nil
}

// write makes a change on the client side.
func (c Client) write(do func(*bag) error) error {
	return c.s.write(true, func() error {
		err := do(&c.s.client)
		if err == nil {
			c.s.changed()
		}
		return err
	})
}

// PopRaw is Pop without decoding.
func (c Client) PopRaw(ctx context.Context, key string) (json.RawMessage, bool, error) {
	return popRaw(ctx, c, key)
}

func (c Client) removeIf(key string, edits uint64) error {
	return c.write(func(b *bag) error {
		if c.s.edits != edits {
			return errOvertaken
		}
		b.remove(key)
		return nil
	})
}

// Remove deletes the value under key, if there is one.
func (c Client) Remove(_ context.Context, key string) error {
	if err := store.CheckStateKey(key); err != nil {
		return err
	}
	return c.write(func(b *bag) error {
		b.remove(key)
		return nil
	})
}

// Clear empties the client state.
func (c Client) Clear(context.Context) error {
	return c.write(func(b *bag) error {
		b.clear()
		return nil
	})
}

// IsEmpty reports whether the client state holds no value.
func (c Client) IsEmpty(ctx context.Context) (bool, error) {
	keys, err := c.Keys(ctx)
	return err == nil && len(keys) == 0, err
}

// Keys lists the state keys of the client state in order.
func (c Client) Keys(context.Context) ([]string, error) {
	if err := c.s.lock(); err != nil {
		return nil, err
	}
	defer c.s.unlock()
	c.s.used = true
	return c.s.client.keys(), nil
}

// Format writes "client state" for every verb, and nothing of what it holds.
func (Client) Format(f fmt.State, _ rune) { io.WriteString(f, "client state") }
