package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v3"
)

// library is one way to keep sessions: this library, a peer, or a floor.
type library struct {
	Name      string     // as results and charts name it
	Module    string     // the Go module whose version the results state
	Backend   string     // none, memory, cookie or redis
	Scenarios []scenario // the ones that it can do
	// Open mounts it, over the Redis at an address where it needs one.
	Open func(redis string) (*site, error)
}

// site is a library in an application: every scenario is a path, /S1 to /S7,
// and /fill begins a session with all five keys. A request that went well is
// answered with 200.
type site struct {
	Handler http.Handler
	Fiber   *fiber.App // in place of Handler, where the framework is not net/http
	Close   func()
}

type scenario string

const (
	s1 scenario = "S1"
	s2 scenario = "S2"
	s3 scenario = "S3"
	s4 scenario = "S4"
	s5 scenario = "S5"
	s6 scenario = "S6"
	s7 scenario = "S7"
)

var scenarios = []scenario{s1, s2, s3, s4, s5, s6, s7}

var scenarioTitles = map[scenario]string{
	s1: "no cookie, session untouched",
	s2: "session, untouched",
	s3: "reads one key",
	s4: "reads all five keys",
	s5: "writes one key",
	s6: "sign-in: new ID, two writes",
	s7: "new session, one write",
}

// path is where a site serves the scenario.
func (s scenario) path() string { return "/" + string(s) }

// carriesCookie says whether the client has a session before the request.
func (s scenario) carriesCookie() bool { return s != s1 && s != s7 }

// libraries are in the order of tables and charts.
func libraries() []library {
	return slices.Concat(ours(), scsLibraries(), gorillaLibraries(), ginLibraries(), fiberLibraries(), floors())
}

func libraryNamed(name string) library {
	l, _ := find(append(libraries(), signedInOnRedis()), func(l library) bool { return l.Name == name })
	return l
}

// The five keys of a session, and what they hold.
const (
	keyUser    = "user_id"
	keyVisits  = "visits"
	keyProfile = "profile"
	keyRoles   = "roles"
	keySince   = "signed_in_at"
)

type profile struct {
	Name  string `json:"name"`
	Admin bool   `json:"admin"`
}

type state struct {
	User    string
	Visits  int
	Profile profile
	Roles   []string
	Since   time.Time
}

var initial = state{
	User:    "u-58102934",
	Visits:  42,
	Profile: profile{"Ada Lovelace", true},
	Roles:   []string{"editor", "reviewer", "billing"},
	Since:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
}

// check says whether a library gave back what was written. Scenarios write
// the user and the number of visits.
func (s state) check() error {
	if err := checkUser(s.User); err != nil {
		return err
	}
	if s.Visits < 1 || s.Profile != initial.Profile || !slices.Equal(s.Roles, initial.Roles) || !s.Since.Equal(initial.Since) {
		return fmt.Errorf("the session came back as %+v", s)
	}
	return nil
}

func checkUser(user string) error {
	if user != initial.User && user != otherUser {
		return fmt.Errorf("the user came back as %q", user)
	}
	return nil
}

// otherUser is who signs in in S6.
const otherUser = "u-77777777"

// json gives the state as one JSON text, for floors.
func (s state) json() string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // the type is a constant of this program
	}
	return string(text)
}

var okBody = []byte("ok")

// answer ends a request of net/http.
func answer(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(okBody)
}

func unknownPath(path string) error { return fmt.Errorf("%s is not a scenario", path) }
