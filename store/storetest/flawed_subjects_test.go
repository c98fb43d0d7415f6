package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/fxsession/sessions/store"
)

// ListBySubject looks at every record under one lock, or in the way of the
// flaw.
func (b *flawed) ListBySubject(ctx context.Context, subject string) ([]store.Entry, error) {
	var all []store.Entry
	err := b.eachOf(ctx, subject, func(key store.Key, k kept) error {
		if k.corrupt && b.has("cannot list past a corrupt record") {
			return store.ErrCorrupt
		}
		rec := k.Record
		rec.State = cloneState(rec.State)
		if !b.has("lists the TTL that was asked for") {
			rec.TTL = k.expires - b.now
		}
		if !k.corrupt {
			all = append(all, store.Entry{Key: key, Record: rec})
		}
		return nil
	})
	if b.has("lists a hundred at most") {
		all = all[:min(len(all), 100)]
	}
	return all, err
}

func (b *flawed) DeleteBySubject(ctx context.Context, subject string, except ...store.Key) (int, error) {
	deleted := 0
	err := b.eachOf(ctx, subject, func(key store.Key, k kept) error {
		switch {
		case slices.Contains(except, key) && !b.has("ignores the exceptions"):
			if b.has("counts what it keeps") {
				deleted++
			}
			return nil
		case b.has("deletes by subject without a mark"):
			delete(b.records, key)
		default:
			b.end(key, k, store.ErrEnded)
		}
		deleted++
		return nil
	})
	return deleted, err
}

// eachOf calls do, under the lock, with each live record of subject.
func (b *flawed) eachOf(ctx context.Context, subject string, do func(key store.Key, k kept) error) error {
	if err := b.enter(ctx); err != nil {
		return err
	}
	defer b.mu.Unlock()
	var keys []store.Key
	for key, k := range b.records {
		if b.isOf(k, subject) {
			keys = append(keys, key)
		}
	}
	if b.has("looks a subject's keys up before it goes through them") {
		b.yield()
	}
	for _, key := range keys {
		k, err := b.find(key)
		switch {
		case errors.Is(err, store.ErrNotFound) && b.has("lists what has expired"):
			k = b.records[key]
		case err != nil:
			continue
		}
		if err := do(key, k); err != nil {
			return err
		}
	}
	return nil
}

func (b *flawed) isOf(k kept, subject string) bool {
	is := k.Subject == subject
	switch {
	case b.has("lists every session"):
		return true
	case b.has("never forgets a subject"):
		return k.firstSubject == subject || is
	case b.has("indexes what is created alone"):
		return is && k.firstSubject == subject
	case b.has("forgets the index in a change of key"):
		return is && k.previous == store.Key{}
	case b.has("keeps the index for the first TTL"):
		return is && k.firstExpires > b.now
	case b.has("compares subjects without case"):
		return strings.EqualFold(k.Subject, subject)
	case b.has("takes a subject for a pattern"):
		return is || strings.HasSuffix(subject, "*") && strings.HasPrefix(k.Subject, strings.TrimSuffix(subject, "*"))
	}
	return is
}
