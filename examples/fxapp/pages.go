package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"mime"
	"net/http"
	"strings"

	"github.com/fxsession/sessions/session"
)

//go:embed pages
var files embed.FS

// Pages are the templates of the shop's HTML, by the names of their files.
type Pages map[string]*template.Template

func newPages() (Pages, error) {
	pages := Pages{}
	for _, name := range []string{"home.html", "cart.html", "account.html", "devices.html", "signed-out.html", "error.html"} {
		t, err := template.New(name).Funcs(words).ParseFS(files, "pages/layout.html", "pages/icons.html", "pages/sign-in.html", "pages/"+name)
		if err != nil {
			return nil, err
		}
		pages[name] = t
	}
	return pages, nil
}

// answer shows a page, or gives the outcome to those who ask for JSON.
func (p Pages) answer(w http.ResponseWriter, r *http.Request, name string, view View, outcome any) error {
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, outcome)
	}
	return p.write(w, http.StatusOK, name, view)
}

// write answers with a page.
func (p Pages) write(w http.ResponseWriter, status int, name string, view View) error {
	var page bytes.Buffer
	if err := p[name].ExecuteTemplate(&page, "layout.html", view); err != nil {
		return err
	}
	send(w, status, "text/html; charset=utf-8", page.Bytes())
	return nil
}

// writeJSON answers with JSON.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	send(w, status, "application/json", append(text, '\n'))
	return nil
}

// send answers with what is one visitor's, and not for caches to keep.
func send(w http.ResponseWriter, status int, kind string, body []byte) {
	header := w.Header()
	header.Set("Content-Type", kind)
	header.Set("Cache-Control", "no-store")
	header.Add("Vary", "Accept")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// done answers a form: a browser is sent to a page, which shows the message,
// anyone else gets the outcome.
func done(w http.ResponseWriter, r *http.Request, s *session.Session, page, message string, outcome any) error {
	if wantsJSON(r) {
		return writeJSON(w, http.StatusOK, outcome)
	}
	if err := flash.Set(r.Context(), s, message); err != nil {
		return err
	}
	http.Redirect(w, r, page, http.StatusSeeOther)
	return nil
}

// file serves what the pages refer to.
func file(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "pages"+r.URL.Path) }

// wantsJSON says whether the request accepts application/json.
func wantsJSON(r *http.Request) bool {
	for accepted := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		if kind, _, _ := mime.ParseMediaType(accepted); kind == "application/json" {
			return true
		}
	}
	return false
}
