package commit

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
)

// ErrClosed is what writing returns after [Writer.Close] of a response that had
// begun.
var ErrClosed = errors.New("write the response: the handler has returned")

// errPanicked is the outcome of a commit whose hook panicked.
var errPanicked = errors.New("commit the response: what was to happen before its headers panicked")

// Hooks is what a [Writer] calls. BeforeHeaders may ask whether the response has
// [Writer.Started], and for its [Writer.Status]; any other use that it makes of
// the Writer, or of what that wraps, waits for it, for ever. To Refuse what the
// Writer wraps is closed, as to everybody from then on.
type Hooks interface {
	// BeforeHeaders is called at most once, before the final header leaves. What
	// it does to h is sent. When it returns an error, nothing of the handler's
	// response leaves.
	BeforeHeaders(h http.Header) error

	// Refuse is called after BeforeHeaders returned err, and answers the request
	// instead of the handler. w is the writer below, without the headers by
	// which the handler described its own response. Refuse must write a status:
	// otherwise the server sends 200.
	Refuse(w http.ResponseWriter, err error)
}

// Writer stands between one handler and the http.ResponseWriter of one
// request. It is to be embedded or allocated, not copied; the zero Writer is
// usable after [Writer.Wrap]. All methods but Wrap may be called by many
// goroutines at once.
type Writer struct {
	below http.ResponseWriter
	hooks Hooks
	top   view

	once    sync.Once
	status  int32 // about to leave; written under once
	err     error // of the commit; likewise
	started atomic.Bool
	refused atomic.Bool
	begun   atomic.Bool // a final header has been handed to the writer below

	// gate is held for reading by every call on its way to the writer below.
	// Close holds it for writing, which waits for those calls and, unlike any
	// other lock, turns away whoever comes while it waits: a call that is made
	// from within another one never waits for Close.
	gate   sync.RWMutex
	closed bool // under gate: nothing may reach the writer below
	aside  bool // under gate: everything may, and nothing is saved
}

// Wrap starts the Writer over below and returns the http.ResponseWriter for the
// next handler. That one implements the optional interfaces of below, no more
// and no fewer: http.Flusher, http.Hijacker, http.Pusher, io.ReaderFrom, and
// the methods of [http.ResponseController]; it always has Unwrap, WriteString
// and CloseNotify. Wrap is called once, before anything else.
func (w *Writer) Wrap(below http.ResponseWriter, hooks Hooks) http.ResponseWriter {
	w.below, w.hooks = below, hooks
	w.top.writer = w
	return w.top.expose()
}

// Commit makes the commit happen now, unless it has happened, and returns its
// error: that of BeforeHeaders. The middleware calls it when the handler has
// returned, for a response that was never written to. It sends nothing itself:
// the status can still be chosen.
func (w *Writer) Commit() error {
	if !w.enter() {
		return ErrClosed
	}
	defer w.leave()
	return w.commit(http.StatusOK)
}

// Status is the status that is about to leave, for BeforeHeaders: 200 where the
// handler has set none, or has taken over the connection.
func (w *Writer) Status() int { return int(w.status) }

// Refused says whether the commit has failed, so that Refuse has answered.
func (w *Writer) Refused() bool { return w.refused.Load() }

// Answered says whether a final header has left, the handler's or that of
// Refuse. After a commit that has failed there is none where a hook panicked.
func (w *Writer) Answered() bool { return w.begun.Load() }

// Passed says whether something of the handler's response has left, after a
// commit that has not failed. It never waits.
func (w *Writer) Passed() bool { return w.begun.Load() && !w.refused.Load() }

// Started says whether the commit has begun, so that headers can no longer be
// changed by what runs in BeforeHeaders. It never waits.
func (w *Writer) Started() bool { return w.started.Load() }

// Close says that the handler has returned, or panicked; the hooks are not
// called any more. It waits for calls under way.
//
// If the response has begun, it is over: later calls do not reach the writer
// below, which the server takes back, and return [ErrClosed]. If it has not,
// the Writer steps aside and passes on whatever comes: some routers keep what
// Wrap returned, and answer for a handler that returned an error, or panicked,
// only after the middlewares.
func (w *Writer) Close() {
	w.gate.Lock()
	defer w.gate.Unlock()
	w.closed = w.begun.Load()
	w.aside = !w.closed
}

// commit calls the hooks unless that has happened; a second caller waits for
// the first. It is the only way to the hooks. The caller has entered.
func (w *Writer) commit(status int) error {
	if w.aside {
		return nil
	}
	w.once.Do(func() {
		w.started.Store(true)
		w.status = int32(status)
		w.err = errPanicked // stays if a hook does
		header := w.below.Header()
		w.err = w.hooks.BeforeHeaders(header)
		if w.err != nil {
			w.refused.Store(true)
			RemoveOwn(header)
			w.hooks.Refuse(w.below, w.err)
			w.begun.Store(true)
		}
	})
	return w.err
}

// enter says whether the writer below may be used. If so, leave must follow.
func (w *Writer) enter() bool {
	if !w.gate.TryRLock() {
		return false
	}
	if w.closed {
		w.gate.RUnlock()
		return false
	}
	return true
}

func (w *Writer) leave() { w.gate.RUnlock() }

// begin enters, commits and begins the final response: what every call does
// that makes its header leave. If it returns nil, leave must follow.
func (w *Writer) begin() (err error) {
	if !w.enter() {
		return ErrClosed
	}
	err = errPanicked
	defer func() {
		if err != nil {
			w.leave()
		}
	}()
	if w.refusing() { // who comes from within Refuse would wait for it
		return w.err
	}
	if err = w.commit(http.StatusOK); err == nil {
		w.begun.Store(true)
	}
	return err
}

// refusing says whether the commit has failed, and nothing of the handler's
// response leaves any more. The caller has entered.
func (w *Writer) refusing() bool { return w.refused.Load() && !w.aside }
