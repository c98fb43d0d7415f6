package session

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/sealing"
	"github.com/fxsession/sessions/store"
)

// Manager makes the sessions of one cookie over one store. It is safe for
// concurrent use; an application usually has one.
type Manager struct {
	store       *store.SessionStore
	sealer      *sealing.Sealer
	cookieName  string
	cookie      cookieForm
	handleError ErrorHandler
	clock       func() time.Time
	logger      *zap.Logger
	telemetry   *telemetry
	saveTimeout time.Duration
	observers   []Observer
	remoteAddr  func(*http.Request) string
	watches     watches
	limit       limit

	// What the configuration says, as the saves need it; times in milliseconds.
	ttl, maxLifetime int64
	lastSeen         int64
	watchInterval    time.Duration
	threshold        float64
	extendOnChanges  bool
	skipIfEmpty      bool
	allowMissing     bool
	persistent       bool
	sendAlways       bool
	signed           bool
}

// Option changes what [NewManager] makes.
type Option func(*options)

type options struct {
	handleError ErrorHandler
	clock       func() time.Time
	logger      *zap.Logger
	meters      metric.MeterProvider
	observers   []Observer
	remoteAddr  func(*http.Request) string
}

// WithErrorHandler makes h answer when a session cannot be saved. The default
// is [Manager.DefaultErrorHandler].
func WithErrorHandler(h ErrorHandler) Option { return func(o *options) { o.handleError = h } }

// WithClock replaces time.Now by now, for tests; nil is time.Now.
func WithClock(now func() time.Time) Option { return func(o *options) { o.clock = now } }

// WithLogger logs to l what responses do not tell: why a request failed, for
// example. Without it, or with nil, nothing is logged.
func WithLogger(l *zap.Logger) Option { return func(o *options) { o.logger = l } }

// WithMeterProvider counts rejected cookies (session.cookies.rejected), records
// that were missing, corrupt, ended or over when they were asked for
// (session.records.lost, by cause), events (session.events, by kind) and saves
// that began anew because another request was faster (session.conflicts). nil,
// the default, counts nothing.
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meters = p } }

// WithObserver passes every event to o, in addition to the observers of other
// options; nil adds none.
func WithObserver(o Observer) Option {
	return func(opts *options) {
		if o != nil {
			opts.observers = append(opts.observers, o)
		}
	}
}

// WithRemoteAddr says how to find the address of a request's client, which is
// stored with signed-in sessions and is part of events. It is for programs
// behind a proxy, and must trust no header that a client can set. Without it,
// or with nil, the address is that of the connection. Addresses longer than 64
// bytes are cut.
func WithRemoteAddr(find func(*http.Request) string) Option {
	return func(o *options) { o.remoteAddr = find }
}

// NewManager makes a Manager. If the configuration is not valid, the error is a
// *config.Error that lists everything that is wrong. Without keys a Manager
// makes one for store.driver memory, whose sessions end with the process just
// as the key does, and says so in the log; with any other driver the error is
// ErrNoKeys. It is an ErrUnsupported of package store if the number of sessions
// of a subject is limited and the backend is no store.SubjectIndex.
func NewManager(cfg config.SessionConfig, s *store.SessionStore, opts ...Option) (*Manager, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if s == nil {
		return nil, errors.New("session: NewManager needs a store: see store.New")
	}
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if o.clock == nil {
		o.clock = time.Now
	}
	if o.logger == nil {
		o.logger = zap.NewNop()
	}
	m := &Manager{
		store:           s,
		cookieName:      effectiveName(cfg.Cookie),
		cookie:          newCookieForm(cfg.Cookie),
		handleError:     o.handleError,
		clock:           o.clock,
		logger:          o.logger,
		telemetry:       newTelemetry(o.meters),
		saveTimeout:     cfg.Store.Timeout,
		observers:       o.observers,
		remoteAddr:      o.remoteAddr,
		limit:           limitOf(cfg.State),
		lastSeen:        wholeMilliseconds(cfg.State.LastSeenInterval),
		watchInterval:   cfg.State.WatchInterval,
		ttl:             wholeMilliseconds(cfg.State.TTL),
		maxLifetime:     wholeMilliseconds(cfg.State.MaxLifetime),
		threshold:       cfg.State.TTLExtensionThreshold,
		extendOnChanges: cfg.State.ExtendTTL == config.ExtendTTLOnStateChanges,
		skipIfEmpty:     cfg.State.ServerStateCreation == config.ServerStateCreationSkipIfEmpty,
		allowMissing:    cfg.State.MissingServerState == config.MissingServerStateAllow,
		persistent:      cfg.Cookie.Kind == config.KindPersistent,
		sendAlways:      cfg.Cookie.Send == config.SendAlways,
		signed:          cfg.Cookie.Crypto == config.CryptoSign,
	}
	if m.handleError == nil {
		m.handleError = m.DefaultErrorHandler
	}
	if m.remoteAddr == nil {
		m.remoteAddr = remoteHost
	}
	if m.limit.most > 0 && !s.FindsSubjects() {
		return nil, errNoIndex
	}
	if m.telemetry != nil {
		m.observers = append(m.observers, m.telemetry)
	}
	sealer, err := newSealer(cfg, m.cookieName, m.logger)
	if err != nil {
		return nil, err
	}
	m.sealer = sealer
	return m, nil
}

// errNoIndex is for a limit that the backend cannot keep.
var errNoIndex = fmt.Errorf("session: session.state.max_sessions_per_subject: %w: the backend must be a store.SubjectIndex", store.ErrUnsupported)

func newSealer(cfg config.SessionConfig, name string, logger *zap.Logger) (*sealing.Sealer, error) {
	keys := cfg.Cookie.Keys
	if len(keys) == 0 {
		if cfg.Store.Driver != config.DriverMemory {
			return nil, ErrNoKeys
		}
		logger.Warn("session: no session.cookie.keys, so one was made for this process alone: sessions end when it does, and no other instance can open them")
		keys = []config.Key{config.NewKey()}
	}
	secrets := make([][sealing.KeySize]byte, len(keys))
	for i, key := range keys {
		copy(secrets[i][:], key.Bytes())
	}
	scheme := sealing.Encrypt
	if cfg.Cookie.Crypto == config.CryptoSign {
		scheme = sealing.Sign
	}
	sealer, err := sealing.New(scheme, name, secrets...)
	if err != nil {
		return nil, fmt.Errorf("session: set up the cookie: %w", err)
	}
	return sealer, nil
}

// CookieName is the name of the cookie, prefix included.
func (m *Manager) CookieName() string { return m.cookieName }

// Incoming returns what the request's cookie says, and reports whether there is
// one that opens; nothing is loaded. If there are several cookies of the name,
// the first that verifies and has not expired counts.
func (m *Manager) Incoming(r *http.Request) (Incoming, bool) {
	in, live, _ := m.read(r.Header)
	if !live {
		return Incoming{}, false
	}
	return Incoming{&holder{&in}}, true
}

// New makes a session that continues the one of in, or a fresh one if in is
// nil. It is for tests and for transports other than HTTP; [Manager.Finalize]
// saves it.
func (m *Manager) New(in *Incoming) *Session {
	s := &Session{&core{m: m}}
	if in != nil && in.says() != nil {
		s.begin()
		s.adopt(*in.says())
	}
	return s
}

// Open makes the session of r, as [Manager.Middleware] does; r's cookie is
// opened when the session is first used. [Manager.Finalize] saves it. It can be
// used after that as well: no method returns ErrClosed.
func (m *Manager) Open(r *http.Request) *Session {
	return &Session{&core{m: m, request: r}}
}

// Finalize saves s and returns the cookie to send with the response, or nil if
// nothing has changed for the client. With a cookie, send "Cache-Control:
// no-store" and "Vary: Cookie". The middleware does all of this by itself. The
// error is that of a save, as of [Session.Sync], ErrClosed, ErrNotInstalled, or one
// that says that s is another Manager's; do not send the response then.
func (m *Manager) Finalize(ctx context.Context, s *Session) (*http.Cookie, error) {
	if !s.installed() {
		return nil, ErrNotInstalled
	}
	if err := s.lockSaving(ctx); err != nil {
		return nil, err
	}
	defer s.unlockSaving()
	if s.closed {
		return nil, ErrClosed
	}
	if s.m != m {
		return nil, errForeign
	}
	if err := ctx.Err(); err != nil { // nothing is tried, and nothing in doubt
		return nil, err
	}
	text, err := s.finalize(ctx)
	if err != nil || text == "" {
		return nil, err
	}
	return http.ParseSetCookie(text)
}

// errForeign is what a Manager returns for the session of another one.
var errForeign = errors.New("session: the session is another Manager's")

// finalize is the one way from a session to its cookie, as outgoing gives it.
func (s *Session) finalize(ctx context.Context) (cookie string, err error) {
	if s.touched != nil {
		s.sending = true
		if err := s.save(ctx); err != nil {
			return "", err
		}
	}
	return s.outgoing(), nil
}

// now is the time in Unix milliseconds.
func (m *Manager) now() int64 { return m.clock().UnixMilli() }

func wholeMilliseconds(d time.Duration) int64 {
	n := int64(d / time.Millisecond)
	if d%time.Millisecond > 0 && n < math.MaxInt64/int64(time.Millisecond) {
		n++ // unless that is no time.Duration any more
	}
	return n
}
