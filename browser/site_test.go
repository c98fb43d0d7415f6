package browser

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

var visits = session.NewField[int]("visits")

// openSite starts an application over TLS, with a configuration that set
// changes.
//
//	/public     a page without a session
//	/in, /out   signs ada in and out
//	/           says who is signed in, in the body and as its title
//	/count      counts the visits of the session
//	/frame?of=  a page that embeds another, whose title becomes its own
//	/post?to=   a page that posts to another when its button is clicked
func openSite(t *testing.T, set func(*config.SessionConfig)) *httptest.Server {
	t.Helper()
	cfg := config.Default()
	if set != nil {
		set(&cfg)
	}
	m, err := session.NewManager(cfg, store.New(memstore.New()))
	if err != nil {
		t.Fatal(err)
	}
	say := func(w http.ResponseWriter, text string) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><title>%[1]s</title><body>%[1]s<script>parent.postMessage(document.title, "*")</script>`, html.EscapeString(text))
	}
	handle := func(do func(r *http.Request, s *session.Session) (string, error)) http.Handler {
		return m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, err := do(r, session.FromContext(r.Context()))
			if err != nil {
				session.HandleError(w, r, err)
				return
			}
			say(w, text)
		}))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/public", func(w http.ResponseWriter, _ *http.Request) { say(w, "public") })
	mux.Handle("/in", handle(func(r *http.Request, s *session.Session) (string, error) {
		return "in", s.SignIn(r.Context(), "ada")
	}))
	mux.Handle("/out", handle(func(r *http.Request, s *session.Session) (string, error) {
		return "out", s.SignOut(r.Context())
	}))
	mux.Handle("/{$}", handle(func(r *http.Request, s *session.Session) (string, error) {
		who, err := s.Subject(r.Context())
		return r.Method + " by " + cmp.Or(who, "nobody"), err
	}))
	mux.Handle("/count", handle(func(r *http.Request, s *session.Session) (string, error) {
		n, _, err := visits.Get(r.Context(), s)
		if err == nil {
			err = visits.Set(r.Context(), s, n+1)
		}
		return "visit " + strconv.Itoa(n+1), err
	}))
	mux.HandleFunc("/frame", func(w http.ResponseWriter, r *http.Request) {
		say(w, "frame")
		fmt.Fprintf(w, `<script>onmessage = (event) => { document.title = event.data }</script><iframe src="%s"></iframe>`,
			html.EscapeString(r.FormValue("of")))
	})
	mux.HandleFunc("/post", func(w http.ResponseWriter, r *http.Request) {
		say(w, "post")
		fmt.Fprintf(w, `<a href="%[1]s">go</a><form method="post" action="%[1]s"><button>post</button></form>`, html.EscapeString(r.FormValue("to")))
	})
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // browsers try connections out and drop them
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections() // browsers hold some that they have not used
		server.Close()
	})
	return server
}

// at gives the URL under another name of this machine.
func at(name string, server *httptest.Server) string {
	return "https://" + name + server.URL[strings.LastIndex(server.URL, ":"):]
}

func onLocalhost(url string) string { return strings.Replace(url, "127.0.0.1", "localhost", 1) }

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
