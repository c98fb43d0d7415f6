package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/fxsession/sessions/store"
)

// load makes the server state known. It is called with the session locked.
func (s *Session) load(ctx context.Context) error {
	s.used = true
	if s.server.known {
		return nil
	}
	return s.reload(ctx)
}

// reload asks the store for the record, also when it was loaded before.
func (s *Session) reload(ctx context.Context) error {
	s.edits++
	rec, err := s.m.store.Load(ctx, s.id.key())
	err = s.missed(err)
	switch {
	case err == nil:
		if s.visit = rec.State[visitKey]; s.visit != nil {
			delete(rec.State, visitKey)
		}
		s.server.learn(rec.State, false)
		s.baseSubject, s.version = rec.Subject, rec.Version
		return nil
	case ended(err):
		s.endedUnder(err)
		return nil
	case gone(err):
		s.lose(err)
		return nil
	}
	return err
}

// missed tells, of a record that is not there, whether it was ended under this
// request so long ago that its mark has gone as well: one that should be there by
// its TTL, and whose ID the request has known for longer than a mark lasts. Where
// a missing record is allowed, the request must have seen it.
func (s *Session) missed(err error) error {
	if !errors.Is(err, store.ErrNotFound) || s.m.allowMissing && !s.server.known {
		return err
	}
	if now := s.m.now(); now < s.expires && now-s.known >= store.Grace.Milliseconds() {
		return errUnmarked
	}
	return err
}

var errUnmarked = fmt.Errorf("session: the record has gone during the request: %w", store.ErrEnded)

// noteExpired says that the record was found to be gone.
func (s *Session) noteExpired() {
	s.note(EventExpired, s.id.key())
	s.m.watches.end(s.id.key())
}

// gone reports whether err says that a record will not be found again.
func gone(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt)
}

// foundEnded says that another request has deleted or renewed the session: what it
// held is no longer this request's to see.
func (s *Session) foundEnded(err error) {
	s.ended = err
	s.server.base, s.client.base, s.baseSubject = nil, nil, ""
	s.m.telemetry.lost(err)
	s.note(EventEndedUnder, s.id.key())
	s.m.watches.end(s.id.key())
}

// endedUnder goes on after a load has found that the session was deleted or
// renewed by another request.
func (s *Session) endedUnder(err error) {
	s.foundEnded(err)
	s.server.disown()
	s.client.disown()
}

// lose goes on without the record, which cause says is missing: as a fresh
// session that holds what this request has written or, where the configuration
// allows a missing record, with the client state kept.
func (s *Session) lose(cause error) {
	if s.ended == nil {
		s.m.telemetry.lost(cause)
	}
	if s.record && !ended(cause) {
		s.noteExpired()
	}
	s.edits++
	if ended(cause) || s.begun && s.m.now() >= s.expires { // the client's cookie is no longer this request's to take away
		s.held = heldCookie{}
	}
	s.forgetRecord()
	s.baseSubject = ""
	s.ended = nil
	s.server.disown()
	if !errors.Is(cause, store.ErrNotFound) || !s.m.allowMissing {
		s.client.disown()
		s.begun = false
		s.oldTerms = terms{}
		if !s.signingIn {
			s.terms = terms{}
		}
	}
}
