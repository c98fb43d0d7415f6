package session

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/fxsession/sessions/store"
)

// EventKind says what happened to a session.
type EventKind int

const (
	// EventCreated: a session got its record.
	EventCreated EventKind = iota
	// EventRenewed: a session continues under another ID.
	EventRenewed
	// EventSignedIn: a subject signed in. The session is a new one, or
	// continues under another ID.
	EventSignedIn
	// EventSignedOut: the session's own request ended it, by SignOut,
	// Invalidate, Reset or Delete, or somebody else signed in with it, where the
	// request had read who was signed in.
	EventSignedOut
	// EventRevoked: Manager.Revoke, RevokeOthers or RevokeAll ended the session,
	// or a sign-in beyond state.max_sessions_per_subject did.
	EventRevoked
	// EventExpired: a request came with a session whose time was over, or whose
	// record was gone or could not be read. A session that no request asks for
	// again ends without an event.
	EventExpired
	// EventCookieRejected: a request came with one cookie or more that do not
	// open. It has no Key.
	EventCookieRejected
	// EventEndedUnder: a request came with a session that another one ended or
	// renewed, while it was under way or up to a minute before it began.
	EventEndedUnder
)

var eventNames = [...]string{
	"created", "renewed", "signed in", "signed out", "revoked", "expired", "cookie rejected", "ended under a request",
}

// String names the kind in logs and metrics.
func (k EventKind) String() string {
	if k < 0 || int(k) >= len(eventNames) {
		return "unknown"
	}
	return eventNames[k]
}

// Event is something that happened to a session. It holds no ID and no value:
// it can be logged and kept (OWASP ASVS 5.0, 16.2.5).
type Event struct {
	// Kind is what happened.
	Kind EventKind
	// At is when it did, by the clock of the Manager.
	At time.Time
	// Key is what the record is filed under; it opens nothing.
	Key store.Key
	// From is the previous key, if the session has a new one.
	From store.Key
	// Subject is who is signed in, or was; "" for nobody, or where the request
	// did not load the session.
	Subject string
	// UserAgent and RemoteAddr are those of the request at hand, not
	// necessarily the session's own; "" where there is none.
	UserAgent, RemoteAddr string
}

// Observer gets the events of a Manager.
type Observer interface {
	// Observe is called after what e says has happened, within the request, which waits
	// for it; by many goroutines at once. ctx has the values of the request's
	// context as it came to the middleware, or of the one that Revoke,
	// RevokeOthers or RevokeAll was given, and is never cancelled.
	Observe(ctx context.Context, e Event)
}

// AuditLog writes every event to l at level info: what happened, the keys, the
// subject, the client; never an ID or a value. nil writes nothing. It is safe
// for concurrent use.
func AuditLog(l *zap.Logger) Observer {
	if l == nil {
		l = zap.NewNop()
	}
	return auditLog{l.Named("session.audit")}
}

type auditLog struct{ log *zap.Logger }

func (a auditLog) Observe(_ context.Context, e Event) {
	entry := a.log.Check(zap.InfoLevel, "session "+e.Kind.String())
	if entry == nil {
		return
	}
	fields := make([]zap.Field, 0, 5)
	text := func(name, value string) {
		if value != "" {
			fields = append(fields, zap.String(name, value))
		}
	}
	if e.Key != (store.Key{}) {
		text("session", e.Key.String())
	}
	if e.From != (store.Key{}) {
		text("from", e.From.String())
	}
	text("subject", e.Subject)
	text("remote_addr", e.RemoteAddr)
	text("user_agent", e.UserAgent)
	entry.Write(fields...)
}

// note says that something happened to the session that the request came with.
// It is told when the session is not locked any more.
func (s *Session) note(kind EventKind, key store.Key) {
	subject := s.baseSubject
	if subject == "" {
		subject = s.wasSubject
	}
	s.happened(Event{Kind: kind, Key: key, Subject: subject})
}

func (s *Session) happened(e Event) {
	if s.m.observed() {
		e.At = s.m.clock()
		e.UserAgent, e.RemoteAddr = s.clientOf()
		s.events = append(s.events, e)
	}
}

// tell gives events to the observers. It is called while nothing is locked.
func (s *Session) tell(events []Event) {
	if len(events) == 0 {
		return
	}
	ctx := context.Background()
	if s.request != nil {
		ctx = context.WithoutCancel(s.request.Context())
	}
	for _, e := range events {
		s.m.observe(ctx, e)
	}
}

func (m *Manager) observed() bool { return len(m.observers) > 0 }

func (m *Manager) observe(ctx context.Context, e Event) {
	for _, o := range m.observers {
		o.Observe(ctx, e)
	}
}
