package session

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/netip"
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
// was there. Nothing is kept of visitors who are not signed in, with one
// exception: where a limit evicts sign-ins, and a Clear was unread, when their
// session began.
type visit struct {
	Seen     int64 `json:"seen"`      // Unix milliseconds; first, for seenAt
	SignedIn int64 `json:"signed_in"` // Unix milliseconds, see Session.rank
	// Tag is random, made at the sign-in, and stays when the ID changes, so that
	// a session that is found under two keys is known to be one.
	Tag     string `json:"tag,omitempty"`
	Agent   string `json:"agent,omitempty"`
	Address string `json:"address,omitempty"`
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
func readVisit(text json.RawMessage) (v visit) {
	if json.Unmarshal(text, &v) != nil {
		return visit{}
	}
	return v
}

// noteVisit adds to the change of a record that the client was here, when it
// signs in, at signedIn, or has not been seen for a while; and keeps what is
// known when Clear would take it along.
func (s *Session) noteVisit(ch *store.Change, now, signedIn int64) {
	var text json.RawMessage
	switch {
	case s.subject != nil && *s.subject != "", s.visitDue(now):
		text = s.newVisit(now, signedIn).text()
	case !ch.Clear:
		return
	case s.server.known:
		if text = s.visit; text == nil {
			return
		}
	case s.m.limit.evicts(): // the rest is noted when somebody who is signed in comes back
		text = visit{SignedIn: s.began}.text()
	default:
		return
	}
	ch.Set = with(ch.Set, visitKey, text)
}

func (s *Session) visitDue(now int64) bool {
	return s.baseSubject != "" && s.subject == nil && !s.started &&
		s.m.lastSeen > 0 && now-seenAt(s.visit) >= s.m.lastSeen
}

// newVisit is the visit of this request.
func (s *Session) newVisit(now, signedIn int64) visit {
	v := visit{Seen: now, SignedIn: signedIn}
	v.Agent, v.Address = s.clientOf()
	if s.subject == nil { // the same sign-in
		old := readVisit(s.visit)
		v.Tag, v.SignedIn = old.Tag, cmp.Or(old.SignedIn, s.began)
	}
	if v.Tag == "" {
		v.Tag = rand.Text()[:13] // 65 bits, as it has to be none other of one subject's
	}
	return v
}

// with gives state with one more text. state itself stays as it is.
func with(state map[string]json.RawMessage, key string, text json.RawMessage) map[string]json.RawMessage {
	next := make(map[string]json.RawMessage, len(state)+1)
	maps.Copy(next, state)
	next[key] = text
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
	if err != nil { // a middleware may have put an address alone there
		host = r.RemoteAddr
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return ""
	}
	return host
}

// clip gives text as UTF-8 of at most so many bytes.
func clip(text string, bytes int) string {
	text = strings.ToValidUTF8(text[:min(len(text), bytes+utf8.UTFMax)], "\uFFFD")
	if len(text) > bytes {
		for !utf8.RuneStart(text[bytes]) {
			bytes--
		}
		text = text[:bytes]
	}
	return text
}

// timeOf is Unix milliseconds as a time; the zero time for 0.
func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
