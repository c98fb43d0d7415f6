package session

import (
	"cmp"
	"context"
	"slices"

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

func (l limit) denies() bool { return l.most > 0 && l.deny }
func (l limit) evicts() bool { return l.most > 0 && !l.deny }

// create files the record of a session, if it signs in nobody who has too many.
func (s *Session) create(ctx context.Context, key store.Key, rec store.Record) error {
	if !s.signingIn || !s.m.limit.denies() {
		return s.m.store.Create(ctx, key, rec)
	}
	return s.m.admitting(ctx, *s.subject, key, key, func(ctx context.Context) error {
		return s.m.store.Create(ctx, key, rec)
	})
}

// changeKey files the record of a session anew, likewise.
func (s *Session) changeKey(ctx context.Context, from, to store.Key, ch store.Change) error {
	if !s.signingIn || !s.m.limit.denies() {
		return s.m.store.ChangeKey(ctx, from, to, ch)
	}
	return s.m.admitting(ctx, *s.subject, from, to, func(ctx context.Context) error {
		return s.m.store.ChangeKey(ctx, from, to, ch)
	})
}

// admitting runs write, which signs subject in under the key to, if the subject
// may have one more session than those that it has beside own.
func (m *Manager) admitting(ctx context.Context, subject string, own, to store.Key, write func(context.Context) error) error {
	return m.inTurn(ctx, subject, func(ctx context.Context) error {
		if err := m.admit(ctx, subject, own); err != nil {
			return &untried{err}
		}
		err := write(ctx)
		if inDoubt(err) { // what nobody holds must not take a place
			ctx, cancel := m.without(ctx)
			defer cancel()
			if err := m.store.Delete(ctx, to); err != nil && !gone(err) {
				m.logger.Warn("session: a sign-in that may have been stored could not be taken back, and counts until it expires", zap.Error(err))
			}
		}
		return err
	})
}

// untried is the error of a write that was not even begun.
type untried struct{ error }

func (u *untried) Unwrap() error { return u.error }

// without gives a context that is not cancelled with ctx, for what is to be
// cleaned up.
func (m *Manager) without(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), m.saveTimeout)
}

// admit returns ErrTooManySessions when the subject has no place left.
func (m *Manager) admit(ctx context.Context, subject string, own store.Key) error {
	entries, err := m.store.ListBySubject(ctx, subject)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e store.Entry) bool { return e.Key == own })
	if len(signIns(entries)) >= m.limit.most {
		return ErrTooManySessions
	}
	return nil
}

// signIn is one session of a subject, under the key that it has or, while that
// changes, under both.
type signIn struct {
	keys  []store.Key
	at    int64 // Unix milliseconds, see Session.rank
	order string
}

// signIns gives the sessions among entries, the newest first.
func signIns(entries []store.Entry) []signIn {
	list := make([]signIn, 0, len(entries))
	byTag := map[string]int{}
	for _, e := range entries {
		v := readVisit(e.Record.State[visitKey])
		if i, known := byTag[v.Tag]; known && v.Tag != "" {
			list[i].keys = append(list[i].keys, e.Key)
			continue
		}
		byTag[v.Tag] = len(list)
		at := v.SignedIn
		if at == 0 {
			at = e.Record.CreatedAt.UnixMilli()
		}
		list = append(list, signIn{[]store.Key{e.Key}, at, cmp.Or(v.Tag, e.Key.String())})
	}
	slices.SortFunc(list, func(a, b signIn) int {
		return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.order, b.order))
	})
	return list
}

// rank is the time of a sign-in. Where the oldest are to be evicted it is later
// than that of every sign-in before, also of one on an instance whose clock is
// ahead: all must agree about which are the newest. latest is false where it may
// not be: then the sign-in evicts nobody, as that could be itself.
func (s *Session) rank(ctx context.Context, now int64) (at int64, latest bool) {
	if !s.m.limit.evicts() {
		return now, true
	}
	entries, err := s.m.store.ListBySubject(ctx, *s.subject)
	if all := signIns(entries); err == nil && len(all) > 0 {
		now = max(now, all[0].at+1)
	}
	return now, err == nil
}

// evict ends the oldest sign-ins of a subject, once one more has been stored.
// It needs no turn: whoever looks last sees every session, all agree about
// which are the newest, and nobody ends one of those. An error leaves too many
// until the next sign-in.
func (s *Session) evict(ctx context.Context, subject string) {
	if !s.m.limit.evicts() {
		return
	}
	ctx = context.WithoutCancel(ctx) // the sign-in is stored, whoever still waits
	_, err := s.m.revoke(ctx, subject, func(all []store.Entry) (keys []store.Key) {
		list := signIns(all)
		for _, old := range list[min(s.m.limit.most, len(list)):] {
			keys = append(keys, old.keys...)
		}
		return keys
	}, func(key store.Key) {
		s.happened(Event{Kind: EventRevoked, Key: key, Subject: subject})
	})
	if err != nil {
		s.m.logger.Warn("session: the sessions beyond session.state.max_sessions_per_subject could not be ended, the next sign-in will", zap.Error(err))
	}
}
