package main

import (
	"maps"
	"net/http"
	"time"

	"github.com/boj/redistore"
	"github.com/gorilla/sessions"
)

const (
	gorillaModule = "github.com/gorilla/sessions"
	gorillaCookie = "gorilla, cookie"
	gorillaRedis  = "gorilla, redistore"
)

// authenticationKey signs the cookies of gorilla and gin; what it is does not
// change what it costs.
var authenticationKey = []byte("0123456789abcdef0123456789abcdef")

const (
	cookieName = "session"
	aDay       = 24 * 60 * 60 // in seconds, as cookies count
)

func gorillaLibraries() []library {
	return []library{
		{gorillaCookie, gorillaModule, "cookie", scenarios, func(string) (*site, error) {
			registerGob()
			return openGorilla(sessions.NewCookieStore(authenticationKey), func() {}), nil
		}},
		{gorillaRedis, gorillaModule, "redis", scenarios, func(address string) (*site, error) {
			registerGob()
			s, err := redistore.NewRediStore(connections, "tcp", address, "", "", authenticationKey)
			if err != nil {
				return nil, err
			}
			return openGorilla(s, func() { _ = s.Close() }), nil
		}},
	}
}

func openGorilla(s sessions.Store, closeStore func()) *site {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, serveGorilla(s, w, r))
	})
	return &site{Handler: handler, Close: closeStore}
}

func serveGorilla(store sessions.Store, w http.ResponseWriter, r *http.Request) error {
	sc := scenario(r.URL.Path[1:])
	if sc == s1 || sc == s2 {
		return nil // gorilla has no middleware: a session that is not asked for costs nothing
	}
	s, err := store.Get(r, cookieName)
	if err != nil {
		return err
	}
	switch sc {
	case s3:
		user, _ := s.Values[keyUser].(string)
		return checkUser(user)
	case s4:
		return stateOf(func(key string) any { return s.Values[key] }).check()
	case s5, s7:
		s.Values[keyVisits] = 43
	case s6:
		if err := endID(s, w, r); err != nil {
			return err
		}
		s.Values[keyUser] = otherUser
		s.Values[keyVisits] = 1
	case "fill":
		s.Values[keyUser] = initial.User
		s.Values[keyVisits] = initial.Visits
		s.Values[keyProfile] = initial.Profile
		s.Values[keyRoles] = initial.Roles
		s.Values[keySince] = initial.Since
	default:
		return unknownPath(r.URL.Path)
	}
	return s.Save(r, w)
}

// endID deletes the session under its ID, so that the next Save makes another;
// gorilla has no call that renews an ID. A cookie store has nothing to delete.
func endID(s *sessions.Session, w http.ResponseWriter, r *http.Request) error {
	if s.ID == "" {
		return nil
	}
	options, values := *s.Options, maps.Clone(s.Values) // some stores empty what they delete
	s.Options.MaxAge = -1
	if err := s.Save(r, w); err != nil {
		return err
	}
	s.ID, s.Options, s.Values = "", &options, values
	return nil
}

// stateOf gathers the five keys from a library whose values have no types.
func stateOf(get func(key string) any) (got state) {
	got.User, _ = get(keyUser).(string)
	got.Visits, _ = get(keyVisits).(int)
	got.Profile, _ = get(keyProfile).(profile)
	got.Roles, _ = get(keyRoles).([]string)
	got.Since, _ = get(keySince).(time.Time)
	return got
}
