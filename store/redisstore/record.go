package redisstore

import (
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/store"
)

// createArgs gives rec as create.lua reads it.
func createArgs(rec store.Record, e entered) []string {
	reach, promised := e.args()
	return []string{
		milliseconds(rec.TTL),
		strconv.FormatInt(createdAt(rec), 10),
		rec.Subject,
		reach, promised,
		packState(rec.State),
	}
}

// createdAt is when rec was created, as a record says it: in milliseconds since
// 1970. The bounds are far from any time.
func createdAt(rec store.Record) int64 {
	return min(max(rec.CreatedAt.UnixMilli(), 1-inexact), inexact-1)
}

// changeArgs gives ch as merge.lua reads it, with what the script has of its
// own between the fixed arguments and the lists. The bytes are copied: the
// client may still be sending them after the caller has got an answer and
// changed them.
func changeArgs(ch store.Change, e entered, own ...string) []string {
	args := make([]string, 0, 8+len(own)+len(ch.Remove)+2*len(ch.Set))
	signs, subject := flag(ch.Subject != nil), ""
	if ch.Subject != nil {
		subject = *ch.Subject
	}
	reach, promised := e.args()
	args = append(args,
		strconv.FormatUint(ch.IfVersion, 10),
		milliseconds(ch.TTL),
		flag(ch.Clear),
		signs,
		subject,
		reach, promised,
		strconv.Itoa(len(ch.Remove)),
	)
	args = append(args, own...)
	args = append(args, ch.Remove...)
	for key, text := range ch.Set {
		args = append(args, key, string(text))
	}
	return args
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// What marks begin with.
const (
	deletedMark = "\xa7deleted"
	renewedMark = "\xa7renewed"
)

// readValue gives the record that value is, but for its TTL, and when it expires, or
// what the mark says. What is none of them it leaves to the scripts to judge, with
// errNotPlain. The record shares the bytes of value.
func readValue(value rueidis.RedisMessage) (rec store.Record, expires int64, err error) {
	asBytes, _ := value.AsBytes() // which are not copied
	return readPacked(text(value), asBytes)
}

// readPacked is readValue of what asText and asBytes both are.
func readPacked(asText string, asBytes []byte) (rec store.Record, expires int64, err error) {
	u := unpacker{rest: asBytes}
	var mark error
	switch {
	case u.comes(deletedMark):
		mark = store.ErrEnded
	case u.comes(renewedMark):
		mark = store.ErrRenewed
	case !u.comes(recordFormat):
		return rec, 0, errNotPlain
	}
	if !u.notes() || mark != nil && len(u.rest) > 0 {
		return rec, 0, errNotPlain
	}
	if mark != nil {
		return rec, 0, mark
	}
	version, created, expires, spare := u.integer(), u.integer(), u.integer(), u.integer()
	begin, end := u.text(len(asBytes))
	state, ok := u.state(asText, asBytes)
	if !ok || version <= 0 || version >= inexact || created <= -inexact || created >= inexact ||
		expires <= 0 || expires >= inexact || spare < 0 || spare >= inexact {
		return rec, 0, errNotPlain
	}
	return store.Record{
		State: state, Subject: asText[begin:end], CreatedAt: time.UnixMilli(created).UTC(), Version: uint64(version),
	}, expires, nil
}

// readFor is readValue for who knows how many milliseconds the key has to live.
func readFor(value rueidis.RedisMessage, remaining int64) (store.Record, error) {
	rec, _, err := readValue(value)
	if err == nil && remaining < 0 {
		err = errNotPlain
	}
	if err != nil {
		return store.Record{}, err
	}
	// In its last millisecond it has 0 left, and is still there.
	rec.TTL = ofMilliseconds(max(remaining, 1))
	return rec, nil
}

// ofMilliseconds gives the duration of n, or the longest that there is.
func ofMilliseconds(n int64) time.Duration {
	return time.Duration(min(n, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}

// recordFormat is what a record begins with.
const recordFormat = "\x01"

// inexact is from where on numbers are too large for the scripts.
const inexact = 9e15

// parseRecord reads what load.lua returns for a live record.
func parseRecord(message rueidis.RedisMessage) (store.Record, error) {
	both, err := message.ToArray()
	if err != nil || len(both) != 2 {
		return store.Record{}, store.ErrCorrupt
	}
	remaining, err := both[0].AsInt64()
	if err != nil {
		return store.Record{}, store.ErrCorrupt
	}
	rec, err := readFor(both[1], remaining)
	if err != nil {
		return store.Record{}, store.ErrCorrupt
	}
	return rec, nil
}

// errNotPlain: what is there is for load.lua to judge.
var errNotPlain = errors.New("redis: neither a record nor a mark")

// text gives the text of a message; "" where it is none.
func text(message rueidis.RedisMessage) string {
	t, _ := message.ToString()
	return t
}

// noExpiry is what Redis gives for the time to live of a key that never expires, as
// the client does.
const noExpiry int64 = -1
