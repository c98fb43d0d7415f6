package session

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/fxsession/sessions/store"
)

// Info is what a subject can be told about one of its sessions: a line in a
// list of devices. Times are in UTC, to the millisecond.
type Info struct {
	// Key is the handle of the session, for Revoke. It can be shown: it opens
	// nothing. It changes when the session gets a new ID.
	Key store.Key
	// Subject is who is signed in.
	Subject string
	// CreatedAt is when the record was made, which may have been before the
	// sign-in.
	CreatedAt time.Time
	// SignedInAt is when the subject signed in. LastSeenAt is when a request
	// last read the session, with the precision of state.last_seen_interval;
	// now for the current session. Both are zero if unknown.
	SignedInAt, LastSeenAt time.Time
	// ExpiresAt is when the session ends if no request uses it again.
	ExpiresAt time.Time
	// UserAgent and RemoteAddr are those of the request at LastSeenAt, cut to 256
	// and 64 bytes. The client chooses the user agent, and also the
	// address if a proxy is wrongly trusted: show them, but decide nothing by
	// them.
	UserAgent, RemoteAddr string
	// Current reports whether it is the session of the context's request.
	Current bool
}

// Sessions lists the sessions that subject is signed in with, the current one
// first, then by when they were last seen. The error is one of package store:
// ErrInvalid when the subject is empty, ErrUnsupported when the backend cannot
// find sessions by subject.
func (m *Manager) Sessions(ctx context.Context, subject string) ([]Info, error) {
	entries, err := m.store.ListBySubject(ctx, subject)
	if err != nil {
		return nil, err
	}
	now, current := timeOf(m.now()), m.FromContext(ctx).recordKey()
	list := make([]Info, 0, len(entries))
	byTag := map[string]store.Entry{}
	for _, e := range entries { // of a session that is being renewed, the record with the new ID
		tag := readVisit(e.Record.State[visitKey]).Tag
		if last, twice := byTag[tag]; !twice || last.Record.Version < e.Record.Version {
			byTag[tag] = e
		}
	}
	for _, e := range entries {
		v := readVisit(e.Record.State[visitKey])
		if v.Tag != "" && byTag[v.Tag].Key != e.Key {
			continue
		}
		info := Info{
			Key:        e.Key,
			Subject:    e.Record.Subject,
			CreatedAt:  e.Record.CreatedAt.UTC(),
			SignedInAt: timeOf(v.SignedIn),
			LastSeenAt: timeOf(v.Seen),
			ExpiresAt:  now.Add(e.Record.TTL),
			UserAgent:  v.Agent,
			RemoteAddr: v.Address,
			Current:    e.Key == current,
		}
		if info.Current {
			info.LastSeenAt = now
		}
		list = append(list, info)
	}
	slices.SortFunc(list, func(a, b Info) int {
		if a.Current != b.Current {
			if a.Current {
				return -1
			}
			return 1
		}
		return cmp.Or(b.LastSeenAt.Compare(a.LastSeenAt), slices.Compare(a.Key[:], b.Key[:]))
	})
	return list, nil
}

// Revoke ends the session under key, if it is one of subject's. If it is not,
// or has ended already, the error is ErrNotFound of package store. ErrRenewed
// says that the session continues under another key: list again. The session of
// the request itself ends as by SignOut, including its cookie.
func (m *Manager) Revoke(ctx context.Context, subject string, key store.Key) error {
	rec, err := m.store.Load(ctx, key)
	if err == nil && (rec.Subject == "" || rec.Subject != subject) {
		return errNotTheirs
	}
	if err == nil { // its subject cannot become another under this key: a sign-in changes it
		err = m.store.Delete(ctx, key)
	}
	switch {
	case ended(err) && !errors.Is(err, store.ErrRenewed):
		return errNotTheirs
	case err != nil:
		return err
	}
	m.watches.end(key)
	m.tellRevoked(ctx, subject)(key)
	m.FromContext(ctx).revokedHere(key)
	return nil
}

// RevokeOthers ends every session of s's subject except s, and returns how
// many. It is for "sign out everywhere else" and for a new password, also in
// the request that signs in. The error is ErrNotSignedIn, ErrNotInstalled, ErrClosed,
// one that says that s is another Manager's, or one of package store: ErrEnded if s
// itself has ended. Some sessions may have been ended when there is an error.
func (m *Manager) RevokeOthers(ctx context.Context, s *Session) (int, error) {
	if s.installed() && s.m != m {
		return 0, errForeign
	}
	own, err := s.standing(ctx)
	if err != nil {
		return 0, err
	}
	return m.revoke(ctx, own.Record.Subject, func(all []store.Entry) (keys []store.Key) {
		tag := readVisit(own.Record.State[visitKey]).Tag
		for _, e := range all { // s may get another key meanwhile
			if e.Key != own.Key && (tag == "" || tag != readVisit(e.Record.State[visitKey]).Tag) {
				keys = append(keys, e.Key)
			}
		}
		return keys
	}, m.tellRevoked(ctx, own.Record.Subject))
}

// RevokeAll ends every session of subject, and returns how many. It is for a
// password reset or a closed account. The session of the request itself ends as
// by SignOut, even if it is only about to sign in. The error is one of package
// store; some sessions may have been ended then.
func (m *Manager) RevokeAll(ctx context.Context, subject string) (int, error) {
	s := m.FromContext(ctx)
	tell := m.tellRevoked(ctx, subject)
	n, err := m.revoke(ctx, subject, func(all []store.Entry) (keys []store.Key) {
		for _, e := range all {
			keys = append(keys, e.Key)
		}
		return keys
	}, func(key store.Key) {
		tell(key)
		s.revokedHere(key)
	})
	if err == nil {
		s.revokeSignIn(subject)
	}
	return n, err
}

// revoke ends those sessions of a subject that which chooses, and calls tell
// for each. One that is renewed meanwhile is in the next list.
func (m *Manager) revoke(ctx context.Context, subject string, which func([]store.Entry) []store.Key, tell func(store.Key)) (n int, err error) {
	renewed := map[store.Key]bool{}
	for {
		entries, err := m.store.ListBySubject(ctx, subject)
		if err != nil {
			return n, err
		}
		more := false
		for _, key := range which(entries) {
			err := m.store.Delete(ctx, key)
			switch {
			case err == nil:
				n++
				m.watches.end(key)
				tell(key)
			case errors.Is(err, store.ErrRenewed):
				more = more || !renewed[key]
				renewed[key] = true
			case !ended(err) && !gone(err):
				return n, err
			}
		}
		if !more {
			return n, nil
		}
	}
}

// tellRevoked gives what tells the observers of a revocation in the request of
// ctx.
func (m *Manager) tellRevoked(ctx context.Context, subject string) func(store.Key) {
	ctx = context.WithoutCancel(ctx) // the session has ended, whoever still waits
	return func(key store.Key) {
		if !m.observed() {
			return
		}
		e := Event{Kind: EventRevoked, At: m.clock(), Key: key, Subject: subject}
		if s := m.FromContext(ctx); s.installed() {
			e.UserAgent, e.RemoteAddr = s.clientOf()
		}
		m.observe(ctx, e)
	}
}

// recordKey is the key of the session's record; the zero Key where there is
// none, or no session.
func (s *Session) recordKey() store.Key {
	if s.lock() != nil {
		return store.Key{}
	}
	defer s.unlock()
	return s.key()
}

// revokedHere goes on, when it is this session that was revoked, as after a
// SignOut whose record is deleted already.
func (s *Session) revokedHere(key store.Key) {
	if s.lock() != nil {
		return
	}
	defer s.unlock()
	if s.key() == key {
		s.forgetRecord()
		s.drop()
		s.invalidated = true
	}
}

// revokeSignIn ends the session if it is about to sign subject in.
func (s *Session) revokeSignIn(subject string) {
	if s.lock() != nil {
		return
	}
	defer s.unlock()
	if s.subject != nil && *s.subject == subject {
		s.drop()
		s.invalidated = true
	}
}

// standing gives the record of a signed-in session that still lives, or one
// with the subject alone where the request is about to sign in.
func (s *Session) standing(ctx context.Context) (own store.Entry, err error) {
	if err := s.lock(); err != nil {
		return own, err
	}
	defer s.unlock()
	s.used = true
	own.Key = s.key()
	switch {
	case s.subject != nil:
		own.Record.Subject = *s.subject
	case s.ended != nil:
		return own, s.ended
	case s.record && s.fate != end: // what was loaded may have ended meanwhile
		own.Record, err = s.m.store.Load(ctx, own.Key)
		if ended(err) {
			s.endedUnder(err)
		}
		if err != nil && !gone(err) {
			return own, err
		}
	}
	if own.Record.Subject == "" {
		return own, ErrNotSignedIn
	}
	return own, nil
}
