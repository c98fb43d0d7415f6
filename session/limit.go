package session

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/store"
)

// limit is how many sessions a subject may have: state.max_sessions_per_subject.
type limit struct {
	most int // 0: any number
	deny bool
}

func limitOf(cfg config.StateConfig) limit {
	return limit{cfg.MaxSessionsPerSubject, cfg.MaxSessionsPolicy == config.MaxSessionsDeny}
}

// create files the record of a session, if it signs in nobody who has too many.
func (s *Session) create(ctx context.Context, key store.Key, rec store.Record) error {
	if !s.mayBeDenied() {
		return s.m.store.Create(ctx, key, rec)
	}
	return s.m.admitting(ctx, *s.subject, s.key(), func(ctx context.Context) error {
		return s.m.store.Create(ctx, key, rec)
	})
}

// changeKey files the record of a session anew, likewise.
func (s *Session) changeKey(ctx context.Context, from, to store.Key, ch store.Change) error {
	if !s.mayBeDenied() {
		return s.m.store.ChangeKey(ctx, from, to, ch)
	}
	return s.m.admitting(ctx, *s.subject, from, func(ctx context.Context) error {
		return s.m.store.ChangeKey(ctx, from, to, ch)
	})
}

func (s *Session) mayBeDenied() bool { return s.signingIn && s.m.limit.most > 0 && s.m.limit.deny }

// admitting runs write, which signs subject in, if the subject may have one
// more session than those that it has beside own.
func (m *Manager) admitting(ctx context.Context, subject string, own store.Key, write func(context.Context) error) error {
	return m.inTurn(ctx, subject, func(ctx context.Context) error {
		if err := m.admit(ctx, subject, own); err != nil {
			return err
		}
		return write(ctx)
	})
}

// admit returns ErrTooManySessions when the subject has no place left.
func (m *Manager) admit(ctx context.Context, subject string, own store.Key) error {
	entries, err := m.store.ListBySubject(ctx, subject)
	if err != nil {
		return err
	}
	others := 0
	for _, e := range entries {
		if e.Key != own {
			others++
		}
	}
	if others >= m.limit.most {
		return ErrTooManySessions
	}
	return nil
}

// evict ends the oldest sign-ins of a subject, once one more has been stored.
// It needs no turn: whoever looks last sees every session, all agree about
// which are the newest, and nobody ends one of those. An error leaves too many
// until the next sign-in.
func (m *Manager) evict(ctx context.Context, subject string) {
	if m.limit.most == 0 || m.limit.deny {
		return
	}
	_, err := m.revoke(ctx, subject, func(all []store.Entry) []store.Entry {
		slices.SortFunc(all, func(a, b store.Entry) int {
			return cmp.Or(cmp.Compare(signedIn(b.Record), signedIn(a.Record)), slices.Compare(a.Key[:], b.Key[:]))
		})
		return all[min(m.limit.most, len(all)):]
	}, func(store.Key) {})
	if err != nil {
		m.logger.Warn("session: the sessions beyond session.state.max_sessions_per_subject could not be ended, the next sign-in will", zap.Error(err))
	}
}

// signedIn is when a record's subject signed in, in Unix milliseconds.
func signedIn(rec store.Record) int64 {
	if v := readVisit(rec); v.SignedIn != 0 {
		return v.SignedIn
	}
	return rec.CreatedAt.UnixMilli()
}

// inTurn runs do while no other sign-in of the subject is under way, on any
// instance: a record that only one can create says whose turn it is. It
// outlives whoever cannot remove it by as much as do may take. When the turn
// does not come in time, the error is ErrConflict of package store.
func (m *Manager) inTurn(ctx context.Context, subject string, do func(context.Context) error) error {
	sum := sha256.Sum256([]byte("turn of " + subject))
	key := store.Key(sum[:len(store.Key{})])
	turn := store.Record{CreatedAt: m.clock(), TTL: 3 * m.saveTimeout}
	ctx, cancel := context.WithTimeout(ctx, 2*m.saveTimeout)
	defer cancel()
	for started := time.Now(); ; {
		err := m.store.Create(ctx, key, turn)
		if err == nil {
			break
		}
		if !errors.Is(err, store.ErrDuplicateKey) {
			return err
		}
		if time.Since(started) >= m.saveTimeout {
			return errNoTurn
		}
		pause := time.NewTimer(time.Millisecond + rand.N(10*time.Millisecond))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
	defer func() {
		if err := m.store.Delete(context.WithoutCancel(ctx), key); err != nil {
			m.logger.Warn("session: a subject's turn to sign in could not be given back, and ends by itself", zap.Error(err))
		}
	}()
	return do(ctx)
}
