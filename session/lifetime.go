package session

import (
	"errors"
	"time"
)

// over reports whether the session has passed its expiry during the request.
// Of a record the store tells, as another request may have extended it, but for
// the absolute lifetime, which nobody extends.
func (s *Session) over(now int64) bool {
	switch {
	case !s.begun || s.started:
		return false
	case s.record:
		return s.m.maxLifetime > 0 && now >= s.began+s.m.maxLifetime
	}
	return now >= s.expires
}

// errOver is the cause of a session that has passed its expiry during the
// request.
var errOver = errors.New("session: over")

// extension is the expiry that the session gets by being touched, 0 when it
// keeps the one that it has. One that is not known it always gets.
func (s *Session) extension(now int64) int64 {
	if s.started || !s.begun || !s.used || s.m.extendOnChanges && !s.changes() {
		return 0
	}
	later := s.lifeEnd(now, s.began)
	if s.expires == 0 {
		return later
	}
	threshold, ttl, remains := s.m.threshold, float64(s.ttl()), float64(s.expires-now)
	// Where the expiry is so far away, the clock has gone back, or that of another
	// instance is ahead: the record would be gone before the cookie says that it is
	// to be extended.
	wrong := remains > ttl+min(threshold, 1-threshold)*ttl
	due := threshold == 1 || remains < threshold*ttl
	if threshold > 0 && (wrong || due && later > s.expires) {
		return later
	}
	return 0
}

// changes reports whether the request has changed the session.
func (s *Session) changes() bool {
	return s.server.dirty() || s.client.dirty() || s.subject != nil || s.fate != keep
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// ttl is how long the session lives after its last extension, in milliseconds.
func (s *Session) ttl() int64 {
	if s.terms.ttl > 0 {
		return s.terms.ttl
	}
	return s.m.ttl
}

// lifeEnd is the expiry of the session when it began at began and is touched
// now.
func (s *Session) lifeEnd(now, began int64) int64 {
	if end := began + s.m.maxLifetime; s.m.maxLifetime > 0 && end < now+s.ttl() {
		return end
	}
	return now + s.ttl()
}
