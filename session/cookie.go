package session

import (
	"net/http"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/statecodec"
)

// effectiveName is the cookie's name with its prefix (RFC 6265bis, 4.1.3).
func effectiveName(cfg config.CookieConfig) string {
	switch cfg.Prefix {
	case config.PrefixHost, config.PrefixSecure:
		return string(cfg.Prefix) + cfg.Name
	case config.PrefixAuto:
		switch {
		case !cfg.Secure:
		case cfg.Path == "/" && cfg.Domain == "":
			return string(config.PrefixHost) + cfg.Name
		default:
			return string(config.PrefixSecure) + cfg.Name
		}
	}
	return cfg.Name
}

// template is a cookie with every attribute and no value.
func template(cfg config.CookieConfig) http.Cookie {
	return http.Cookie{
		Name:        effectiveName(cfg),
		Path:        cfg.Path,
		Domain:      cfg.Domain,
		Secure:      cfg.Secure,
		HttpOnly:    cfg.HTTPOnly,
		Partitioned: cfg.Partitioned,
		SameSite: map[config.SameSite]http.SameSite{
			config.SameSiteLax:    http.SameSiteLaxMode,
			config.SameSiteStrict: http.SameSiteStrictMode,
			config.SameSiteNone:   http.SameSiteNoneMode,
		}[cfg.SameSite],
	}
}

// removal is the cookie that takes the client's away: the same attributes,
// without which a browser would keep it.
func (m *Manager) removal() *http.Cookie {
	c := m.template
	c.MaxAge = -1
	c.Expires = time.Unix(1, 0)
	return &c
}

// outgoing gives the cookie that brings the client to where the session is,
// nil when it is there already. It is called with the session locked, after a
// save.
func (s *Session) outgoing() *http.Cookie {
	if s.m.sendAlways {
		s.open()
	}
	if !s.opened || s.ended != nil {
		return nil
	}
	if !s.begun {
		if !s.held.present {
			return nil
		}
		s.held = heldCookie{}
		return s.m.removal()
	}
	now := payload{record: s.record, id: s.id, began: s.began, expires: s.expires, terms: s.terms}
	if s.held.valid && s.held.payload == now && !s.clientChanged && !s.m.sendAlways {
		return nil
	}
	text := now.append(make([]byte, 0, maxPayload))
	if client := s.client.state(); len(client) > 0 {
		text = statecodec.Append(text, client)
	}
	c := s.m.template
	c.Value = s.m.sealer.Seal(text)
	if s.persistent() {
		c.MaxAge = max(1, int((s.expires-s.m.now()+999)/1000))
	}
	s.held = heldCookie{present: true, valid: true, payload: now}
	s.clientChanged = false
	return &c
}
