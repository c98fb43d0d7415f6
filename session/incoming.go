package session

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"github.com/fxsession/sessions/internal/statecodec"
	"github.com/fxsession/sessions/store"
)

// Incoming is what the cookie of a request says, verified and not yet
// compared with the store. It cannot be changed. The zero Incoming is that of
// no cookie.
type Incoming struct {
	*holder // fmt follows one pointer, not two
}

type holder struct{ *incoming }

type incoming struct {
	payload payload
	client  map[string]json.RawMessage
	opened  int64 // when the cookie was, in Unix milliseconds
}

// says gives what the cookie says, nil for the zero Incoming.
func (in Incoming) says() *incoming {
	if in.holder == nil {
		return nil
	}
	return in.incoming
}

// ID is the session's ID; the zero ID when it has no record.
func (in Incoming) ID() ID {
	if !in.HasRecord() {
		return ID{}
	}
	return makeID(in.payload.id)
}

// HasRecord reports whether the cookie says that the store has a record of the
// session.
func (in Incoming) HasRecord() bool { return in.says() != nil && in.payload.record }

// BeganAt is when the session began, for its absolute lifetime: UTC, to the
// millisecond; the zero time for the zero Incoming.
func (in Incoming) BeganAt() time.Time {
	if in.says() == nil {
		return time.Time{}
	}
	return time.UnixMilli(in.payload.began).UTC()
}

// ExpiresAt is when the cookie stops opening anything: UTC, to the millisecond;
// the zero time for the zero Incoming.
func (in Incoming) ExpiresAt() time.Time {
	if in.says() == nil {
		return time.Time{}
	}
	return time.UnixMilli(in.payload.expires).UTC()
}

// Client is the client state; the map is the caller's own.
func (in Incoming) Client() map[string]json.RawMessage {
	if in.says() == nil {
		return nil
	}
	state := maps.Clone(in.client)
	for key, text := range state {
		state[key] = bytes.Clone(text)
	}
	return state
}

// Format writes "incoming session" for every verb, and nothing of what it holds.
func (Incoming) Format(f fmt.State, _ rune) { io.WriteString(f, "incoming session") }

// payload is the fixed part of a cookie.
type payload struct {
	record         bool
	id             rawID // zero without a record
	began, expires int64
	terms          terms
}

const (
	flagRecord     = 1 << 0
	flagPersistent = 1 << 1 // the session has a kind of cookie of its own
	flagSession    = 1 << 2 // likewise
	flagTTL        = 1 << 3 // the session has a TTL of its own
	allFlags       = flagRecord | flagPersistent | flagSession | flagTTL
	// maxPayload is the longest fixed part, in bytes: flags, ID, two times, a TTL.
	maxPayload = 1 + len(rawID{}) + 3*binary.MaxVarintLen64
	// maxCookie is what browsers accept for name and value together, in bytes
	// (RFC 6265bis, 5.6).
	maxCookie = 4096
	// maxCandidates bounds how many cookies of the right name are tried.
	maxCandidates = 64
)

// append writes the payload: flags, the ID if there is a record, when the
// session began and how long after that it expires, in Unix milliseconds, and
// its own TTL if it has one.
func (p payload) append(dst []byte) []byte {
	flags := byte(0)
	if p.record {
		flags |= flagRecord
	}
	switch p.terms.kind {
	case kindPersistent:
		flags |= flagPersistent
	case kindSession:
		flags |= flagSession
	}
	if p.terms.ttl > 0 {
		flags |= flagTTL
	}
	dst = append(dst, flags)
	if p.record {
		dst = append(dst, p.id[:]...)
	}
	dst = binary.AppendUvarint(dst, uint64(p.began))
	dst = binary.AppendUvarint(dst, uint64(p.expires-p.began))
	if p.terms.ttl > 0 {
		dst = binary.AppendUvarint(dst, uint64(p.terms.ttl))
	}
	return dst
}

// parse reads what append wrote, and the client state behind it.
func parse(text []byte) (in incoming, ok bool) {
	if len(text) == 0 || text[0]&^allFlags != 0 {
		return incoming{}, false
	}
	flags := text[0]
	text = text[1:]
	if in.payload.record = flags&flagRecord != 0; in.payload.record {
		if len(text) < len(rawID{}) {
			return incoming{}, false
		}
		text = text[copy(in.payload.id[:], text):]
	}
	switch flags & (flagPersistent | flagSession) {
	case flagPersistent:
		in.payload.terms.kind = kindPersistent
	case flagSession:
		in.payload.terms.kind = kindSession
	case flagPersistent | flagSession:
		return incoming{}, false
	}
	number := func() (n int64, ok bool) {
		v, size := binary.Uvarint(text)
		if size <= 0 || v > maxTime {
			return 0, false
		}
		text = text[size:]
		return int64(v), true
	}
	began, ok := number()
	if !ok {
		return incoming{}, false
	}
	lasts, ok := number()
	if !ok || lasts == 0 { // a session lasts a millisecond at least
		return incoming{}, false
	}
	if flags&flagTTL != 0 {
		if in.payload.terms.ttl, ok = number(); !ok || in.payload.terms.ttl == 0 {
			return incoming{}, false
		}
	}
	in.payload.began, in.payload.expires = began, began+lasts
	if len(text) > 0 {
		client, err := statecodec.Decode(string(text))
		if err != nil {
			return incoming{}, false
		}
		in.client = client
	}
	return in, true
}

// maxTime keeps the sum of two times far from overflow.
const maxTime = 1 << 60

// found is what there was in a request beside the cookie that counts.
type found struct {
	present  bool      // a cookie verifies, expired or not: the client holds one of ours
	rejected bool      // one does not
	expired  store.Key // of the first that has expired, if it had a record
}

// read gives what the first cookie that opens, verifies and has not expired
// says; live reports whether there is one.
func (m *Manager) read(header http.Header) (in incoming, live bool, f found) {
	tried := 0
	for _, line := range header["Cookie"] {
		for len(line) > 0 && tried < maxCandidates {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			name, value, ok := strings.Cut(textproto.TrimString(pair), "=")
			if !ok || name != m.cookieName {
				continue
			}
			tried++
			got, verdict := m.openCookie(value)
			switch verdict {
			case cookieRejected:
				f.rejected = true
				m.telemetry.rejected()
				continue
			case cookieLive:
				f.present = true
				return got, true, f
			}
			f.present = true
			if got.payload.record && f.expired == (store.Key{}) {
				f.expired = got.payload.id.key()
			}
		}
	}
	return incoming{}, false, f
}

type verdict int

const (
	cookieRejected verdict = iota
	cookieExpired
	cookieLive
)

// openCookie verifies the value of one cookie.
func (m *Manager) openCookie(value string) (incoming, verdict) {
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	if len(m.cookieName)+len(value) > maxCookie {
		return incoming{}, cookieRejected
	}
	text, err := m.sealer.Open(value)
	if err != nil {
		return incoming{}, cookieRejected
	}
	in, ok := parse(text)
	if !ok {
		return incoming{}, cookieRejected
	}
	now := m.now()
	in.opened = now
	if now >= in.payload.expires || m.maxLifetime > 0 && now >= in.payload.began+m.maxLifetime {
		return in, cookieExpired
	}
	return in, cookieLive
}

// fits reports whether a client state of n encoded bytes fits into the cookie.
func (m *Manager) fits(n int) bool {
	return len(m.cookieName)+m.sealer.Size(maxPayload+n) <= maxCookie
}
