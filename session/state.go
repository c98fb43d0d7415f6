package session

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"unicode/utf8"

	"github.com/fxsession/sessions/store"
)

// State is either side of a session: a [*Session] is its server state, a
// [Client] its client state. A [Field] works on both.
type State interface {
	side() side
	put(ctx context.Context, key string, text json.RawMessage) error
	// peek gives the JSON text under key, not to be changed, and the count of the
	// session's edits.
	peek(ctx context.Context, key string) (text json.RawMessage, ok bool, edits uint64, err error)
	// removeIf is Remove, with errOvertaken when there were edits since.
	removeIf(key string, edits uint64) error
	// Remove deletes the value under key, if there is one.
	Remove(ctx context.Context, key string) error
	update(ctx context.Context, key string, fn func(json.RawMessage, bool) (json.RawMessage, error)) error
}

func (*Session) side() side { return serverSide }
func (Client) side() side   { return clientSide }

func get(ctx context.Context, state State, key string, v any) (bool, error) {
	if err := checkTarget(state.side(), key, v); err != nil {
		return false, err
	}
	text, ok, _, err := state.peek(ctx, key)
	if err != nil || !ok {
		return false, err
	}
	err = decode(state.side(), key, text, v)
	return err == nil, err
}

func set(ctx context.Context, state State, key string, v any) error {
	text, err := encode(state.side(), key, v)
	if err != nil {
		return err
	}
	return state.put(ctx, key, text)
}

func setRaw(ctx context.Context, state State, key string, text json.RawMessage) error {
	if !json.Valid(text) || !utf8.Valid(text) {
		return valueError(state.side(), key, "encode", text)
	}
	return state.put(ctx, key, append(json.RawMessage(nil), text...))
}

func pop(ctx context.Context, state State, key string, v any) (bool, error) {
	if err := checkTarget(state.side(), key, v); err != nil {
		return false, err
	}
	return take(ctx, state, key, func(text json.RawMessage) error {
		return decode(state.side(), key, text, v)
	})
}

func popRaw(ctx context.Context, state State, key string) (taken json.RawMessage, ok bool, err error) {
	ok, err = take(ctx, state, key, func(text json.RawMessage) error {
		taken = append(json.RawMessage(nil), text...)
		return nil
	})
	return taken, ok, err
}

// take removes the value under key once accept has returned nil for it. accept
// runs while the session is not locked.
func take(ctx context.Context, state State, key string, accept func(json.RawMessage) error) (taken bool, err error) {
	err = untilSettled(ctx, func() error {
		text, ok, edits, err := state.peek(ctx, key)
		if taken = false; err != nil || !ok {
			return err
		}
		if err := accept(text); err != nil {
			return err
		}
		err = state.removeIf(key, edits)
		taken = err == nil
		return err
	})
	return taken, err
}

// untilSettled runs do until it is not overtaken by another goroutine.
func untilSettled(ctx context.Context, do func() error) error {
	for range maxOvertaken {
		if err := do(); !errors.Is(err, errOvertaken) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return errUnsettled
}

// maxOvertaken is more often than goroutines of one handler overtake each other.
const maxOvertaken = 1000

// errUnsettled ends an update that is always overtaken.
var errUnsettled = errors.New("session: update: the session was changed whenever the function ran: " +
	"by the function, which must not write to it, or by other goroutines of the request, which wrote faster than it ran")

// errOvertaken makes an update run again: another goroutine was faster.
var errOvertaken = errors.New("session: update: overtaken")

// errNilUpdate is what Field.Update without a function returns.
var errNilUpdate = errors.New("session: update: the function is nil")

// update is a read-modify-write of the server state. fn runs while the session
// is not locked, so that it may read the session.
func (s *Session) update(ctx context.Context, key string, fn func(json.RawMessage, bool) (json.RawMessage, error)) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return untilSettled(ctx, func() error {
		text, ok, edits, derived, err := s.read(ctx, key)
		if err != nil {
			return err
		}
		next, err := fn(text, ok)
		if err != nil {
			return err
		}
		return s.putUpdate(update{key, fn}, next, edits, derived)
	})
}

func (s *Session) putUpdate(u update, next json.RawMessage, edits uint64, derived bool) error {
	return s.write(false, func() error {
		if s.edits != edits {
			return errOvertaken
		}
		s.server.put(u.key, next)
		if derived {
			s.updates = append(s.updates, u)
		}
		s.changed()
		return nil
	})
}

// read gives the value under key for an update. derived says that it comes
// from the record, so that the update runs again where the record has moved on,
// or has gone, when the outcome is saved.
func (s *Session) read(ctx context.Context, key string) (text json.RawMessage, ok bool, edits uint64, derived bool, err error) {
	if err := s.lock(); err != nil {
		return nil, false, 0, false, err
	}
	defer s.unlock()
	if err := s.writable(false); err != nil {
		return nil, false, 0, false, err
	}
	derived = s.hasUpdate(key) || s.record && s.fate != end && !s.server.overrides(key)
	if derived && s.record && s.version == 0 && s.ended == nil {
		if err := s.reload(ctx); err != nil {
			return nil, false, 0, false, err
		}
	}
	text, ok, err = s.lookup(ctx, key)
	return text, ok, s.edits, derived, err
}

func (s *Session) hasUpdate(key string) bool {
	for _, u := range s.updates {
		if u.key == key {
			return true
		}
	}
	return false
}

// replay runs the updates again, over a record that was just loaded or lost.
// When it fails, the next save begins with it.
func (s *Session) replay() error {
	s.replayDue = true
	for range maxOvertaken {
		edits := s.edits
		outcome := s.server // of the updates that have run
		outcome.set = maps.Clone(s.server.set)
		outcome.removed = maps.Clone(s.server.removed)
		for _, u := range s.updates {
			delete(outcome.set, u.key)
		}
		for _, u := range s.updates {
			text, ok, _ := outcome.lookup(u.key)
			next, err := s.unlocked(u.fn, text, ok)
			if err != nil {
				return err
			}
			if s.edits != edits {
				break
			}
			outcome.put(u.key, next)
		}
		if s.edits == edits {
			s.server, s.replayDue = outcome, false
			s.edits++
			return nil
		}
	}
	return errUnsettled
}

// unlocked runs fn while the session is not locked.
func (s *Session) unlocked(fn func(json.RawMessage, bool) (json.RawMessage, error), text json.RawMessage, ok bool) (json.RawMessage, error) {
	s.mu.Unlock()
	defer s.mu.Lock()
	return fn(text, ok)
}

// update is a read and a write: only this request has the client state, though
// several of its goroutines may use it.
func (c Client) update(ctx context.Context, key string, fn func(json.RawMessage, bool) (json.RawMessage, error)) error {
	if err := store.CheckStateKey(key); err != nil {
		return err
	}
	return untilSettled(ctx, func() error {
		text, ok, edits, err := c.peek(ctx, key)
		if err != nil {
			return err
		}
		next, err := fn(text, ok)
		if err != nil {
			return err
		}
		return c.write(func(b *bag) error {
			if c.s.edits != edits {
				return errOvertaken
			}
			return c.place(b, key, next)
		})
	})
}
