package session

import (
	"context"
	"encoding/json"
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
	mu      sync.Mutex    // guards what follows
	request *http.Request // nil where the session is no request's
	saved   chan struct{} // closed when the save under way is over; nil where nobody waits for that
	saving  bool          // a save is under way, which may let go of mu
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
	// expires is 0 also where a record may have another TTL than was asked for.
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
	deleting      bool // the record may have been deleted
	sending       bool // the cookie goes out after this save
	told          bool // Sync has said that the session has ended, and nothing but a Reset came since
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
	wasSubject     string   // of the record that is to be deleted, as far as known
	ended          error    // the ErrEnded that the store has given for the record
	watching       []*watch // the calls of Done
	events         []Event  // to be told when the session is not locked
}

// heldCookie is what the request's cookie, or the last one sent, says.
type heldCookie struct {
	present  bool // a cookie of ours is there, though it may open nothing any more
	rejected bool // one of the name is there that does not open
	valid    bool
	payload  payload
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

// lockSaving takes the session for a save, of which there is one at a time. It
// waits for another one no longer than ctx.
func (s *Session) lockSaving(ctx context.Context) error {
	s.mu.Lock()
	for s.saving {
		if s.saved == nil {
			s.saved = make(chan struct{})
		}
		saved := s.saved
		s.mu.Unlock()
		select {
		case <-saved:
		case <-ctx.Done():
			return fmt.Errorf("session: another save of the session is under way: %w", ctx.Err())
		}
		s.mu.Lock()
	}
	s.saving = true
	return nil
}

func (s *Session) unlockSaving() {
	events := s.takeEvents()
	if s.saving = false; s.saved != nil {
		close(s.saved)
		s.saved = nil
	}
	s.mu.Unlock()
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
	s.held.present, s.held.rejected = found.present, found.rejected
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
	s.used, s.told = true, false
	s.edits++
}

// Client gives the client state of the session.
func (s *Session) Client() Client { return Client{s} }

// Format writes "session" for every verb, and nothing of what it holds.
func (*Session) Format(f fmt.State, _ rune) { io.WriteString(f, "session") }
