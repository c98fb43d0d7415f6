package main

import (
	"errors"
	"net/http"

	"go.uber.org/zap"

	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// newErrorHandler answers, in the shop's own words, when a function of the
// routes returns an error or a session cannot be saved.
func newErrorHandler(pages Pages, log *zap.Logger) session.ErrorHandler {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		status, message := explain(err)
		if status == http.StatusInternalServerError {
			log.Error("request failed", zap.String("pattern", r.Pattern), zap.Error(err))
		}
		switch {
		case wantsJSON(r):
			err = writeJSON(w, status, map[string]string{"error": message})
		case signedOut(r, err):
			http.Redirect(w, r, "/signed-out", http.StatusSeeOther)
			err = nil
		case status == http.StatusUnauthorized:
			err = done(w, r, session.FromContext(r.Context()), "/", message, nil)
		default:
			err = pages.write(w, status, "error.html", View{Theme: "auto", Message: message})
		}
		if err != nil {
			log.Error("no answer to a failed request", zap.Error(err))
			http.Error(w, message, status)
		}
	}
}

// signedOut says whether a page can say no more than that its visitor was signed
// out. A form is told more when the session goes on under another ID.
func signedOut(r *http.Request, err error) bool {
	return errors.Is(err, store.ErrEnded) && (r.Method == http.MethodGet || !errors.Is(err, store.ErrRenewed))
}

func explain(err error) (status int, message string) {
	if wrong, ok := errors.AsType[invalid](err); ok {
		return http.StatusUnprocessableEntity, wrong.Error()
	}
	switch {
	case errors.Is(err, errNotSignedIn):
		return http.StatusUnauthorized, "Please sign in first."
	case errors.Is(err, errNoSuchDevice):
		return http.StatusNotFound, "You are not signed in there, or not any more."
	case errors.Is(err, session.ErrTooManySessions):
		return http.StatusConflict, "You are signed in on as many devices as you may be. Please sign out on another one first."
	case errors.Is(err, store.ErrEnded):
		return http.StatusConflict, "You signed in or out while this was under way. Please look at the page again."
	case errors.Is(err, store.ErrConflict):
		return http.StatusConflict, "Too much happened at once. Please try again."
	case errors.As(err, new(*http.MaxBytesError)):
		return http.StatusRequestEntityTooLarge, "That was too much to send."
	}
	return http.StatusInternalServerError, "The shop has a problem. Please try again in a moment."
}
