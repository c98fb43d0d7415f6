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
// keeps the one that it has.
func (s *Session) extension(now int64) int64 {
	if s.started || !s.begun {
		return 0
	}
	if !s.used || s.m.extendOnChanges && !s.changes() {
		return 0
	}
	remains, ttl := float64(s.expires-now), float64(s.ttl())
	if s.m.threshold < 1 && remains >= s.m.threshold*ttl && !s.tooLate(remains, ttl) {
		return 0
	}
	if later := s.lifeEnd(now, s.began); later > s.expires || s.tooLate(remains, ttl) {
		return later
	}
	return 0
}

// tooLate reports whether the cookie's expiry is so far away that the clock must
// have gone back, or that of another instance be ahead: the record would be gone
// before the cookie says that it is to be extended.
func (s *Session) tooLate(remains, ttl float64) bool {
	return s.m.threshold > 0 && remains > ttl+min(s.m.threshold, 1-s.m.threshold)*ttl
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
