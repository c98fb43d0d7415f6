package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// errNoSuchDevice: the key is not that of a session of the visitor's.
var errNoSuchDevice = errors.New("no such device")

// Device is where a visitor is signed in: one session.
type Device struct {
	Key        store.Key  `json:"key"`
	Current    bool       `json:"current"`
	SignedInAt *time.Time `json:"signed_in_at"` // nil where it is not known
	LastSeenAt *time.Time `json:"last_seen_at"` // likewise
	UserAgent  string     `json:"user_agent"`
	RemoteAddr string     `json:"remote_addr"`
}

// Name says in words what the device is.
func (d Device) Name() string { name, _ := describe(d.UserAgent); return name }

// Icon names the picture of the device.
func (d Device) Icon() string { _, icon := describe(d.UserAgent); return icon }

func newDevice(info session.Info) Device {
	known := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	return Device{info.Key, info.Current, known(info.SignedInAt), known(info.LastSeenAt), info.UserAgent, info.RemoteAddr}
}

// showDevices lists where the visitor is signed in.
func showDevices(
	w http.ResponseWriter, r *http.Request, user CurrentUser, view View, sessions *session.Manager, pages Pages,
) error {
	list, err := sessions.Sessions(r.Context(), user.Name)
	if err != nil {
		return err
	}
	view.Devices = make([]Device, 0, len(list))
	for _, info := range list {
		view.Devices = append(view.Devices, newDevice(info))
	}
	return pages.answer(w, r, "devices.html", view, view.Devices)
}

// revoked is the answer to those who ask for JSON: how many sessions were ended.
func revoked(n int) map[string]int { return map[string]int{"revoked": n} }

// revokeDevice signs one device out: Revoke ends the session under the key if
// it is the visitor's own.
func revokeDevice(
	w http.ResponseWriter, r *http.Request, user CurrentUser, s *session.Session, sessions *session.Manager,
) error {
	key, err := store.ParseKey(r.PathValue("key"))
	if err != nil {
		return errNoSuchDevice
	}
	return leave(w, r, s, "/devices", func() (int, string, error) {
		err := sessions.Revoke(r.Context(), user.Name, key)
		if errors.Is(err, store.ErrNotFound) {
			err = errNoSuchDevice
		}
		return 1, "That device is signed out.", err
	})
}

// revokeOthers signs out all devices but the one that asks.
func revokeOthers(
	w http.ResponseWriter, r *http.Request, _ CurrentUser, s *session.Session, sessions *session.Manager,
) error {
	return leave(w, r, s, "/devices", func() (int, string, error) {
		n, err := sessions.RevokeOthers(r.Context(), s)
		switch n {
		case 0:
			return n, "There was no other device.", err
		case 1:
			return n, "One other device is signed out.", err
		}
		return n, fmt.Sprintf("%d other devices are signed out.", n), err
	})
}

// revokeAll signs out every device.
func revokeAll(
	w http.ResponseWriter, r *http.Request, user CurrentUser, s *session.Session, sessions *session.Manager,
) error {
	return leave(w, r, s, "/", func() (int, string, error) {
		n, err := sessions.RevokeAll(r.Context(), user.Name)
		return n, "You are signed out everywhere.", err
	})
}

// leave ends sessions by end, which says how many and what to tell, and leads
// to a page. When the visitor's own is one of them, the visit goes on with a
// fresh one.
func leave(w http.ResponseWriter, r *http.Request, s *session.Session, page string, end func() (int, string, error)) error {
	chosen, _, err := theme.Get(r.Context(), s.Client()) // as the client state ends with the session
	if err != nil {
		return err
	}
	n, message, err := end()
	if err != nil {
		return err
	}
	if s.IsInvalidated() {
		page = "/"
		if err := startOver(r.Context(), s, chosen); err != nil {
			return err
		}
	}
	return done(w, r, s, page, message, revoked(n))
}
