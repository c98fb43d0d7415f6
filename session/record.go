package session

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/fxsession/sessions/store"
)

func (s *Session) deleteRecord(ctx context.Context) error {
	err := s.missed(s.m.store.Delete(ctx, s.id.key()))
	if s.deleting && ended(err) && !errors.Is(err, store.ErrRenewed) {
		err = nil // by an attempt whose answer was lost
	}
	s.deleting = inDoubt(err)
	if err != nil && !gone(err) {
		return s.noteEnded(err)
	}
	if err != nil && s.begun { // Delete of a session that was no longer there
		s.lose(err)
		return errAgain
	}
	if err == nil {
		s.note(EventSignedOut, s.id.key())
		s.m.watches.end(s.id.key())
	} else {
		s.noteExpired()
	}
	s.forgetRecord()
	return errAgain
}

// forgetRecord goes on without the record.
func (s *Session) forgetRecord() {
	s.record, s.id, s.version, s.fate, s.cycling = false, rawID{}, 0, keep, false
	s.wasSubject, s.visit, s.deleting = "", nil, false
}

func (s *Session) renewRecord(ctx context.Context, now int64) error {
	id, began, expires := newID(), min(s.began, now), s.expires // a clock may have gone back
	signedIn, latest := int64(0), false
	if s.signingIn {
		began = now
		signedIn, latest = s.rank(ctx, now)
		expires = s.lifeEnd(now, began)
	} else if later := s.extension(now); later != 0 {
		expires = later
	}
	ch, _ := s.change(now, signedIn)
	if s.signingIn || expires != s.expires { // the record may have another TTL than the cookie says
		ch.TTL = milliseconds(expires - now)
	}
	from, to := s.id.key(), id.key()
	err := s.changeKey(ctx, from, to, ch)
	if err != nil {
		return s.noteEnded(err)
	}
	s.id, s.known, s.began, s.expires, s.fate, s.cycling = id, now, began, expires, keep, false
	s.m.watches.move(s.watching, to)
	s.m.watches.end(from)
	in, before := s.signingIn, s.baseSubject
	s.written(ch)
	if !in {
		s.happened(Event{Kind: EventRenewed, Key: to, From: from, Subject: s.baseSubject})
		return nil
	}
	if before != "" && before != s.baseSubject {
		s.happened(Event{Kind: EventSignedOut, Key: from, Subject: before})
	}
	s.happened(Event{Kind: EventSignedIn, Key: to, From: from, Subject: s.baseSubject})
	if latest {
		s.evict(ctx, s.baseSubject)
	}
	return nil
}

func (s *Session) updateRecord(ctx context.Context, now int64) error {
	in := s.signingIn // to what an earlier attempt of this request has created
	ch, dirty := s.change(now, now)
	expires := s.expires
	if later := s.extension(now); later != 0 {
		expires = later
		ch.TTL = milliseconds(expires - now)
	}
	switch {
	case dirty || ch.TTL != 0 || len(ch.Set) > 0:
		if err := s.m.store.Update(ctx, s.id.key(), ch); err != nil {
			if !dirty && !s.client.dirty() && !s.owesCookie() && !ended(err) && !gone(err) {
				s.m.logger.Warn("session: the TTL, or when the client was last seen, could not be stored; the response goes out without", zap.Error(err))
				return nil
			}
			return s.noteEnded(err)
		}
	case s.client.dirty() || s.owesCookie():
		// Nothing of this request goes to the store, but a session that has
		// ended must not get a new cookie.
		if _, err := s.m.store.Load(ctx, s.id.key()); err != nil {
			return s.noteEnded(err)
		}
		s.clientSaved()
		return nil
	default:
		return nil
	}
	if expires != s.expires { // a clock may have gone back, and it is not to expire before it began
		s.began, s.expires = min(s.began, now), expires
	}
	s.written(ch)
	if in {
		s.happened(Event{Kind: EventSignedIn, Key: s.id.key(), Subject: s.baseSubject})
	}
	return nil
}

// owesCookie reports whether an earlier Sync has left a cookie to be sent, for a
// session that another request may have ended since.
func (s *Session) owesCookie() bool {
	return s.sending && !s.started && (s.clientChanged || s.payload() != s.held.payload)
}

// noteEnded remembers an ErrEnded; saveOnce then decides what comes of it.
func (s *Session) noteEnded(err error) error {
	if err = s.missed(err); ended(err) {
		s.foundEnded(err)
		return errAgain
	}
	return err
}

// wantsRecord reports whether a session without a record needs one.
func (s *Session) wantsRecord() bool {
	if s.subject != nil || len(s.server.state()) > 0 {
		return true
	}
	return !s.begun && !s.m.skipIfEmpty && len(s.client.state()) > 0
}

func (s *Session) createRecord(ctx context.Context, now int64) error {
	again := s.offered != rawID{}
	if again && s.signingIn && s.m.limit.most > 0 {
		return s.withdraw(ctx) // so that the sign-in is counted as any other
	}
	if !again {
		s.offered = newID()
	}
	id, began := s.offered, min(s.began, now)
	if !s.begun || s.signingIn {
		began = now
	}
	expires := s.lifeEnd(now, began)
	rec := store.Record{
		State:     s.server.state(),
		CreatedAt: time.UnixMilli(now),
		TTL:       milliseconds(expires - now),
	}
	latest := false
	if s.subject != nil {
		signedIn := int64(0)
		signedIn, latest = s.rank(ctx, now)
		rec.Subject = *s.subject
		rec.State = with(rec.State, visitKey, s.newVisit(now, signedIn).text())
	}
	key := id.key()
	err := s.create(ctx, key, rec)
	if inDoubt(err) || again && err != nil && !errors.Is(err, store.ErrDuplicateKey) {
		return err // offered is tried again, so that no record is left that nobody can reach
	}
	s.offered = rawID{}
	taken := again && errors.Is(err, store.ErrDuplicateKey)
	if err != nil && !taken {
		return err
	}
	s.edits++
	s.record, s.id, s.known, s.version, s.ended = true, id, now, 1, nil
	s.begun, s.began, s.expires = true, began, expires
	s.m.watches.move(s.watching, key)
	s.happened(Event{Kind: EventCreated, Key: key, Subject: rec.Subject})
	if rec.Subject != "" && !taken {
		s.visit = rec.State[visitKey]
		s.happened(Event{Kind: EventSignedIn, Key: key, Subject: rec.Subject})
		if latest {
			s.evict(ctx, rec.Subject)
		}
	}
	if taken { // by the earlier attempt, with what there was to write then
		subject := rec.Subject // rec itself stays on the stack
		s.version, s.subject, s.expires = 0, &subject, 0
		s.server = bag{known: true, set: s.server.state(), cleared: true}
		return errAgain
	}
	s.baseSubject, s.subject, s.signingIn, s.updates = rec.Subject, nil, false, nil
	s.server.saved()
	s.server.exact = false // others can write from here on
	s.clientSaved()
	return nil
}

// withdraw deletes the record that an attempt whose answer was lost may have
// created, and that is not wanted any more.
func (s *Session) withdraw(ctx context.Context) error {
	if err := s.m.store.Delete(ctx, s.offered.key()); err != nil && !gone(err) && !ended(err) {
		return err
	}
	s.offered = rawID{}
	return errAgain
}

// keepWithoutRecord is the save of a session that has client state alone.
func (s *Session) keepWithoutRecord(now int64) {
	if !s.begun && len(s.client.state()) > 0 {
		s.begun, s.began, s.expires = true, now, s.lifeEnd(now, now)
	} else if later := s.extension(now); s.begun && later != 0 {
		s.began, s.expires = min(s.began, now), later
	}
	s.clientSaved()
}

// change is what the request did to the record, now; dirty says whether that is
// anything. That the client was here goes along when it is due, and is nothing
// by itself; signedIn is when the subject signs in, if it does.
func (s *Session) change(now, signedIn int64) (ch store.Change, dirty bool) {
	ch.Set, ch.Clear, ch.Subject = s.server.set, s.server.cleared, s.subject
	for key := range s.server.removed {
		ch.Remove = append(ch.Remove, key)
	}
	if len(s.updates) > 0 {
		ch.IfVersion = s.version
	}
	s.noteVisit(&ch, now, signedIn)
	return ch, s.server.dirty() || s.subject != nil
}

// written takes over that the store has done ch.
func (s *Session) written(ch store.Change) {
	s.edits++
	if ch.IfVersion != 0 {
		s.version++
	} else {
		s.version = 0 // others may have written as well
	}
	if ch.Subject != nil {
		s.baseSubject = *ch.Subject
	}
	if text := ch.Set[visitKey]; text != nil {
		s.visit = text
	}
	s.subject, s.signingIn, s.updates = nil, false, nil
	s.server.saved()
	s.clientSaved()
}

func (s *Session) clientSaved() {
	if s.client.dirty() {
		s.clientChanged = true
		s.client.saved()
	}
}
