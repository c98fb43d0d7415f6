package main

import (
	"io"
	"net/http"

	"go.uber.org/zap"

	"github.com/fxsession/sessions/store"
)

// live answers as long as the process does.
func live(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "ok\n")
}

// ready answers 503 while the session store is away.
func ready(w http.ResponseWriter, r *http.Request, sessions *store.SessionStore, log *zap.Logger) {
	if err := sessions.Ping(r.Context()); err != nil {
		log.Warn("not ready", zap.Error(err))
		http.Error(w, "the session store is away", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ready\n")
}
