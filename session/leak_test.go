package session_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// What opens a session in the Cookie header opens nothing anywhere else.
func TestASessionTravelsInNoURL(t *testing.T) { // ASVS 5.0, 14.2.1
	e := newEnv(t)
	b := e.signedIn("ada")
	value := url.QueryEscape(b.cookie.Value)
	name := url.QueryEscape(e.CookieName())
	for what, r := range map[string]*http.Request{
		"a query": httptest.NewRequest(http.MethodGet, "/?"+name+"="+value+"&session="+value, nil),
		"a path":  httptest.NewRequest(http.MethodGet, "/;"+name+"="+value, nil),
		"a form": func() *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(name+"="+value))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return r
		}(),
		"another header": func() *http.Request {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Authorization", "Bearer "+b.cookie.Value)
			return r
		}(),
	} {
		if _, ok := e.Incoming(r); ok {
			t.Errorf("%s opens a session", what)
		}
	}
}

// jealous is a backend that looks for a secret in all that it is given.
type jealous struct {
	store.Backend
	seen strings.Builder
}

func (j *jealous) Create(ctx context.Context, key store.Key, rec store.Record) error {
	fmt.Fprintf(&j.seen, "%x %+v %s\n", key[:], rec, rec.State)
	return j.Backend.Create(ctx, key, rec)
}

func (j *jealous) ChangeKey(ctx context.Context, from, to store.Key, ch store.Change) error {
	fmt.Fprintf(&j.seen, "%x %x %+v %s\n", from[:], to[:], ch, ch.Set)
	return j.Backend.ChangeKey(ctx, from, to, ch)
}

func (j *jealous) Update(ctx context.Context, key store.Key, ch store.Change) error {
	fmt.Fprintf(&j.seen, "%x %+v %s\n", key[:], ch, ch.Set)
	return j.Backend.Update(ctx, key, ch)
}

func (j *jealous) Load(ctx context.Context, key store.Key) (store.Record, error) {
	fmt.Fprintf(&j.seen, "%x\n", key[:])
	return j.Backend.Load(ctx, key)
}

func (j *jealous) Delete(ctx context.Context, key store.Key) error {
	fmt.Fprintf(&j.seen, "%x\n", key[:])
	return j.Backend.Delete(ctx, key)
}

// Whoever reads the whole store has no ID.
func TestTheStoreNeverSeesAnID(t *testing.T) {
	e := newEnv(t)
	j := &jealous{Backend: e.spy}
	b := &browser{e: e, m: e.managerOver(store.New(j), config.Default())}
	for _, step := range []handler{write("k", "v"), signIn("ada"), then(load, cycle), write("k", "w")} {
		b.visit(step)
		raw := session.RawID(b.incoming().ID())
		if seen := j.seen.String(); strings.Contains(seen, hex.EncodeToString(raw[:])) || strings.Contains(seen, string(raw[:])) ||
			strings.Contains(seen, strings.Trim(fmt.Sprint(raw[:]), "[]")) {
			t.Errorf("it has seen the ID:\n%s", seen)
		}
	}
	if !strings.Contains(j.seen.String(), b.key().String()) {
		t.Error("the test has seen nothing")
	}
}
