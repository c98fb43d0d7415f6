package redisstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	mathrand "math/rand/v2"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/store"
)

// move is a change of key between two slots of a cluster; move.lua says how it
// goes.
type move struct {
	from, to string // the keys in Redis
	name     string
}

// A move may take departed from its first step until it is committed. A record
// may be moving for longer than that, and not for as long as the mark stands
// that commit leaves.
const (
	departed = store.Grace / 4
	moving   = store.Grace / 2
)

// changeKeyAcross is ChangeKey between two slots. It tries again when the
// record was changed under way, or when somebody else wanted the new key.
func (s *Store) changeKeyAcross(ctx context.Context, from, to string, ch store.Change) (version uint64, err error) {
	m := move{from: from, to: to}
	for attempt := 1; ; attempt++ {
		before := m.name
		m.name = newMoveName()
		again, version, err := s.attemptMove(ctx, m, before, ch)
		if !again {
			return version, err
		}
		pause := time.NewTimer(mathrand.N(time.Duration(min(attempt, 10)) * time.Millisecond))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return 0, ctx.Err()
		}
	}
}

// attemptMove is one attempt, after that of the name before.
func (s *Store) attemptMove(ctx context.Context, m move, before string, ch store.Change) (again bool, version uint64, err error) {
	d, err := s.depart(ctx, m, ch.IfVersion)
	if err != nil {
		return false, 0, err
	}
	version, err = s.arrive(ctx, m, before, d, ch)
	if errors.Is(err, store.ErrDuplicateKey) || errors.Is(err, store.ErrCorrupt) {
		again, err = s.withdraw(ctx, m, ch.IfVersion, err)
		return again, 0, err
	}
	if err != nil {
		return false, 0, err
	}
	a, err := s.say(ctx, commitScript, m.from, m.name, d.version, milliseconds(store.Grace))
	if err != nil {
		return false, 0, err
	}
	switch a.word {
	case "ok":
		return false, version, s.finish(ctx, m, committed)
	case "refused", "changed":
		return true, 0, nil
	}
	// Nothing is under the old key any more. Who meets the record that arrived
	// finds that out; to say so here spares them.
	return false, 0, cause(s.finish(ctx, m, over), a)
}

// departure is a record as it was when it departed.
type departure struct {
	expires time.Time
	version string
	subject string
	record  string // as the scripts have it
}

func (s *Store) depart(ctx context.Context, m move, ifVersion uint64) (departure, error) {
	for {
		asked := time.Now() // before the answer was given, so that no record lives longer for moving
		reply := s.exec(ctx, departScript, []string{m.from},
			[]string{strconv.FormatUint(ifVersion, 10), m.name, milliseconds(departed)})
		if reply.err != nil {
			return departure{}, reply.err
		}
		if d, ok := readDeparture(reply.message, asked); ok {
			return d, nil
		}
		a := readAnswer(reply.message)
		if a.word != answerMoving {
			return departure{}, cmp.Or(a.err(), errUnknownWord)
		}
		if settled, err := s.settle(ctx, a.move, false); !settled || err != nil {
			return departure{}, cause(err, a)
		}
	}
}

func readDeparture(message rueidis.RedisMessage, asked time.Time) (departure, bool) {
	all, err := message.ToArray()
	if err != nil || len(all) != 5 || text(all[0]) != "live" {
		return departure{}, false
	}
	left, err1 := all[1].AsInt64()
	version, err2 := all[2].AsInt64()
	return departure{
		expires: asked.Add(ofMilliseconds(left)),
		version: strconv.FormatInt(version, 10),
		subject: text(all[3]),
		record:  text(all[4]),
	}, err1 == nil && err2 == nil
}

// arrive writes the changed record under the new key, as one that is moving,
// after it was entered in the index of its subject.
func (s *Store) arrive(ctx context.Context, m move, before string, d departure, ch store.Change) (version uint64, err error) {
	left := time.Until(d.expires)
	if left < time.Millisecond {
		return 0, store.ErrNotFound // it expires
	}
	j := job{
		script:  arriveScript,
		names:   []string{m.to},
		takes:   m.to,
		subject: d.subject,
		ttl:     left,
		args: func(e entered) []string {
			return changeArgs(ch, e, m.from, m.name, before, milliseconds(left), milliseconds(moving), d.record)
		},
	}
	if ch.Subject != nil {
		j.subject = *ch.Subject
	}
	if ch.TTL != 0 {
		j.ttl = ch.TTL
	}
	return s.run(ctx, j)
}

// withdraw ends a move that found the new key taken, with the error taken. If
// the record is not as it was when it departed, there was perhaps no moment at
// which that was the answer.
func (s *Store) withdraw(ctx context.Context, m move, ifVersion uint64, taken error) (again bool, err error) {
	a, err := s.say(ctx, withdrawScript, m.from, m.name, strconv.FormatUint(ifVersion, 10))
	switch {
	case err != nil:
		return false, err
	case a.word == "ok":
		return false, taken
	case a.word == "refused", a.word == answerMoving:
		return true, nil
	}
	return false, a.err()
}

// What became of a move, as settle.lua and finish.lua have it.
const (
	committed = "committed"
	over      = "over"
)

// settle finds out, for a record that was met moving, whether the move is
// committed, and makes the key it is under say so. With end, which is for who
// wants the key, a move that is not committed yet ends; without, settled is
// false then: the record is under the old key still.
func (s *Store) settle(ctx context.Context, m move, end bool) (settled bool, err error) {
	a, err := s.say(ctx, settleScript, m.from, m.name, flag(end))
	if err != nil {
		return false, err
	}
	if a.word == "open" {
		return false, nil
	}
	return true, s.finish(ctx, m, a.word)
}

func (s *Store) finish(ctx context.Context, m move, became string) error {
	_, err := s.say(ctx, finishScript, m.to, m.name, became)
	return err
}

// say runs a script on one key and gives what it said.
func (s *Store) say(ctx context.Context, script *rueidis.Lua, name string, args ...string) (answer, error) {
	reply := s.exec(ctx, script, []string{name}, args)
	if reply.err != nil {
		return answer{}, reply.err
	}
	return readAnswer(reply.message), nil
}

func newMoveName() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // it never fails
	return hex.EncodeToString(random[:])
}
