package fxsession_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/fxsession"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

var visits = session.NewField[int]("visits")

// countVisits answers with how often the visitor was here.
func countVisits(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	n, _, err := visits.Get(r.Context(), s)
	if err != nil {
		return err
	}
	if err := visits.Set(r.Context(), s, n+1); err != nil {
		return err
	}
	_, err = io.WriteString(w, strings.Repeat("I", n+1))
	return err
}

func get(t *testing.T, client *http.Client, url string) (status int, body string) {
	t.Helper()
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestAHandlerHasItsSession(t *testing.T) {
	t.Parallel()
	var chain fxsession.Chain
	start(t, fxsession.Module, environment(), fx.Populate(&chain))

	client, url := browser(t, chain.Then(fxsession.HandlerFunc(countVisits)))
	for _, want := range []string{"I", "II", "III"} {
		if status, body := get(t, client, url); status != http.StatusOK || body != want {
			t.Errorf("got %d %q, want 200 %q", status, body, want)
		}
	}
}

// F3: what a handler returns reaches the error handler of the graph.
func TestF3_TheErrorOfAHandlerReachesTheErrorHandler(t *testing.T) {
	t.Parallel()
	soldOut := errors.New("sold out")
	var chain fxsession.Chain
	start(t, fxsession.Module, environment(), fx.Populate(&chain),
		fx.Supply(session.ErrorHandler(func(w http.ResponseWriter, _ *http.Request, err error) {
			if !errors.Is(err, soldOut) {
				t.Errorf("the error handler got %v", err)
			}
			http.Error(w, "come back tomorrow", http.StatusTeapot)
		})))

	client, url := browser(t, chain.Then(fxsession.HandlerFunc(
		func(http.ResponseWriter, *http.Request, *session.Session) error { return soldOut })))
	if status, body := get(t, client, url); status != http.StatusTeapot || body != "come back tomorrow\n" {
		t.Errorf("got %d %q", status, body)
	}
}

// forgetful is a Backend that cannot keep anything new.
type forgetful struct{ store.Backend }

func (forgetful) Create(context.Context, store.Key, store.Record) error { return store.ErrFull }

// F3: each error has the stage that it comes from.
func TestF3_ErrorsSayTheirStage(t *testing.T) {
	t.Parallel()
	var chain fxsession.Chain
	var got []*fxsession.Error
	start(t, fxsession.Module, environment(), fx.Populate(&chain),
		fx.Decorate(func(b store.Backend) store.Backend { return forgetful{b} }),
		fx.Supply(session.ErrorHandler(func(w http.ResponseWriter, _ *http.Request, err error) {
			e, ok := errors.AsType[*fxsession.Error](err)
			if !ok {
				t.Errorf("%v has no stage", err)
			}
			got = append(got, e)
			http.Error(w, "", http.StatusTeapot)
		})))
	mux := http.NewServeMux()
	mux.Handle("/handler", fxsession.HandlerFunc(func(http.ResponseWriter, *http.Request, *session.Session) error { return io.EOF }))
	mux.Handle("/save", fxsession.HandlerFunc(countVisits))
	client, url := browser(t, chain.Then(mux))
	for _, path := range []string{"/handler", "/save"} {
		if status, _ := get(t, client, url+path); status != http.StatusTeapot {
			t.Errorf("%s: got %d", path, status)
		}
	}
	if len(got) != 2 || got[0].Error() != "/handler: handler: EOF" || !errors.Is(got[1], store.ErrFull) ||
		got[1].Stage != fxsession.StageSave || got[1].Pattern != "/save" {
		t.Errorf("the error handler got %v", got)
	}
}

// Outside of the chain there is no session, and no panic.
func TestAHandlerOutsideOfTheChainGetsAnError(t *testing.T) {
	t.Parallel()
	client, url := browser(t, fxsession.HandlerFunc(countVisits))
	if status, _ := get(t, client, url); status != http.StatusInternalServerError {
		t.Errorf("got %d, want 500", status)
	}
}
