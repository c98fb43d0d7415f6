package session

import (
	"context"
	"errors"

	"github.com/fxsession/sessions/store"
)

// errAgain makes save look at the session once more.
var errAgain = errors.New("session: look again")

// Sync saves the session now rather than when the response starts, so that the
// handler sees the outcome. It may be called more than once. The cookie still
// goes with the response: after a Sync that has begun the session or renewed
// its ID, a handler that panics leaves the client without it.
//
// What a Sync could not save is tried again before the response starts, and the
// ErrorHandler answers if that fails, too. To answer itself, a handler must give
// the changes up: where the session has ended, it calls Reset; where a sign-in is
// one too many, that is forgotten already. After the response has started, a
// handler that learns of the end of its session from Sync can finish it as it likes.
//
// The error is one of package store, with ErrEnded if another request has ended
// or renewed the session meanwhile; ErrTooManySessions; ErrResponseStarted if
// what is to be saved needs a cookie that can no longer be sent; ErrClosed; that
// of ctx, which also bounds how long Sync waits for another save of the session;
// or the error of a function that [Field.Update] was given, which ran again.
func (s *Session) Sync(ctx context.Context) error {
	if !s.installed() {
		return ErrNotInstalled
	}
	if err := ctx.Err(); err != nil { // nothing is tried, and nothing in doubt
		return err
	}
	if err := s.lockSaving(ctx); err != nil {
		return err
	}
	defer s.unlockSaving()
	if s.closed {
		return ErrClosed
	}
	s.open()
	err := s.save(ctx)
	s.told = s.told || ended(err)
	return err
}

// save brings the store to where the session is. It is called between
// lockSaving and unlockSaving. After an error the session may be saved again, and
// is then what it was, unless the outcome of a change that must not happen twice
// is in doubt.
func (s *Session) save(ctx context.Context) error {
	if s.doubt != nil {
		return s.doubt
	}
	if s.replayDue {
		if err := s.replay(); err != nil {
			return err
		}
	}
	retry := retry{deadline: s.m.saveTimeout}
	defer retry.stop()
	for {
		err := s.saveOnce(ctx)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errAgain):
		case errors.Is(err, store.ErrConflict) && len(s.updates) > 0 && !errors.Is(err, errNoTurn):
			s.m.telemetry.conflict(ctx)
			if ctx = retry.wait(ctx); ctx == nil {
				return err
			}
			if loadErr := s.reload(ctx); loadErr != nil {
				s.replayDue = true
				if ctx.Err() != nil {
					return err // which is why the time has run out
				}
				return loadErr
			}
		case gone(err) && s.record && !s.started:
			s.lose(err)
		case errors.Is(err, store.ErrDuplicateKey) && retry.duplicateAgain():
		case errors.Is(err, ErrTooManySessions): // a handler that called Sync may go on without
			s.takeBackSignIn()
			if s.fate == renew && !s.cycling {
				s.fate = keep
			}
			return err
		case inDoubt(err) && (len(s.updates) > 0 || s.fate == renew):
			s.doubt = err
			return err
		default:
			return err
		}
		if err := s.replay(); err != nil {
			return err
		}
	}
}

// inDoubt reports whether err leaves open that the store has done what it was
// asked.
func inDoubt(err error) bool {
	if errors.As(err, new(*untried)) {
		return false
	}
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// saveOnce does what there is to do, by one call to the store wherever one is
// enough.
func (s *Session) saveOnce(ctx context.Context) error {
	now := s.m.now()
	s.asOf = now
	switch cause := s.ended; {
	case cause == nil:
	case s.signingIn && s.record:
		s.lose(cause)
		s.ended = cause // until the sign-in has a record
		return errAgain
	case s.signingIn:
	case s.offered != rawID{}:
		return s.withdraw(ctx)
	default:
		return s.endedOutcome()
	}
	if s.over(now) {
		s.lose(errOver)
		return errAgain
	}
	switch {
	case s.record && s.fate == end:
		return s.deleteRecord(ctx)
	case s.record && s.fate == renew:
		return s.renewRecord(ctx, now)
	case s.record:
		return s.updateRecord(ctx, now)
	case s.wantsRecord():
		if s.started { // nobody could reach it
			return ErrResponseStarted
		}
		return s.createRecord(ctx, now)
	case s.offered != rawID{}:
		return s.withdraw(ctx)
	}
	s.keepWithoutRecord(now)
	return nil
}

// endedOutcome is what a request gets whose session was ended by another one:
// the error, if there is something that it would have saved.
func (s *Session) endedOutcome() error {
	unsaved := s.server.dirty() || s.client.dirty() || s.subject != nil || s.fate == renew
	// It has ended, as was asked for, unless it goes on under another ID, and the
	// handler does not know.
	if s.fate == end && !s.told {
		unsaved = unsaved || errors.Is(s.ended, store.ErrRenewed)
	}
	if unsaved {
		return s.ended
	}
	return nil
}
