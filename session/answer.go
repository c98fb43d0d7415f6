package session

import (
	"context"
	"errors"
	"net/http"

	"go.uber.org/zap"

	"github.com/fxsession/sessions/internal/commit"
	"github.com/fxsession/sessions/store"
)

// Refuse answers the request after a failed save.
func (x *exchange) Refuse(w http.ResponseWriter, err error) {
	if m := x.core.m; !m.answers(w, x.request, err) {
		m.DefaultErrorHandler(w, x.request, err)
	}
}

// answers has the ErrorHandler answer through w, and reports whether it did: one
// of the application's that writes nothing must not make a 200 of err.
func (m *Manager) answers(w http.ResponseWriter, r *http.Request, err error) bool {
	watched := &watchedWriter{ResponseWriter: w}
	m.handleError(watched, r, err)
	return watched.written
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

// ErrorHandler answers a request that failed: either its session could not be
// saved, and err is an ErrNotSaved, or its handler returned an error. Nothing
// of the handler's response has been sent. The session is that of r, and closed
// if it could not be saved. After a failed save it answers through w alone: what
// the handler wrote to, which the context of a router may have, is closed. If it
// answers nothing, [Manager.DefaultErrorHandler] does.
type ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)

// ErrorStatus is the status that answers err: 409 Conflict if another request
// has ended or renewed the session (store.ErrEnded) or kept changing it
// (store.ErrConflict), or if the subject has too many (ErrTooManySessions); 401
// Unauthorized if nobody is signed in (ErrNotSignedIn); 413 if the request's body
// was larger than [http.MaxBytesReader] allows; otherwise 500.
func ErrorStatus(err error) int {
	switch {
	case ended(err), errors.Is(err, store.ErrConflict), errors.Is(err, ErrTooManySessions):
		return http.StatusConflict
	case errors.Is(err, ErrNotSignedIn):
		return http.StatusUnauthorized
	case errors.As(err, new(*http.MaxBytesError)):
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusInternalServerError
}

// DefaultErrorHandler answers with the text of [ErrorStatus], and nothing of
// err. An error that is a 500 is also logged, if there is a logger; at level debug
// if the client has gone, and at level error otherwise.
func (m *Manager) DefaultErrorHandler(w http.ResponseWriter, r *http.Request, err error) {
	status := ErrorStatus(err)
	if status == http.StatusInternalServerError {
		level := zap.ErrorLevel
		if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			level = zap.DebugLevel // the client has gone
		}
		m.logger.Log(level, "session: request failed", zap.String("method", r.Method), zap.String("pattern", r.Pattern), zap.Error(err))
	}
	answerStatus(w, status)
}

func answerStatus(w http.ResponseWriter, status int) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, http.StatusText(status), status)
}

// disown removes what a handler said about its own response, but for cookies.
func disown(h http.Header) {
	cookies := h["Set-Cookie"]
	commit.RemoveOwn(h)
	if cookies != nil {
		h["Set-Cookie"] = cookies
	}
}

// HandleError answers r with the ErrorHandler of the Manager whose middleware r
// has passed through, or with the plain text of [ErrorStatus] if there was
// none. It is for adapters that let handlers return errors. The headers by which
// the handler described its own response, such as its length, type and caching,
// are removed; its cookies stay. If the response has
// already begun, HandleError logs the error and aborts the response by a panic
// with http.ErrAbortHandler. If the session could not be saved, the request has
// been answered already, and HandleError does nothing.
func HandleError(w http.ResponseWriter, r *http.Request, err error) {
	s := FromContext(r.Context())
	if !s.installed() {
		disown(w.Header())
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
		disown(w.Header())
		if s.m.answers(w, r, err) {
			return
		}
		s.mu.Lock()
		elsewhere := s.started // through a writer of a router's own
		s.mu.Unlock()
		if !elsewhere {
			s.m.DefaultErrorHandler(w, r, err)
		}
	}
}
