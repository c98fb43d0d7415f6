package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxStateKeyBytes is the longest state key, in bytes.
const MaxStateKeyBytes = 255

// Record is what a store keeps of one session.
type Record struct {
	// State holds one JSON text for each state key, kept byte for byte. nil
	// and an empty map mean the same.
	State map[string]json.RawMessage
	// Subject says who is signed in; "" if nobody is.
	Subject string
	// CreatedAt is when the record was created, to the millisecond. A change
	// of key keeps it.
	CreatedAt time.Time
	// Version is 1 when the record is created and moves up by one with every
	// Update and ChangeKey. Create ignores what is passed in.
	Version uint64
	// TTL is how long the record still lives: as asked for in Create, as it
	// remains in Load. Backends see whole milliseconds, at least one.
	TTL time.Duration
}

// Entry is a record and the key that it is filed under.
type Entry struct {
	// Key is what the record is filed under.
	Key Key
	// Record is whole, with what is left of its TTL.
	Record Record
}

// Change is what one request did to a record. The zero Change changes nothing
// but the version.
type Change struct {
	// Set holds the state keys to write, each with its JSON text.
	Set map[string]json.RawMessage
	// Remove names the state keys to delete. A key that is in Set as well is
	// written.
	Remove []string
	// Clear deletes every state key that is not in Set.
	Clear bool
	// Subject, when it is not nil, replaces the record's subject.
	Subject *string
	// TTL, when it is not 0, is how long the record lives from now on. A
	// Change with nothing but a TTL is the extension of a TTL.
	TTL time.Duration
	// IfVersion, when it is not 0, is the version that the record must have;
	// the outcome is ErrConflict when it has another.
	IfVersion uint64
}

// Merge gives the record that ch makes of rec. It is the one definition of
// what a [Change] does: a Backend either calls it or does the same in the
// engine's own language. rec is not touched; the result shares the bytes of
// the JSON texts with rec and ch. IfVersion is not looked at.
func Merge(rec Record, ch Change) Record {
	var state map[string]json.RawMessage
	if !ch.Clear {
		state = maps.Clone(rec.State)
		for _, key := range ch.Remove {
			delete(state, key)
		}
	}
	if state == nil {
		state = make(map[string]json.RawMessage, len(ch.Set))
	}
	maps.Copy(state, ch.Set)
	rec.State = state
	if ch.Subject != nil {
		rec.Subject = *ch.Subject
	}
	if ch.TTL != 0 {
		rec.TTL = ch.TTL
	}
	rec.Version++
	return rec
}

// CheckStateKey says whether key can name a value: valid UTF-8 without NUL,
// at most [MaxStateKeyBytes] long; the empty key is allowed. Its error wraps
// [ErrInvalid].
func CheckStateKey(key string) error {
	switch {
	case len(key) > MaxStateKeyBytes:
		return fmt.Errorf("%w: a state key of %d bytes, at most %d are allowed", ErrInvalid, len(key), MaxStateKeyBytes)
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: a state key that is not UTF-8", ErrInvalid)
	case strings.IndexByte(key, 0) >= 0:
		return fmt.Errorf("%w: a state key that contains NUL", ErrInvalid)
	}
	return nil
}

// CheckSubject says whether subject can be kept: valid UTF-8 without NUL. Its
// error wraps [ErrInvalid].
func CheckSubject(subject string) error {
	if !utf8.ValidString(subject) || strings.IndexByte(subject, 0) >= 0 {
		return fmt.Errorf("%w: a subject that is not UTF-8 or contains NUL", ErrInvalid)
	}
	return nil
}

// wholeMilliseconds rounds a TTL up to the unit that every engine can keep; the
// longest Duration there is, which cannot go up, it rounds down.
func wholeMilliseconds(ttl time.Duration) time.Duration {
	whole := ttl.Truncate(time.Millisecond)
	if whole < ttl && whole <= math.MaxInt64-time.Millisecond {
		whole += time.Millisecond
	}
	return whole
}

func checkState(state map[string]json.RawMessage) error {
	for key, text := range state {
		if err := CheckStateKey(key); err != nil {
			return err
		}
		if len(text) == 0 {
			return fmt.Errorf("%w: a state key without a JSON text", ErrInvalid)
		}
		if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
			return fmt.Errorf("%w: a JSON text that is not UTF-8 or contains NUL", ErrInvalid)
		}
	}
	return nil
}

// checked gives rec as a Backend is to see it.
func (rec Record) checked() (Record, error) {
	if rec.TTL <= 0 {
		return rec, fmt.Errorf("%w: a TTL of %s, it must be above zero", ErrInvalid, rec.TTL)
	}
	if err := CheckSubject(rec.Subject); err != nil {
		return rec, err
	}
	rec.TTL = wholeMilliseconds(rec.TTL)
	rec.CreatedAt = rec.CreatedAt.Truncate(time.Millisecond)
	rec.Version = 1
	return rec, checkState(rec.State)
}

// checked gives ch as a Backend is to see it.
func (ch Change) checked() (Change, error) {
	if ch.TTL < 0 {
		return ch, fmt.Errorf("%w: a TTL of %s, it must not be below zero", ErrInvalid, ch.TTL)
	}
	if ch.Subject != nil {
		if err := CheckSubject(*ch.Subject); err != nil {
			return ch, err
		}
	}
	for _, key := range ch.Remove {
		if err := CheckStateKey(key); err != nil {
			return ch, err
		}
	}
	ch.TTL = wholeMilliseconds(ch.TTL)
	return ch, checkState(ch.Set)
}
