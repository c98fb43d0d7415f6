package session

import (
	"net/http"
	"strconv"
	"strings"
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

// cookieForm is what the cookies of a Manager have in common: the parts of the
// text of a Set-Cookie header, which http.Cookie would put together, and check,
// for every response anew.
type cookieForm struct {
	name    string // with the "="
	before  string // the attributes that stand before Max-Age
	after   string // those after it
	removal string // a whole text: that of the cookie that takes the client's away
}

const maxAgeText = "; Max-Age="

func newCookieForm(cfg config.CookieConfig) (f cookieForm) {
	c := http.Cookie{
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
		MaxAge: 1,
	}
	f.name = c.Name + "="
	f.before, f.after, _ = strings.Cut(c.String()[len(f.name):], maxAgeText+"1")
	// The same attributes, without which a browser would keep the cookie.
	c.MaxAge, c.Expires = -1, time.Unix(1, 0)
	f.removal = c.String()
	return f
}

// payload is what a cookie says of the session as it is.
func (s *Session) payload() payload {
	return payload{record: s.record, id: s.id, began: s.began, expires: s.expires, terms: s.terms}
}

// outgoing gives the cookie that brings the client to where the session is, as
// the text of a Set-Cookie header, "" when it is there already. It is called
// with the session locked, after a save.
func (s *Session) outgoing() string {
	if s.m.sendAlways {
		s.open()
	}
	if s.touched == nil || s.ended != nil {
		return ""
	}
	if !s.begun {
		if !s.held.present {
			return ""
		}
		s.held = heldCookie{}
		return s.m.cookie.removal
	}
	now := s.payload()
	if s.held.valid && s.held.payload == now && !s.clientChanged && !s.m.sendAlways {
		return ""
	}
	content := now.append(make([]byte, 0, maxPayload))
	if client := s.client.state(); len(client) > 0 {
		content = statecodec.Append(content, client)
	}
	text := append(make([]byte, 0, 512), s.m.cookie.name...) // longer ones take a little longer
	text = s.m.sealer.Append(text, content)
	text = append(text, s.m.cookie.before...)
	if s.persistent() {
		if s.asOf == 0 { // untouched, and sent all the same
			s.asOf = s.m.now()
		}
		text = append(text, maxAgeText...)
		text = strconv.AppendInt(text, max(1, (s.expires-s.asOf+999)/1000), 10)
	}
	text = append(text, s.m.cookie.after...)
	s.held = heldCookie{present: true, valid: true, payload: now}
	s.clientChanged = false
	return string(text)
}
