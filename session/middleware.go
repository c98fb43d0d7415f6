package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/fxsession/sessions/internal/commit"
	"github.com/fxsession/sessions/store"
)

// Middleware gives every request a session, which [FromContext] finds. It saves
// the session before the first byte of the response is sent, and sets the
// cookie if something has changed for the client. If the save fails, the
// [ErrorHandler] answers instead of the handler. A handler that panics saves
// nothing.
//
// Passing through the middleware of one Manager twice is the same as once.
// Those of two Managers can be chained; [Manager.FromContext] tells their
// sessions apart.
func (m *Manager) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(m) != nil {
			next.ServeHTTP(w, r)
			return
		}
		x := &exchange{}
		x.session.core = &x.core
		x.core.m, x.core.request = m, r
		x.context = requestContext{r.Context(), x}
		x.request = r.WithContext(&x.context)
		defer x.close()
		next.ServeHTTP(x.writer.Wrap(w, x), x.request)
		x.finish()
	})
}

// exchange is all that the middleware keeps for one request, in one piece of
// memory: the context that the handler sees, the session and the writer.
type exchange struct {
	context requestContext
	session Session
	core    core
	writer  commit.Writer
	request *http.Request // as the handler gets it
	closed  bool          // the session is
}

type contextKey struct{}

// requestContext is the context of a request with a session. It holds the
// exchange behind a pointer, so that a program that prints a context does not
// print IDs and values.
type requestContext struct {
	context.Context
	exchange *exchange
}

// String names the context as those of package context are named.
func (c *requestContext) String() string { return nameOf(c.Context) + ".WithSession" }

// nameOf gives the name of a context, and nothing of what it holds.
func nameOf(ctx context.Context) string {
	if named, ok := ctx.(fmt.Stringer); ok {
		return named.String()
	}
	return fmt.Sprintf("%T", ctx)
}

// Format writes what String gives, whatever the verb.
func (c *requestContext) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// Value finds the session, for FromContext and for its Manager.
func (c *requestContext) Value(key any) any {
	if key == (contextKey{}) || key == any(c.exchange.core.m) {
		return &c.exchange.session
	}
	return c.Context.Value(key)
}

// notInstalled is what FromContext returns without the middleware.
var notInstalled = &Session{}

// FromContext returns the session in a request's context; it is never nil.
// Without the middleware, every operation of the session returns
// ErrNotInstalled. If the middlewares of several Managers are chained, it is
// the session of the innermost one.
func FromContext(ctx context.Context) *Session {
	if s, ok := ctx.Value(contextKey{}).(*Session); ok {
		return s
	}
	return notInstalled
}

// FromContext returns the session that m has made for a request. If the request
// did not pass through m's middleware, every operation of the session returns
// ErrNotInstalled.
func (m *Manager) FromContext(ctx context.Context) *Session {
	if s, ok := ctx.Value(m).(*Session); ok {
		return s
	}
	return notInstalled
}

// BeforeHeaders saves the session and sets its cookie.
func (x *exchange) BeforeHeaders(header http.Header) error {
	s := &x.session
	s.mu.Lock()
	if s.touched == nil && !s.m.sendAlways { // nothing to save, no cookie to send
		s.started = true
		s.mu.Unlock()
		return nil
	}
	if !s.saving.TryLock() { // it is taken before mu
		s.mu.Unlock()
		s.saving.Lock()
		s.mu.Lock()
	}
	defer s.unlockSaving()
	defer func() { s.started = true }()
	cookie, err := s.finalize(x.saving())
	if err != nil {
		s.closed, s.refused = true, true
		return fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	s.settled = s.edits
	if cookie != "" {
		setCookie(header, cookie)
	}
	return nil
}

// savingContext is the context of a save. The client may have gone away; what
// its handler did is done, and so the save goes on, and the store's timeout
// bounds it. It is context.WithoutCancel, in the memory of the exchange.
type savingContext requestContext

func (x *exchange) saving() context.Context { return (*savingContext)(&x.context) }

// Deadline says that there is none.
func (*savingContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Done gives nil: it is never done.
func (*savingContext) Done() <-chan struct{} { return nil }

// Err gives nil.
func (*savingContext) Err() error { return nil }

// Value gives those of the request, but for what package context keeps there of
// its end.
func (c *savingContext) Value(key any) any { return context.WithoutCancel(c.Context).Value(key) }

// String names the context as those of package context are named.
func (c *savingContext) String() string { return nameOf(c.Context) + ".Saving" }

// Format writes what String gives, whatever the verb.
func (c *savingContext) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// setCookie adds a cookie to a response, with what caches must know then.
func setCookie(header http.Header, cookie string) {
	values := []string{cookie, "no-store", "Cookie"} // in one piece of memory
	add(header, "Set-Cookie", values[0:1:1])
	header["Cache-Control"] = values[1:2:2]
	if !variesByCookie(header) {
		add(header, "Vary", values[2:3:3])
	}
}

// add adds values, which become the header's, to those of a name.
func add(header http.Header, name string, values []string) {
	if before := header[name]; len(before) > 0 {
		values = append(before, values...)
	}
	header[name] = values
}

func variesByCookie(header http.Header) bool {
	for _, line := range header["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name == "*" || strings.EqualFold(name, "Cookie") {
				return true
			}
		}
	}
	return false
}

// Refuse answers the request after a failed save. A handler of the
// application's that answers nothing must not make a 200 of it.
func (x *exchange) Refuse(w http.ResponseWriter, err error) {
	answer := &watchedWriter{ResponseWriter: w}
	x.core.m.handleError(answer, x.request, err)
	if !answer.written {
		x.core.m.DefaultErrorHandler(w, x.request, err)
	}
}

// watchedWriter notes whether anything was written.
type watchedWriter struct {
	http.ResponseWriter
	written bool
}

func (w *watchedWriter) WriteHeader(status int) {
	w.written = w.written || status >= 200
	w.ResponseWriter.WriteHeader(status)
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	w.written = true
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// finish is the end of a handler that has returned. What was changed after the
// response had started is saved now. When that fails, the response is broken
// off, the one way left to tell the client that not everything took place.
func (x *exchange) finish() {
	s := &x.session
	if !x.writer.Passed() && x.writer.Commit() != nil {
		if !x.writer.Answered() { // and somebody has recovered from that
			s.m.logger.Error("session: a panic has kept the session from being saved, or the failure from being answered, the response is broken off")
			panic(http.ErrAbortHandler)
		}
		return // by Refuse
	}
	if x.closed = s.closeSettled(); x.closed {
		return
	}
	s.saving.Lock()
	s.mu.Lock()
	defer s.unlockSaving()
	err := s.save(x.saving())
	s.close()
	if x.closed = true; err != nil {
		s.m.logger.Error("session: what was written after the response had started is not stored, the response is broken off", zap.Error(err))
		panic(http.ErrAbortHandler)
	}
}

// closeSettled ends the use of the session, and reports true, where there is
// nothing to save any more.
func (s *Session) closeSettled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.touched != nil && s.edits != s.settled && !s.closed {
		return false
	}
	s.close()
	return true
}

// close ends the use of the session. It is called with the session locked.
func (s *Session) close() {
	s.closed = true
	s.endWatches()
}

// close ends the use of the session and of the response. It runs also when
// the handler panics.
func (x *exchange) close() {
	if !x.closed {
		x.session.mu.Lock()
		x.session.close()
		x.session.mu.Unlock()
	}
	x.writer.Close()
	x.handBack()
}

// handBack tells the request, of which the handler had a copy, what the handler
// has made of that: the server removes the files of the form that it finds
// there, and an access log further out reads the pattern.
func (x *exchange) handBack() {
	if x.core.request.MultipartForm == nil {
		x.core.request.MultipartForm = x.request.MultipartForm
	}
	if x.core.request.Pattern == "" {
		x.core.request.Pattern = x.request.Pattern
	}
}

// ErrorHandler answers a request that failed: either its session could not be
// saved, and err is an ErrNotSaved, or its handler returned an error. Nothing
// of the handler's response has been sent. The session is that of r, and closed
// if it could not be saved. If the ErrorHandler writes nothing after a failed
// save, [Manager.DefaultErrorHandler] answers.
type ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)

// ErrorStatus is the status that answers err: 409 Conflict if another request
// has ended or renewed the session (store.ErrEnded) or kept changing it
// (store.ErrConflict), or if the subject has too many (ErrTooManySessions); 413
// if the request's body was larger than [http.MaxBytesReader] allows; otherwise
// 500.
func ErrorStatus(err error) int {
	switch {
	case ended(err), errors.Is(err, store.ErrConflict), errors.Is(err, ErrTooManySessions):
		return http.StatusConflict
	case errors.As(err, new(*http.MaxBytesError)):
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusInternalServerError
}

// DefaultErrorHandler answers with the text of [ErrorStatus], and nothing of
// err. An error that is a 500 is also logged, if there is a logger.
func (m *Manager) DefaultErrorHandler(w http.ResponseWriter, r *http.Request, err error) {
	status := ErrorStatus(err)
	if status == http.StatusInternalServerError {
		m.logger.Error("session: request failed", zap.String("method", r.Method), zap.String("pattern", r.Pattern), zap.Error(err))
	}
	answerStatus(w, status)
}

func answerStatus(w http.ResponseWriter, status int) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, http.StatusText(status), status)
}

// HandleError answers r with the ErrorHandler of the Manager whose middleware r
// has passed through, or with the plain text of [ErrorStatus] if there was
// none. It is for adapters that let handlers return errors. If the response has
// already begun, HandleError logs the error and aborts the response by a panic
// with http.ErrAbortHandler. If the session could not be saved, the request has
// been answered already, and HandleError does nothing.
func HandleError(w http.ResponseWriter, r *http.Request, err error) {
	s := FromContext(r.Context())
	if !s.installed() {
		answerStatus(w, ErrorStatus(err))
		return
	}
	s.mu.Lock()
	started, refused := s.started, s.refused
	s.mu.Unlock()
	switch {
	case refused:
	case started:
		s.m.logger.Error("session: the handler failed after the response had started, which is broken off",
			zap.String("method", r.Method), zap.String("pattern", r.Pattern), zap.Error(err))
		panic(http.ErrAbortHandler)
	default:
		s.m.handleError(w, r, err)
	}
}
