package redisstore

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/store"
)

// statePrefix begins the hash fields of state keys, and no other field.
const statePrefix = ":"

// createArgs gives rec as create.lua reads it. The bytes are copied: the
// client may still be sending them after the caller has got an answer and
// changed them.
func createArgs(rec store.Record, e entered) []string {
	args := make([]string, 0, 5+2*len(rec.State))
	reach, promised := e.args()
	args = append(args,
		milliseconds(rec.TTL),
		strconv.FormatInt(rec.CreatedAt.UnixMilli(), 10),
		rec.Subject,
		reach, promised,
	)
	return appendState(args, rec.State)
}

// changeArgs gives ch as merge.lua reads it, with what the script has of its
// own between the fixed arguments and the lists.
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
	for _, key := range ch.Remove {
		args = append(args, statePrefix+key)
	}
	return appendState(args, ch.Set)
}

func appendState(args []string, state map[string]json.RawMessage) []string {
	for key, text := range state {
		args = append(args, statePrefix+key, string(text))
	}
	return args
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// parseRecord reads what load.lua returns for a live record. Fields that it
// does not know are those of a later version of this package, and left out.
func parseRecord(message rueidis.RedisMessage) (store.Record, error) {
	parts, err := message.ToArray()
	if err != nil || len(parts) != 2 {
		return store.Record{}, store.ErrCorrupt
	}
	remaining, err := parts[0].AsInt64()
	if err != nil {
		return store.Record{}, store.ErrCorrupt
	}
	fields, err := parts[1].ToArray()
	if err != nil || len(fields)%2 != 0 {
		return store.Record{}, store.ErrCorrupt
	}

	rec := newRecord(remaining, len(fields)/2)
	for i := 0; i < len(fields); i += 2 {
		name, err := fields[i].ToString()
		if err != nil {
			return store.Record{}, store.ErrCorrupt
		}
		if setField(&rec, name, fields[i+1]) != nil {
			return store.Record{}, store.ErrCorrupt
		}
	}
	return rec, nil
}

// parseHash reads a hash that no script has looked at, with its time to live in
// milliseconds: a record, a mark or nothing. What is none of them it leaves to
// the scripts to judge, with errNotPlain. The record shares the bytes of fields.
func parseHash(fields map[string]rueidis.RedisMessage, remaining int64) (store.Record, error) {
	if len(fields) == 0 {
		return store.Record{}, store.ErrNotFound
	}
	_, moving := fields["p"]
	if moving || remaining < 0 || text(fields["f"]) != "1" {
		return store.Record{}, errNotPlain
	}
	if mark, ok := fields["m"]; ok {
		switch text(mark) {
		case "deleted":
			return store.Record{}, store.ErrEnded
		case "renewed":
			return store.Record{}, store.ErrRenewed
		}
		return store.Record{}, errNotPlain
	}
	if !whole(text(fields["v"])) || !whole(text(fields["c"])) {
		return store.Record{}, errNotPlain
	}
	rec := newRecord(remaining, len(fields))
	for name, value := range fields {
		if setField(&rec, name, value) != nil {
			return store.Record{}, errNotPlain
		}
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

// whole is the function of record.lua.
func whole(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	return len(text) <= 18 && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// noExpiry is what Redis and the client say of a key that never expires.
const noExpiry int64 = -1

// newRecord makes a record that has so many milliseconds left. In its last
// millisecond it has 0 left, and is still there.
func newRecord(remaining int64, fields int) store.Record {
	return store.Record{
		TTL:   time.Duration(max(remaining, 1)) * time.Millisecond,
		State: make(map[string]json.RawMessage, fields),
	}
}

// setField gives rec what a field of its hash holds.
func setField(rec *store.Record, name string, value rueidis.RedisMessage) (err error) {
	if strings.HasPrefix(name, statePrefix) {
		rec.State[name[1:]], err = value.AsBytes()
		return err
	}
	text, err := value.ToString()
	if err != nil {
		return err
	}
	switch name {
	case "v":
		rec.Version, err = strconv.ParseUint(text, 10, 64)
	case "c":
		var created int64
		created, err = strconv.ParseInt(text, 10, 64)
		rec.CreatedAt = time.UnixMilli(created).UTC()
	case "s":
		rec.Subject = text
	}
	return err
}
