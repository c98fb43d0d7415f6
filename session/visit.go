package session

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fxsession/sessions/store"
)

// visitKey is the state key under which the record of a signed-in session
// keeps its [visit]. Applications can neither read nor write it.
const visitKey = "__session"

// visit is what is known of the client of a signed-in session, and of when it
// was there. Nothing of the kind is kept of visitors whom nobody knows.
type visit struct {
	Seen     int64  `json:"seen"`      // Unix milliseconds; first, for seenAt
	SignedIn int64  `json:"signed_in"` // Unix milliseconds
	Agent    string `json:"agent,omitempty"`
	Address  string `json:"address,omitempty"`
}

const seenPrefix = `{"seen":`

// text is the visit as it is stored.
func (v visit) text() json.RawMessage {
	text, _ := json.Marshal(v) // numbers and UTF-8, which JSON never refuses
	return text
}

// seenAt reads when a visit was, without the rest of its text; 0 for a text
// that is none.
func seenAt(text json.RawMessage) int64 {
	rest, ok := strings.CutPrefix(string(text), seenPrefix)
	if !ok {
		return 0
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	seen, _ := strconv.ParseInt(rest[:end], 10, 64)
	return seen
}

// readVisit reads what a record says of its client; a zero visit when that is
// nothing, or nothing of ours.
func readVisit(rec store.Record) (v visit) {
	if json.Unmarshal(rec.State[visitKey], &v) != nil {
		return visit{}
	}
	return v
}

// visitDue reports whether the record is to say that the client was here: it
// signs in, or has not been seen for a while. A Clear takes the visit along; the
// next request that reads the session, if not this one, says it again.
func (s *Session) visitDue(now int64) bool {
	switch {
	case s.subject != nil:
		return *s.subject != ""
	case s.baseSubject == "" || s.started:
		return false
	case s.server.cleared || s.seen == 0:
		return true
	}
	return s.m.lastSeen > 0 && now-s.seen >= s.m.lastSeen
}

// withVisit gives state with the visit of this request. state itself stays as
// it is.
func (s *Session) withVisit(state map[string]json.RawMessage, now, began int64) map[string]json.RawMessage {
	next := make(map[string]json.RawMessage, len(state)+1)
	maps.Copy(next, state)
	agent, address := s.clientOf()
	next[visitKey] = visit{Seen: now, SignedIn: began, Agent: agent, Address: address}.text()
	return next
}

const (
	maxAgent   = 256 // bytes
	maxAddress = 64  // bytes, more than the longest IPv6 address with a zone
)

// clientOf gives the user agent and the address of the request, "" where there
// is none.
func (s *Session) clientOf() (agent, address string) {
	if s.request == nil {
		return "", ""
	}
	return clip(s.request.UserAgent(), maxAgent), clip(s.m.remoteAddr(s.request), maxAddress)
}

// remoteHost is the address of the connection, without its port.
func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// clip gives text as UTF-8 of at most so many bytes.
func clip(text string, bytes int) string {
	if len(text) > bytes {
		for bytes > 0 && !utf8.RuneStart(text[bytes]) {
			bytes--
		}
		text = text[:bytes]
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// timeOf is Unix milliseconds as a time; the zero time for 0.
func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
