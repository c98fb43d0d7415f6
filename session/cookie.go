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

// cookieForm is what all cookies of a Manager have in common.
type cookieForm struct {
	template http.Cookie // with every attribute and no value
	// The text of a Set-Cookie header is that of http.Cookie, which would put it
	// together, and check each part, for every response anew.
	name   string // with the "="
	before string // the attributes that stand before Max-Age
	after  string // those after it
	taken  string // the whole text of the cookie that takes the client's away
}

func newCookieForm(cfg config.CookieConfig) cookieForm {
	f := cookieForm{template: http.Cookie{
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
	}}
	f.name = f.template.Name + "="
	attributes := f.cookie(outgoing{maxAge: 1}).String()[len(f.name):]
	f.before, f.after, _ = strings.Cut(attributes, maxAgeText+"1")
	f.taken = f.cookie(outgoing{remove: true}).String()
	return f
}

const maxAgeText = "; Max-Age="

// outgoing is a cookie that is to be sent.
type outgoing struct {
	value  string
	maxAge int // seconds; 0 for a cookie that ends with the browser
	// remove: the one that takes the client's away, with the same attributes,
	// without which a browser would keep it.
	remove bool
}

// cookie gives c as a cookie.
func (f *cookieForm) cookie(c outgoing) *http.Cookie {
	cookie := f.template
	cookie.Value, cookie.MaxAge = c.value, c.maxAge
	if c.remove {
		cookie.MaxAge = -1
		cookie.Expires = time.Unix(1, 0)
	}
	return &cookie
}

// text gives c as the text of a Set-Cookie header.
func (f *cookieForm) text(c outgoing) string {
	switch {
	case c.remove:
		return f.taken
	case c.maxAge == 0:
		return f.name + c.value + f.before + f.after
	}
	return f.name + c.value + f.before + maxAgeText + strconv.Itoa(c.maxAge) + f.after
}

// outgoing gives the cookie that brings the client to where the session is;
// tell is false when it is there already. It is called with the session locked,
// after a save.
func (s *Session) outgoing() (c outgoing, tell bool) {
	if s.m.sendAlways {
		s.open()
	}
	if s.touched == nil || s.ended != nil {
		return outgoing{}, false
	}
	if !s.begun {
		if !s.held.present {
			return outgoing{}, false
		}
		s.held = heldCookie{}
		return outgoing{remove: true}, true
	}
	now := payload{record: s.record, id: s.id, began: s.began, expires: s.expires, terms: s.terms}
	if s.held.valid && s.held.payload == now && !s.clientChanged && !s.m.sendAlways {
		return outgoing{}, false
	}
	text := now.append(make([]byte, 0, maxPayload))
	if client := s.client.state(); len(client) > 0 {
		text = statecodec.Append(text, client)
	}
	c.value = s.m.sealer.Seal(text)
	if s.persistent() {
		if s.asOf == 0 { // untouched, and sent all the same
			s.asOf = s.m.now()
		}
		c.maxAge = max(1, int((s.expires-s.asOf+999)/1000))
	}
	s.held = heldCookie{present: true, valid: true, payload: now}
	s.clientChanged = false
	return c, true
}
