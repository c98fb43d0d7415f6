package commit

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
)

// ErrClosed is what writing returns after [Writer.Close].
var ErrClosed = errors.New("write the response: the handler has returned")

// errPanicked is the outcome of a commit whose hook panicked.
var errPanicked = errors.New("commit the response: what was to happen before its headers panicked")

// Hooks is what a [Writer] calls. A hook may ask whether the response has
// [Writer.Started]; any other use of the Writer, or of what it wraps, by a hook
// waits for that hook, for ever.
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
	hooks Hooks
	top   view

	started atomic.Bool
	refused atomic.Bool
	once    sync.Once
	err     error // of the commit; read and written under once

	// gate is held for reading by every call on its way to the writer below.
	// Close holds it for writing, which waits for those calls and, unlike any
	// other lock, turns away whoever comes while it waits: a call that is made
	// from within another one never waits for Close.
	gate   sync.RWMutex
	closed bool // under gate
}

// Wrap starts the Writer over below and returns the http.ResponseWriter for the
// next handler. That one implements the optional interfaces of below, no more
// and no fewer: http.Flusher, http.Hijacker, http.Pusher, io.ReaderFrom, and
// the methods of [http.ResponseController]; it always has Unwrap, WriteString
// and CloseNotify. Wrap is called once, before anything else.
func (w *Writer) Wrap(below http.ResponseWriter, hooks Hooks) http.ResponseWriter {
	w.hooks = hooks
	w.top = view{writer: w, at: below}
	return w.top.expose()
}

// Commit makes the commit happen now, unless it has happened, and returns its
// error: that of BeforeHeaders. The middleware calls it when the handler has
// returned, for a response that was never written to. It sends nothing itself:
// the status can still be chosen. It returns [ErrClosed] after Close.
func (w *Writer) Commit() error {
	if err := w.begin(); err != nil {
		return err
	}
	w.leave()
	return nil
}

// Started says whether the commit has begun, so that headers can no longer be
// changed by what runs in BeforeHeaders. It never waits.
func (w *Writer) Started() bool { return w.started.Load() }

// Close ends the use of the writer below, which is no longer the handler's when
// the handler has returned. It waits for calls under way; later ones do nothing
// and return [ErrClosed]. A response that is not committed stays so. Close may
// be called again.
func (w *Writer) Close() {
	w.gate.Lock()
	w.closed = true
	w.gate.Unlock()
}

// commit calls the hooks unless that has happened; a second caller waits for
// the first. It is the only way to the hooks. The caller has entered.
func (w *Writer) commit() error {
	w.once.Do(func() {
		w.started.Store(true)
		w.err = errPanicked // stays if a hook does
		header := w.top.at.Header()
		w.err = w.hooks.BeforeHeaders(header)
		if w.err != nil {
			w.refused.Store(true)
			removeOwn(header)
			w.hooks.Refuse(w.top.at, w.err)
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

// begin enters and commits: what every call does that makes the final header
// leave. If it returns nil, leave must follow.
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
	return w.commit()
}
