package main

import (
	"io"
	"net/http"

	"go.uber.org/zap"

	"github.com/fxsession/sessions/store"
)

// Health tells a load balancer how the shop is. Its handlers do not touch the
// session.
type Health struct {
	store *store.SessionStore
	log   *zap.Logger
}

func newHealth(s *store.SessionStore, log *zap.Logger) *Health { return &Health{s, log} }

// Live answers as long as the process does.
func (h *Health) Live(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "ok\n")
}

// Ready answers 503 while the session store is away.
func (h *Health) Ready(w http.ResponseWriter, r *http.Request) {
	if err := h.store.Ping(r.Context()); err != nil {
		h.log.Warn("not ready", zap.Error(err))
		http.Error(w, "the session store is away", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ready\n")
}
