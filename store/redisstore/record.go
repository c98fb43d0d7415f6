package redisstore

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/store"
)

// createArgs gives rec as create.lua reads it.
func createArgs(rec store.Record, e entered) []string {
	reach, promised := e.args()
	return []string{
		milliseconds(rec.TTL),
		strconv.FormatInt(rec.CreatedAt.UnixMilli(), 10),
		rec.Subject,
		reach, promised,
		packState(rec.State),
	}
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

// parts are those of a hash that is a record or a mark, nil where there is none.
type parts struct {
	head, data, subject, mark rueidis.RedisMessage
	moving                    bool
}

// partsOf gives the parts of a whole hash.
func partsOf(fields map[string]rueidis.RedisMessage) parts {
	_, moving := fields["p"]
	return parts{fields["h"], fields["d"], fields["s"], fields["m"], moving}
}

// record gives the record, with its time to live in milliseconds, or what the
// mark says. What is none of them it leaves to the scripts to judge, with
// errNotPlain. The record shares the bytes of p.
func (p parts) record(remaining int64) (store.Record, error) {
	if p.moving || remaining < 0 {
		return store.Record{}, errNotPlain
	}
	head := text(p.head)
	if head == "" {
		switch text(p.mark) {
		case "deleted":
			return store.Record{}, store.ErrEnded
		case "renewed":
			return store.Record{}, store.ErrRenewed
		}
		return store.Record{}, errNotPlain
	}
	rec, ok := parseHead(head)
	if !ok {
		return store.Record{}, errNotPlain
	}
	rec.Subject = text(p.subject)
	texts, _ := p.data.AsBytes() // what is no text is not known
	if rec.State, ok = unpackState(text(p.data), texts); !ok {
		return store.Record{}, errNotPlain
	}
	// In its last millisecond it has 0 left, and is still there.
	rec.TTL = time.Duration(max(remaining, 1)) * time.Millisecond
	return rec, nil
}

// parseHead reads a head as look in record.lua does.
func parseHead(head string) (rec store.Record, ok bool) {
	format, numbers, _ := strings.Cut(head, " ")
	version, created, _ := strings.Cut(numbers, " ")
	if format != "1" || len(version) > 14 || len(created) > 18 {
		return rec, false
	}
	v, err1 := strconv.ParseUint(version, 10, 64)
	c, err2 := strconv.ParseInt(created, 10, 64)
	rec.Version, rec.CreatedAt = v, time.UnixMilli(c).UTC()
	return rec, err1 == nil && err2 == nil
}

// parseRecord reads what load.lua returns for a live record.
func parseRecord(message rueidis.RedisMessage) (store.Record, error) {
	all, err := message.ToArray()
	if err != nil || len(all) != 4 {
		return store.Record{}, store.ErrCorrupt
	}
	remaining, err := all[0].AsInt64()
	if err != nil {
		return store.Record{}, store.ErrCorrupt
	}
	rec, err := parts{head: all[1], subject: all[2], data: all[3]}.record(remaining)
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

// What Redis gives for the time to live of a key that never expires, as the
// client does, and of one that is not there.
const (
	noExpiry int64 = -1
	absent   int64 = -2
)
