package redisstore

import (
	"context"
	"crypto/sha1" // as Redis has it in scripts; it spreads subjects, and keeps nothing secret
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/store"
)

// ListBySubject implements [store.SubjectIndex]. Subjects with thousands of
// sessions take time: each session is loaded.
func (s *Store) ListBySubject(ctx context.Context, subject string) ([]store.Entry, error) {
	var mu sync.Mutex
	var found []store.Entry
	err := s.eachOf(ctx, subject, func() { found = nil }, func(ctx context.Context, key store.Key) error {
		rec, err := s.load(ctx, key)
		if err != nil {
			return err
		}
		if rec.Subject != subject {
			return store.ErrNotFound
		}
		mu.Lock()
		defer mu.Unlock()
		found = append(found, store.Entry{Key: key, Record: rec})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// DeleteBySubject implements [store.SubjectIndex].
func (s *Store) DeleteBySubject(ctx context.Context, subject string, except ...store.Key) (int, error) {
	var deleted atomic.Int64
	err := s.eachOf(ctx, subject, func() {}, func(ctx context.Context, key store.Key) error {
		if slices.Contains(except, key) {
			return nil
		}
		err := s.delete(ctx, key, subject)
		if err == nil {
			deleted.Add(1)
		}
		return err
	})
	return int(deleted.Load()), err
}

// atOnce is how many sessions of a subject are looked at at a time. They share
// pipelines.
const atOnce = 32

// eachOf calls begin, and then look, from several goroutines, with each key in
// the index of a subject. look returns ErrNotFound or ErrEnded where the entry
// is dead, and eachOf prunes it. A record may move on to a key that was not in
// the index when that was read; look then returns ErrRenewed, and eachOf begins
// again.
func (s *Store) eachOf(ctx context.Context, subject string, begin func(), look func(context.Context, store.Key) error) error {
	renewed := map[store.Key]bool{}
	for {
		begin()
		read := time.Now()
		keys, err := s.indexed(ctx, subject)
		if err != nil {
			return err
		}
		more := false
		var dead []string
		for chunk := range slices.Chunk(keys, atOnce) {
			errs := make([]error, len(chunk))
			var looks sync.WaitGroup
			for i, key := range chunk {
				looks.Go(func() { errs[i] = look(ctx, key) })
			}
			looks.Wait()
			for i, err := range errs {
				key := chunk[i]
				switch {
				case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrEnded):
					dead = append(dead, key.String())
					if errors.Is(err, store.ErrRenewed) && !renewed[key] {
						renewed[key], more = true, true
					}
				case err != nil && !errors.Is(err, store.ErrCorrupt):
					return err
				}
			}
		}
		// What is not so new any more may be in use again.
		if len(dead) > 0 && time.Since(read) < store.Grace/4 {
			if reply := s.exec(ctx, pruneScript, []string{s.index(subject)}, dead); reply.err != nil {
				return reply.err
			}
		}
		if !more {
			return nil
		}
	}
}

// indexed gives the keys in the index of a subject, dead ones among them.
func (s *Store) indexed(ctx context.Context, subject string) ([]store.Key, error) {
	reply := s.call(ctx, func(ctx context.Context, client rueidis.Client) rueidis.RedisResult {
		return client.Do(ctx, s.read("ZRANGE", s.index(subject), "0", "-1"))
	})
	if reply.err != nil {
		return nil, reply.err
	}
	entries, err := reply.message.AsStrSlice()
	if err != nil {
		return nil, err
	}
	keys := make([]store.Key, 0, len(entries))
	for _, entry := range entries {
		if strings.HasPrefix(entry, "+") {
			continue
		}
		if key, err := store.ParseKey(entry); err == nil {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// index gives the key in Redis of the index of a subject, as subject.lua does.
func (s *Store) index(subject string) string {
	sum := sha1.Sum([]byte(subject))
	return s.namespace + "subject:" + hex.EncodeToString(sum[:])
}

// entered says in which index, beside those in which a script finds it, a
// record is, and for how long.
type entered struct {
	here    bool // a script reaches every index, and makes the entry itself
	subject string
	lasts   time.Duration
	since   time.Time
}

func (s *Store) nothingEntered() entered { return entered{here: !s.cluster} }

// newFor is how long a new entry is safe from being pruned, as subject.lua says.
const newFor = time.Minute

// enter puts the record that will be under name into the index of subject, for
// longer than the record is to live for now.
func (s *Store) enter(ctx context.Context, subject, name string, ttl time.Duration) (entered, error) {
	e := entered{subject: subject, lasts: math.MaxInt64, since: time.Now()}
	if ttl < (math.MaxInt64-newFor)/2 { // 146 years
		e.lasts = 2*ttl + newFor
	}
	reply := s.exec(ctx, enterScript, []string{s.index(subject)}, []string{name[len(s.namespace):], milliseconds(e.lasts)})
	return e, reply.err
}

// args gives e as cover reads it. The entry of a record that took too long to
// come may be pruned, and counts for nothing.
func (e entered) args() (reach, promised string) {
	if e.here {
		return "here", ""
	}
	age := time.Since(e.since)
	if e.subject == "" || age > newFor/2 {
		return "0", ""
	}
	if e.lasts == math.MaxInt64 {
		return milliseconds(e.lasts), e.subject
	}
	return milliseconds(e.lasts - age - newFor/2), e.subject // the write may be done that much later
}
