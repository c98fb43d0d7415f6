package redisstore

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/store"
)

// job is a script that a record is changed by.
type job struct {
	script *rueidis.Lua
	names  []string                 // of the keys in Redis
	args   func(e entered) []string // e says in which index the record is
	// takes is the key, among names, that the script files a record under; ""
	// if it files none under another key than it is under.
	takes string
	// subject and ttl are those that the record will have, where the caller
	// knows them; "" and 0 where not.
	subject string
	ttl     time.Duration
}

// run runs a job until the script has done it or says why it cannot. On a
// single Redis that is at once. On a cluster the script may ask for something
// to be done in another slot first: an entry in the index of the subject, or to
// settle where a record is that moves between slots.
//
// It returns the number that a script gave: a version, or the time of the server.
func (s *Store) run(ctx context.Context, j job) (number uint64, err error) {
	e := s.nothingEntered()
	if s.cluster && j.subject != "" && j.ttl > 0 {
		if e, err = s.enter(ctx, j.subject, j.takes, j.ttl); err != nil {
			return 0, err
		}
	}
	for {
		reply := s.exec(ctx, j.script, j.names, j.args(e))
		if reply.err != nil {
			return 0, reply.err
		}
		a := readAnswer(reply.message)
		switch a.word {
		case answerIndex:
			if e, err = s.enter(ctx, a.subject, j.files(), a.ttl); err != nil {
				return 0, err
			}
		case answerMoving:
			if settled, err := s.settle(ctx, a.move, a.move.to == j.takes); !settled || err != nil {
				return 0, cause(err, a)
			}
		default:
			return a.number, a.err()
		}
	}
}

// cause is err or, where there is none, what a says.
func cause(err error, a answer) error {
	if err != nil {
		return err
	}
	return a.err()
}

// files gives the key that the record is under when the job is done.
func (j job) files() string { return j.names[len(j.names)-1] }

// answer is what a script said.
type answer struct {
	word    string
	number  uint64        // of "ok", where a script gave one
	subject string        // of answerIndex
	ttl     time.Duration // of answerIndex
	move    move          // of answerMoving
	mark    string        // of answerMoving: what is under the key until the record has arrived
}

// The answers that are no outcome: there is something to do first.
const (
	answerIndex  = "index"
	answerMoving = "moving"
)

// readAnswer reads a number, a word, or an array that begins with one.
func readAnswer(message rueidis.RedisMessage) answer {
	if message.IsInt64() {
		number, _ := message.AsUint64() // one below zero is none
		return answer{word: "ok", number: number}
	}
	if !message.IsArray() {
		return answer{word: text(message)} // what is no word is not known
	}
	parts, _ := message.ToArray()
	part := func(i int) string {
		if i >= len(parts) {
			return ""
		}
		return text(parts[i])
	}
	a := answer{word: part(0)}
	switch a.word {
	case answerIndex:
		if len(parts) == 3 {
			ms, _ := parts[2].AsInt64()
			a.subject, a.ttl = part(1), ofMilliseconds(ms)
		}
	case answerMoving:
		a.move = move{to: part(1), from: part(2), name: part(3)}
		a.mark = part(4)
	}
	return a
}

// err turns what a script said into an error.
func (a answer) err() error {
	word := a.word
	if word == answerMoving {
		word = a.mark
	}
	switch word {
	case "ok":
		return nil
	case "none":
		return store.ErrNotFound
	case "deleted":
		return store.ErrEnded
	case "renewed":
		return store.ErrRenewed
	case "conflict":
		return store.ErrConflict
	case "live", "duplicate":
		return store.ErrDuplicateKey
	case "corrupt":
		return store.ErrCorrupt
	}
	return errUnknownWord
}

// errUnknownWord is for a word that the script is not to say.
var errUnknownWord = errors.New("redis: a script answered with a word that is not known")

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
