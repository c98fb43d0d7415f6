package session

import (
	"context"
	"fmt"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/store"
)

// SignInOption changes the session that a sign-in begins.
type SignInOption func(*signInOptions)

type signInOptions struct {
	terms
	unknown *config.CookieKind // that was asked for
}

// terms are what a session has of its own, in the place of what the
// configuration says. They travel in the cookie, so that a save that loads
// nothing keeps to them.
type terms struct {
	ttl  int64 // milliseconds; 0: as configured
	kind kind
}

// kind says whether the cookie survives the end of the browser.
type kind uint8

const (
	kindConfigured kind = iota
	kindPersistent
	kindSession
)

// SignInTTL gives the session its own TTL, for "remember me", until it signs in
// again or ends. The TTL is extended like state.ttl. It must not be above
// state.max_lifetime.
func SignInTTL(ttl time.Duration) SignInOption {
	return func(t *signInOptions) {
		if t.ttl = wholeMilliseconds(ttl); t.ttl == 0 {
			t.ttl = -1 // 0 is what was not asked for
		}
	}
}

// SignInCookieKind gives the session its own kind of cookie, until it signs in
// again or ends: config.KindPersistent for "remember me", config.KindSession
// for a shared computer.
func SignInCookieKind(k config.CookieKind) SignInOption {
	return func(t *signInOptions) {
		t.unknown = nil
		switch k {
		case config.KindPersistent:
			t.kind = kindPersistent
		case config.KindSession:
			t.kind = kindSession
		default:
			t.unknown = &k
		}
	}
}

// termsOf checks what a sign-in asks for.
func (m *Manager) termsOf(opts []SignInOption) (terms, error) {
	var t signInOptions
	for _, opt := range opts {
		opt(&t)
	}
	switch {
	case t.ttl < 0:
		return terms{}, fmt.Errorf("session: sign in: %w: a TTL that is not above zero", store.ErrInvalid)
	case m.maxLifetime > 0 && t.ttl > m.maxLifetime:
		return terms{}, fmt.Errorf("session: sign in: %w: a TTL above session.state.max_lifetime, which is %v",
			store.ErrInvalid, time.Duration(m.maxLifetime)*time.Millisecond)
	case t.unknown != nil:
		return terms{}, fmt.Errorf("session: sign in: %w: unknown cookie kind %q", store.ErrInvalid, *t.unknown)
	}
	return t.terms, nil
}

// persistent reports whether the cookie survives the end of the browser.
func (s *Session) persistent() bool {
	if s.terms.kind == kindConfigured {
		return s.m.persistent
	}
	return s.terms.kind == kindPersistent
}

// Subject returns who is signed in; "" if nobody is.
func (s *Session) Subject(ctx context.Context) (string, error) {
	if err := s.lock(); err != nil {
		return "", err
	}
	defer s.unlock()
	return s.whose(ctx)
}

// whose gives the subject, of this request's sign-in or as stored.
func (s *Session) whose(ctx context.Context) (string, error) {
	if s.subject != nil {
		s.used = true
		return *s.subject, nil
	}
	err := s.load(ctx)
	return s.baseSubject, err
}

// SignedInAt returns when the subject last signed in with this session, for
// pages that ask for the password again when that is long ago (OWASP ASVS 5.0,
// 7.5.1), in UTC and to the millisecond; the zero time if nobody is signed in.
func (s *Session) SignedInAt(ctx context.Context) (time.Time, error) {
	if err := s.lock(); err != nil {
		return time.Time{}, err
	}
	defer s.unlock()
	subject, err := s.whose(ctx)
	switch {
	case err != nil || subject == "":
		return time.Time{}, err
	case s.signingIn:
		return timeOf(s.m.now()), nil
	}
	return timeOf(s.began), nil // a sign-in begins the session anew
}

// SignIn signs subject in. The session continues under a new ID, so that an ID
// from before the sign-in is worthless (OWASP ASVS 5.0, 7.2.4), and its
// absolute lifetime starts again. Both states stay, so that a cart survives the
// sign-in. If somebody else may be signed in, check [Session.Subject] first and
// call [Session.Reset], or the new subject gets what the other one had. SignIn
// also succeeds if the request's session has ended meanwhile: the new session then
// contains what this request has written and nothing of the old one.
//
// If state.max_sessions_policy is deny and the subject has as many sessions as
// it may, the error is ErrTooManySessions; if another sign-in of the subject
// takes the last place meanwhile, that is the error of the save. Other errors
// are ErrEmptySubject; ErrInvalid of package store if subject is not UTF-8 or
// contains NUL, or if an option is not valid; ErrInvalidated;
// ErrResponseStarted.
func (s *Session) SignIn(ctx context.Context, subject string, opts ...SignInOption) error {
	if subject == "" {
		return ErrEmptySubject
	}
	if err := store.CheckSubject(subject); err != nil {
		return fmt.Errorf("session: sign in: %w", err)
	}
	if err := s.lock(); err != nil {
		return err
	}
	defer s.unlock()
	its, err := s.m.termsOf(opts)
	if err != nil {
		return err
	}
	if err := s.writable(true); err != nil {
		return err
	}
	if s.m.limit.denies() { // the save asks again; a handler can answer now
		if err := s.m.admit(ctx, subject, s.key()); err != nil {
			return err
		}
	}
	if !s.signingIn {
		s.oldTerms = s.terms
	}
	s.subject, s.terms = &subject, its
	s.signingIn = true
	if s.record && s.fate == keep {
		s.fate = renew
	}
	s.changed()
	return nil
}

// takeBackSignIn forgets a sign-in that is not saved.
func (s *Session) takeBackSignIn() {
	if s.signingIn {
		s.terms = s.oldTerms
	}
	s.subject, s.signingIn = nil, false
}

// SignOut is Invalidate.
func (s *Session) SignOut(context.Context) error { return s.Invalidate() }

// key is what the record is filed under; the zero Key where there is none.
func (s *Session) key() store.Key {
	if !s.record {
		return store.Key{}
	}
	return s.id.key()
}
