package session

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/fxsession/sessions/store"
)

// Session is the session of one request. Its own methods work on the server
// state and on the session as a whole; [Session.Client] returns the client
// state.
//
// A Session is safe for concurrent use by the goroutines of its handler, and
// returns ErrClosed after the request. A call may wait for another goroutine's
// call to the store, which store.timeout bounds. What is written before the
// first byte of the response is stored before that byte is sent; server state
// written later is stored when the handler returns.
//
// Every method that touches the session can return ErrNotInstalled or
// ErrClosed; every method that takes a context and reads can return an error
// of package store when the record cannot be loaded.
//
// The zero Session returns ErrNotInstalled.
type Session struct {
	// Behind a pointer, and that behind the *Session that everybody has,
	// because fmt follows one pointer and no more: a program that prints a
	// struct of its own does not print IDs and values.
	*core
}

// core is what a Session is: what every request has of it and, once it is
// touched, the rest.
type core struct {
	m       *Manager
	saving  sync.Mutex    // one save at a time, taken before mu
	mu      sync.Mutex    // guards what follows
	request *http.Request // nil where the session is no request's
	closed  bool          // the request is over
	// started: the headers have left, a cookie can no longer be set.
	started bool
	refused bool        // the save before that failed
	scoped  map[any]any // what each Scoped has made for the request
	*touched
}

// touched is what there is of a session from the moment on at which the request
// first asks for it and its cookie is opened, if it ever does.
type touched struct {
	// edits counts whatever makes a value, or the version that it came with,
	// another: an update whose function was running meanwhile starts over.
	edits uint64
	// settled is what edits was when the headers left and all was saved.
	settled uint64

	held heldCookie // what the client has
	// began and expires are Unix milliseconds; 0 until the session has begun.
	began, expires int64
	known          int64 // since when the request has known the ID, likewise
	asOf           int64 // when a save last looked at the clock, likewise; 0 if none has

	used          bool // something was read or changed
	begun         bool // there is a session: the request's own, or one begun since
	clientChanged bool // the client does not yet have the client state
	replayDue     bool // the updates are to run again before the next save
	signingIn     bool
	invalidated   bool
	record        bool // the store has a record of this session, under id
	fate          fate
	cycling       bool // to a new ID, whether or not somebody signs in
	id            rawID

	version     uint64          // of the record, 0 while not known
	baseSubject string          // as loaded
	visit       json.RawMessage // as loaded: what is known of the client
	terms       terms
	oldTerms    terms // before a sign-in that is still to be saved

	server, client bag
	subject        *string // to be set
	updates        []update
	doubt          error    // an ErrUnavailable that may have been a success
	offered        rawID    // of a record that may have been created
	deleting       bool     // the record may have been deleted
	wasSubject     string   // of the record that is to be deleted, as far as known
	ended          error    // the ErrEnded that the store has given for the record
	watching       []*watch // the calls of Done
	events         []Event  // to be told when the session is not locked
}

// heldCookie is what the request's cookie, or the last one sent, says.
type heldCookie struct {
	present bool // a cookie of ours is there, though it may open nothing any more
	valid   bool
	payload payload
}

// fate is what the next save is to do with the record.
type fate uint8

const (
	keep  fate = iota
	renew      // under a new ID
	end        // delete it
)

// update is one call of Field.Update that depends on what the store holds.
type update struct {
	key string
	fn  func(json.RawMessage, bool) (json.RawMessage, error)
}

// installed reports whether the session is one that a Manager made.
func (s *Session) installed() bool { return s != nil && s.core != nil }

// lock takes the session for one operation, with its cookie opened.
func (s *Session) lock() error {
	if !s.installed() {
		return ErrNotInstalled
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.open()
	return nil
}

// unlock gives the session back, and then tells what has happened.
func (s *Session) unlock() {
	events := s.takeEvents()
	s.mu.Unlock()
	s.tell(events)
}

func (s *Session) takeEvents() []Event {
	if s.touched == nil {
		return nil
	}
	events := s.events
	s.events = nil
	return events
}

// lockSaving takes the session for a save.
func (s *Session) lockSaving() error {
	s.saving.Lock()
	if err := s.lock(); err != nil {
		s.saving.Unlock()
		return err
	}
	return nil
}

func (s *Session) unlockSaving() {
	events := s.takeEvents()
	s.mu.Unlock()
	s.saving.Unlock()
	s.tell(events)
}

// open looks at the request's cookie, once.
func (s *Session) open() {
	if s.touched != nil {
		return
	}
	s.begin()
	var header http.Header
	if s.request != nil {
		header = s.request.Header
	}
	in, live, found := s.m.read(header)
	if found.rejected {
		s.note(EventCookieRejected, store.Key{})
	}
	if !live && found.expired != (store.Key{}) {
		s.note(EventExpired, found.expired)
	}
	s.held.present = found.present
	if live {
		s.adopt(in)
	}
}

// begin makes what a touched session has, of one that has not begun.
func (s *Session) begin() {
	s.touched = &touched{server: bag{known: true, exact: true}, client: bag{known: true, exact: true}}
}

// adopt goes on with what a cookie says.
func (s *Session) adopt(in incoming) {
	s.held = heldCookie{present: true, valid: true, payload: in.payload}
	s.begun, s.began, s.expires, s.known = true, in.payload.began, in.payload.expires, in.opened
	s.record, s.id, s.terms = in.payload.record, in.payload.id, in.payload.terms
	s.client.learn(in.client, true)
	if s.m.maxLifetime > 0 { // which may have become shorter since
		s.expires = min(s.expires, s.began+s.m.maxLifetime)
	}
	s.server.known, s.server.exact = !s.record, !s.record
}

// writable says whether a change can still be made; one that needs a cookie
// only before the response has started.
func (s *Session) writable(needsCookie bool) error {
	switch {
	case s.invalidated:
		return ErrInvalidated
	case !s.started:
		return nil
	case s.ended != nil:
		return s.ended
	case needsCookie || !s.record || s.fate != keep:
		return ErrResponseStarted
	}
	return nil
}

// write makes a change, where one can still be made.
func (s *Session) write(needsCookie bool, do func() error) error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.unlock()
	if err := s.writable(needsCookie); err != nil {
		return err
	}
	return do()
}

// changed notes that something was written.
func (s *Session) changed() {
	s.used = true
	s.edits++
}

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
// its TTL, and whose ID the request has known for longer than a mark lasts.
func (s *Session) missed(err error) error {
	if !errors.Is(err, store.ErrNotFound) || s.m.allowMissing {
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

// endedUnder goes on after the session was deleted or renewed by another
// request: what it held is no longer this request's to see.
func (s *Session) endedUnder(err error) {
	s.ended = err
	s.note(EventEndedUnder, s.id.key())
	s.m.watches.end(s.id.key())
	s.server.disown()
	s.client.disown()
	s.baseSubject = ""
}

// lose goes on without the record, which cause says is missing: as a fresh
// session that holds what this request has written or, where the configuration
// allows a missing record, with the client state kept.
func (s *Session) lose(cause error) {
	s.m.telemetry.lost(cause)
	if s.record && !ended(cause) {
		s.noteExpired()
	}
	s.edits++
	if ended(cause) { // the client's cookie is no longer this request's to replace
		s.held = heldCookie{}
	}
	s.forgetRecord()
	s.baseSubject = ""
	s.ended = nil
	s.server.disown()
	if !errors.Is(cause, store.ErrNotFound) || !s.m.allowMissing {
		s.client.disown()
		s.begun = false
		if !s.signingIn {
			s.terms = terms{}
		}
	}
}

// Get decodes the value under key into what v points to and reports whether
// there is one. v is untouched when there is none, or on an error. The error
// is a *ValueError when the value does not fit, or v is not a non-nil pointer.
func (s *Session) Get(ctx context.Context, key string, v any) (bool, error) {
	return get(ctx, s, key, v)
}

// Set writes v under key. It needs no load. The error is a *ValueError when
// JSON refuses v, ErrInvalid of package store when key cannot be a state key
// ([store.CheckStateKey], and __session is the session's own),
// ErrInvalidated, or ErrResponseStarted when there is no record yet and the
// cookie can no longer be sent.
func (s *Session) Set(ctx context.Context, key string, v any) error { return set(ctx, s, key, v) }

// Pop is Get and, when there is a value that fits, Remove.
func (s *Session) Pop(ctx context.Context, key string, v any) (bool, error) {
	return pop(ctx, s, key, v)
}

// GetRaw is Get without decoding. The bytes are the caller's own.
func (s *Session) GetRaw(ctx context.Context, key string) (json.RawMessage, bool, error) {
	text, ok, _, err := s.peek(ctx, key)
	return bytes.Clone(text), ok, err
}

func (s *Session) lookup(ctx context.Context, key string) (json.RawMessage, bool, error) {
	s.used = true
	text, ok, settled := s.server.lookup(key)
	if settled {
		return text, ok, nil
	}
	if err := s.load(ctx); err != nil {
		return nil, false, err
	}
	text, ok, _ = s.server.lookup(key)
	return text, ok, nil
}

// SetRaw is Set for a value that is a JSON text already; it is kept byte for
// byte.
func (s *Session) SetRaw(ctx context.Context, key string, text json.RawMessage) error {
	return setRaw(ctx, s, key, text)
}

func (s *Session) put(_ context.Context, key string, text json.RawMessage) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return s.write(false, func() error {
		s.forget(key)
		s.server.put(key, text)
		s.changed()
		return nil
	})
}

// forget drops the updates of key: an absolute write has overtaken them.
func (s *Session) forget(key string) {
	kept := s.updates[:0]
	for _, u := range s.updates {
		if u.key != key {
			kept = append(kept, u)
		}
	}
	s.updates = kept
}

// PopRaw is Pop without decoding.
func (s *Session) PopRaw(ctx context.Context, key string) (json.RawMessage, bool, error) {
	return popRaw(ctx, s, key)
}

func (s *Session) peek(ctx context.Context, key string) (text json.RawMessage, ok bool, edits uint64, err error) {
	if err := s.lock(); err != nil {
		return nil, false, 0, err
	}
	defer s.unlock()
	text, ok, err = s.lookup(ctx, key)
	return text, ok, s.edits, err
}

// checkKey says whether an application may write under key.
func checkKey(key string) error {
	if key == visitKey {
		return errReserved
	}
	return store.CheckStateKey(key)
}

// errReserved is for the one state key that is not an application's.
var errReserved = fmt.Errorf("%w: the state key %q is taken by the session itself", store.ErrInvalid, visitKey)

func (s *Session) removeIf(key string, edits uint64) error {
	return s.write(false, func() error {
		if s.edits != edits {
			return errOvertaken
		}
		s.forget(key)
		s.server.remove(key)
		s.changed()
		return nil
	})
}

// Remove deletes the value under key, if there is one. It needs no load.
// ErrInvalid of package store when key cannot be a state key.
func (s *Session) Remove(_ context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return s.write(false, func() error {
		s.forget(key)
		s.server.remove(key)
		s.changed()
		return nil
	})
}

// Clear empties the server state and keeps the record, with its subject. It
// needs no load.
func (s *Session) Clear(context.Context) error {
	return s.write(false, func() error {
		s.updates = nil
		s.server.clear()
		s.changed()
		return nil
	})
}

// IsEmpty reports whether the server state holds no value.
func (s *Session) IsEmpty(ctx context.Context) (bool, error) {
	keys, err := s.Keys(ctx)
	return len(keys) == 0, err
}

// Keys lists the state keys of the server state in order.
func (s *Session) Keys(ctx context.Context) ([]string, error) {
	if err := s.lock(); err != nil {
		return nil, err
	}
	defer s.unlock()
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	return s.server.keys(), nil
}

// Load loads the record now, for a handler that wants to know early whether
// the store can be reached. Reads do it by themselves; it happens at most once.
func (s *Session) Load(ctx context.Context) error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.unlock()
	return s.load(ctx)
}

// CycleID renews the ID and keeps both states; the old ID is dead afterwards.
// Several calls in one request count as one, and a session without a record has
// no ID to renew. Errors are ErrInvalidated and ErrResponseStarted.
func (s *Session) CycleID() error {
	return s.write(true, func() error {
		if s.record && s.fate != end && !s.cycling {
			s.fate, s.cycling = renew, true
			s.changed()
		}
		return nil
	})
}

// Delete removes the record, subject and all, and keeps the session with its
// client state; a later write begins a record under a fresh ID. ErrInvalidated,
// ErrResponseStarted.
func (s *Session) Delete() error {
	return s.write(true, func() error {
		s.dropRecord()
		return nil
	})
}

// dropRecord empties the server side; the next save deletes the record.
func (s *Session) dropRecord() {
	if s.record {
		s.fate = end
	}
	s.server.begin()
	if s.record && s.baseSubject != "" {
		s.wasSubject = s.baseSubject
	}
	s.takeBackSignIn()
	s.updates, s.baseSubject, s.visit = nil, "", nil
	s.changed()
}

// Invalidate ends the session: the record is deleted, with both states, and the
// client is told to remove its cookie. Reads are empty from then on, and writes
// return ErrInvalidated. After the response has started the record is still
// deleted; the cookie that stays with the client then opens nothing. When
// another request has renewed the session under this one, the save returns
// ErrEnded of package store: the renewed session is still there.
func (s *Session) Invalidate() error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.unlock()
	s.drop()
	s.invalidated = true
	return nil
}

// Reset ends the session, as Invalidate does, and continues with a fresh one,
// which begins when something is written. The error is ErrResponseStarted.
func (s *Session) Reset() error {
	if err := s.lock(); err != nil {
		return err
	}
	defer s.unlock()
	if s.started {
		return ErrResponseStarted
	}
	s.drop()
	s.invalidated = false
	return nil
}

// drop empties both sides; the session is over.
func (s *Session) drop() {
	s.dropRecord()
	s.client.begin()
	s.begun = false
	s.terms = terms{}
	s.held.valid = false // what goes on needs a cookie of its own
	s.endWatches()
}

// IsInvalidated reports whether Invalidate or SignOut was called, and Reset
// not since.
func (s *Session) IsInvalidated() bool {
	if !s.installed() {
		return false
	}
	s.mu.Lock()
	defer s.unlock()
	return s.touched != nil && s.invalidated
}

// Sync saves the session now rather than when the response starts, so that the
// handler sees the outcome. It may be called more than once. The cookie still
// goes with the response: after a Sync that has begun the session or renewed
// its ID, a handler that panics leaves the client without it. The error is one of
// package store; errors.Is with store.ErrEnded says that the session was ended
// or renewed by another request meanwhile.
func (s *Session) Sync(ctx context.Context) error {
	if !s.installed() {
		return ErrNotInstalled
	}
	if err := ctx.Err(); err != nil { // nothing is tried, and nothing in doubt
		return err
	}
	if err := s.lockSaving(); err != nil {
		return err
	}
	defer s.unlockSaving()
	return s.save(ctx)
}

// Client gives the client state of the session.
func (s *Session) Client() Client { return Client{s} }

// Format writes "session" for every verb, and nothing of what it holds.
func (*Session) Format(f fmt.State, _ rune) { io.WriteString(f, "session") }
