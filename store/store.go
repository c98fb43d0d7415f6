package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// SessionStore is a [Backend] as callers use it: it checks arguments, bounds
// every call in time, wraps every error once in an [*Error], and measures and
// traces if it was given a provider. It is safe for concurrent use.
//
// An error is one of ErrNotFound, ErrEnded, ErrConflict, ErrDuplicateKey,
// ErrCorrupt, ErrFull, ErrInvalid, ErrUnsupported and ErrUnavailable, or the
// error of the caller's context.
type SessionStore struct {
	backend   Backend
	timeout   time.Duration
	deadlines deadlines
	telemetry *telemetry
}

// DefaultTimeout bounds a call without [WithTimeout].
const DefaultTimeout = 3 * time.Second

// Option changes what [New] makes.
type Option func(*options)

type options struct {
	timeout time.Duration
	meters  metric.MeterProvider
	tracers trace.TracerProvider
}

// WithTimeout bounds every call to the backend. Zero and negative values leave
// calls unbounded but for the caller's context, which in the save of a session
// never ends: they are for a backend that bounds its calls itself.
func WithTimeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// WithMeterProvider records the duration of every operation, by operation and
// outcome, in the histogram session.store.operation.duration (seconds), and for
// a backend that is a [Counter] how many records there are, in
// session.store.records.
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meters = p } }

// WithTracerProvider makes a span of every operation. Of those that failed
// because the backend was unavailable, error.type says so.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.tracers = p } }

// New makes a SessionStore over b, which must not be nil. A Backend that is
// [InProcess] is called without a timeout, whatever the options say.
func New(b Backend, opts ...Option) *SessionStore {
	o := options{timeout: DefaultTimeout}
	for _, opt := range opts {
		opt(&o)
	}
	if _, ok := b.(InProcess); ok {
		o.timeout = 0
	}
	return &SessionStore{backend: b, timeout: o.timeout, telemetry: newTelemetry(b, o.meters, o.tracers)}
}

// Create inserts rec under key. ErrDuplicateKey when a live record is there,
// ErrCorrupt when something is that is no record, ErrFull when the backend takes
// no more; ErrInvalid when rec cannot be kept.
func (s *SessionStore) Create(ctx context.Context, key Key, rec Record) error {
	rec, err := rec.checked()
	if err != nil {
		return &Error{opCreate.String(), err}
	}
	c := s.begin(ctx, opCreate)
	return c.end(s.backend.Create(c.ctx, key, rec))
}

// Load returns the live record under key. ErrNotFound, ErrEnded or ErrCorrupt
// when there is none to return.
func (s *SessionStore) Load(ctx context.Context, key Key) (Record, error) {
	c := s.begin(ctx, opLoad)
	rec, err := s.backend.Load(c.ctx, key)
	if err := c.end(err); err != nil {
		return Record{}, err
	}
	return rec, nil
}

// Update merges ch into the live record under key. ErrNotFound, ErrEnded,
// ErrConflict, ErrCorrupt or ErrFull when nothing was changed; ErrInvalid when ch
// cannot be kept.
func (s *SessionStore) Update(ctx context.Context, key Key, ch Change) error {
	ch, err := ch.checked()
	if err != nil {
		return &Error{opUpdate.String(), err}
	}
	c := s.begin(ctx, opUpdate)
	return c.end(s.backend.Update(c.ctx, key, ch))
}

// UpdateTTL makes the live record under key live for ttl from now on. It is
// Update with nothing but a TTL; ErrInvalid when ttl is not above zero.
func (s *SessionStore) UpdateTTL(ctx context.Context, key Key, ttl time.Duration) error {
	if ttl <= 0 {
		_, err := Record{TTL: ttl}.checked()
		return &Error{opUpdate.String(), err}
	}
	return s.Update(ctx, key, Change{TTL: ttl})
}

// ChangeKey merges ch into the live record under from and files it under to.
// ErrNotFound, ErrEnded, ErrConflict, ErrDuplicateKey, ErrCorrupt or ErrFull when
// nothing was changed; ErrInvalid when ch cannot be kept.
func (s *SessionStore) ChangeKey(ctx context.Context, from, to Key, ch Change) error {
	ch, err := ch.checked()
	if err != nil {
		return &Error{opChangeKey.String(), err}
	}
	c := s.begin(ctx, opChangeKey)
	return c.end(s.backend.ChangeKey(c.ctx, from, to, ch))
}

// Delete removes the live record under key. ErrNotFound or ErrEnded when there
// is none.
func (s *SessionStore) Delete(ctx context.Context, key Key) error {
	c := s.begin(ctx, opDelete)
	return c.end(s.backend.Delete(c.ctx, key))
}

// DeleteExpired removes at most limit expired records (0: all of them) and
// returns how many it removed. Engines that expire by themselves return 0.
// ErrInvalid when limit is below zero.
func (s *SessionStore) DeleteExpired(ctx context.Context, limit int) (int, error) {
	if limit < 0 {
		return 0, &Error{opDeleteExpired.String(), fmt.Errorf("%w: a limit of %d, it must not be below zero", ErrInvalid, limit)}
	}
	c := s.begin(ctx, opDeleteExpired)
	n, err := s.backend.DeleteExpired(c.ctx, limit)
	return n, c.end(err)
}

// ListBySubject returns every live record of the subject with its key, in no
// particular order; see [SubjectIndex]. ErrUnsupported when the backend is no
// SubjectIndex, ErrInvalid when the subject is "": nobody is signed in there.
func (s *SessionStore) ListBySubject(ctx context.Context, subject string) ([]Entry, error) {
	index, err := s.subjectIndex(subject)
	if err != nil {
		return nil, &Error{opListBySubject.String(), err}
	}
	c := s.begin(ctx, opListBySubject)
	entries, err := index.ListBySubject(c.ctx, subject)
	if err := c.end(err); err != nil {
		return nil, err
	}
	return entries, nil
}

// DeleteBySubject deletes every live record of the subject but those under the
// keys in except, and returns how many; see [SubjectIndex]. Each leaves the
// mark that Delete leaves. Its errors are those of ListBySubject; some records
// may have been deleted then.
func (s *SessionStore) DeleteBySubject(ctx context.Context, subject string, except ...Key) (int, error) {
	index, err := s.subjectIndex(subject)
	if err != nil {
		return 0, &Error{opDeleteBySubject.String(), err}
	}
	c := s.begin(ctx, opDeleteBySubject)
	n, err := index.DeleteBySubject(c.ctx, subject, except...)
	return n, c.end(err)
}

// FindsSubjects reports whether the backend is a [SubjectIndex].
func (s *SessionStore) FindsSubjects() bool {
	_, ok := s.backend.(SubjectIndex)
	return ok
}

// subjectIndex gives the backend's index, if subject can be looked up in it.
func (s *SessionStore) subjectIndex(subject string) (SubjectIndex, error) {
	if subject == "" {
		return nil, fmt.Errorf("%w: an empty subject, which stands for nobody", ErrInvalid)
	}
	if err := CheckSubject(subject); err != nil {
		return nil, err
	}
	index, ok := s.backend.(SubjectIndex)
	if !ok {
		return nil, fmt.Errorf("%w: it has no index of subjects", ErrUnsupported)
	}
	return index, nil
}

// Ping returns nil when the backend can be used, or is not a [Pinger].
func (s *SessionStore) Ping(ctx context.Context) error {
	p, ok := s.backend.(Pinger)
	if !ok {
		return nil
	}
	c := s.begin(ctx, opPing)
	return c.end(p.Ping(c.ctx))
}

// Migrate brings the backend's schema up to date; it does nothing where there
// is none. Only ctx bounds it: a migration may take long.
func (s *SessionStore) Migrate(ctx context.Context) error {
	m, ok := s.backend.(Migrator)
	if !ok {
		return nil
	}
	if err := m.Migrate(ctx); err != nil {
		return wrap("migrate", err, ctx.Err())
	}
	return nil
}

// Close closes a backend that is an [io.Closer]. Nothing else may be called
// afterwards.
func (s *SessionStore) Close() error {
	s.telemetry.close()
	c, ok := s.backend.(io.Closer)
	if !ok {
		return nil
	}
	if err := c.Close(); err != nil {
		return wrap("close", err, nil)
	}
	return nil
}

// call is one operation under way.
type call struct {
	store  *SessionStore
	op     operation
	caller context.Context
	ctx    context.Context // what the backend gets
	bound  *bounded        // nil where nothing but the caller's bounds it
	span   trace.Span
	start  time.Time
}

func (s *SessionStore) begin(ctx context.Context, op operation) call {
	c := call{store: s, op: op, caller: ctx, ctx: ctx}
	if s.telemetry != nil {
		c.start = time.Now()
		c.ctx, c.span = s.telemetry.start(c.ctx, op)
	}
	if s.timeout > 0 {
		c.bound = newBounded(c.ctx, &s.deadlines, s.timeout)
		c.ctx = c.bound
	}
	return c
}

func (c *call) end(err error) error {
	if c.bound != nil {
		c.bound.end(context.Canceled)
	}
	if err != nil {
		err = wrap(c.op.String(), err, c.caller.Err())
	}
	if t := c.store.telemetry; t != nil {
		t.end(c.ctx, c.span, c.op, time.Since(c.start), err)
	}
	return err
}

// outcomeOf names err for metrics and spans.
func outcomeOf(err error) string {
	if err == nil {
		return "ok"
	}
	for _, o := range outcomes {
		if errors.Is(err, o.err) {
			return o.name
		}
	}
	return "canceled"
}
