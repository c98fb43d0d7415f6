package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
)

// CartView is who is signed in, and the cart, for programs and scripts.
type CartView struct {
	User  string `json:"user"`
	Items Cart   `json:"items"`
}

func viewCart(ctx context.Context, s *session.Session) (v CartView, err error) {
	if v.User, err = s.Subject(ctx); err != nil {
		return v, err
	}
	v.Items, _, err = cart.Get(ctx, s)
	if v.Items == nil {
		v.Items = Cart{}
	}
	return v, err
}

// eventTimeout is how long a browser may take to receive an event.
const eventTimeout = 10 * time.Second

// followCart sends the cart as server-sent events, now and whenever it has
// changed, until the session ends or the shop does. Changes that this instance
// makes are seen at once, those of others after state.watch_interval, which is
// also how late the end of the session may be heard of.
//
// A browser connects again whenever a stream ends, with the cookie that it has
// by then, and 204 tells it to give up: there is nothing to follow, neither
// somebody who is signed in nor a cart.
func followCart(
	w http.ResponseWriter, r *http.Request, s *session.Session, sessions *session.Manager, streams *Streams, cfg config.SessionConfig,
) error {
	changed, stop := streams.watch(streams.key(r)) // before the first look, so that nothing is missed
	defer stop()
	view, err := viewCart(r.Context(), s)
	if err == nil && view.User == "" && len(view.Items) == 0 {
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	out := newEventWriter(w)
	if r.Method == http.MethodHead { // which the pattern matches as well
		return nil
	}
	if err != nil { // browsers do not come back after an error, so it is a stream that ends
		_ = out.retry(5 * time.Second)
		return nil
	}
	ended := s.Done(r.Context())
	if err := out.retry(time.Second); err != nil {
		return nil // the browser has gone away, as wherever an event cannot be sent
	}
	tick := time.NewTicker(cfg.State.WatchInterval)
	defer tick.Stop()
	for {
		if err := out.event("cart", view); err != nil {
			return nil
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ended:
			return nil
		case <-streams.closed:
			return nil
		}
		// The request's own session holds what it has loaded. A new one looks
		// at what there is by now.
		if fresh, err := viewCart(r.Context(), sessions.Open(r)); err == nil {
			view = fresh
		}
		select {
		case <-ended: // what has just been looked at was no longer the visitor's
			return nil
		default:
		}
	}
}

// eventWriter writes server-sent events.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	last    []byte
}

func newEventWriter(w http.ResponseWriter) *eventWriter {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // for proxies that collect what they pass on
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // that of the server would end the request
	return &eventWriter{w: w, control: control}
}

// retry says how soon to connect again when the stream has ended.
func (e *eventWriter) retry(after time.Duration) error {
	return e.send(fmt.Appendf(nil, "retry: %d\n\n", after.Milliseconds()))
}

// event sends v as JSON, or no more than a sign of life when it is what was
// sent last.
func (e *eventWriter) event(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if bytes.Equal(data, e.last) {
		return e.send([]byte(":\n\n"))
	}
	e.last = data
	return e.send(fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, data))
}

func (e *eventWriter) send(text []byte) error {
	_ = e.control.SetWriteDeadline(time.Now().Add(eventTimeout)) // that of the server is for the whole response
	if _, err := e.w.Write(text); err != nil {
		return err
	}
	return e.control.Flush()
}
