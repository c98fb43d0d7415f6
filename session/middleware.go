package session

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/fxsession/sessions/internal/commit"
)

// Middleware gives every request a session, which [FromContext] finds. It saves
// the session before the first byte of the response is sent, and sets the
// cookie if something has changed for the client. If the save fails, the
// [ErrorHandler] answers instead of the handler. What is changed after that is
// saved when the handler returns; if that fails, the response is broken off, so
// that the client does not take it for whole. A handler that panics saves
// nothing, unless something within the middleware recovers.
//
// It returns when no goroutine of the handler is writing to the response any
// more, so that one which goes on copying from elsewhere keeps the request open.
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
	_ = s.lockSaving(x.saveContext()) // which does not end
	defer s.unlockSaving()
	if s.touched == nil && !s.m.sendAlways { // nothing to save, no cookie to send
		s.started = true
		return nil
	}
	defer func() { s.started = true }()
	cookie, err := s.finalize(x.saveContext())
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

func (x *exchange) saveContext() context.Context { return (*savingContext)(&x.context) }

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
	for name := range header {
		if commit.OverrulesCacheControl(name) {
			delete(header, name)
		}
	}
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

// finish is the end of a handler that has returned. What was changed after the
// response had started is saved now. When that fails, the response is broken
// off, the one way left to tell the client that not everything took place, unless
// the handler knew that the session had ended.
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
	_ = s.lockSaving(x.saveContext()) // which does not end
	defer s.unlockSaving()
	err := s.save(x.saveContext())
	s.close()
	if x.closed = true; s.told && ended(err) {
		s.m.logger.Info("session: the session ended under a response, whose handler knew that nothing more was stored")
	} else if err != nil {
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
	if form := x.request.MultipartForm; form != nil && x.core.request.MultipartForm == nil {
		x.core.request.MultipartForm = form
	}
	if pattern := x.request.Pattern; pattern != "" && x.core.request.Pattern == "" {
		x.core.request.Pattern = pattern
	}
}
