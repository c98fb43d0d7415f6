package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"mime"
	"net/http"
	"strings"

	"go.uber.org/zap"
)

//go:embed pages
var files embed.FS

// View is what the pages show.
type View struct {
	Path      string
	User      string // "" if nobody is signed in
	Theme     string
	Themes    []string
	Flash     string
	Catalogue Catalogue
	Cart      Cart
	Message   string // of the error page
}

// Pages writes the shop's HTML.
type Pages struct {
	templates map[string]*template.Template
	log       *zap.Logger
}

func newPages(log *zap.Logger) (*Pages, error) {
	p := &Pages{map[string]*template.Template{}, log}
	for _, name := range []string{"home.html", "cart.html", "error.html"} {
		t, err := template.ParseFS(files, "pages/layout.html", "pages/"+name)
		if err != nil {
			return nil, err
		}
		p.templates[name] = t
	}
	return p, nil
}

// write answers with a page. It is complete before its first byte leaves.
func (p *Pages) write(w http.ResponseWriter, status int, name string, v View) {
	var page bytes.Buffer
	if err := p.templates[name].ExecuteTemplate(&page, "layout.html", v); err != nil {
		p.log.Error("a page cannot be made", zap.String("page", name), zap.Error(err))
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	personal(header)
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}

// Style serves the style sheet.
func (p *Pages) Style(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "pages/style.css")
}

// writeJSON answers with JSON.
func writeJSON(w http.ResponseWriter, status int, v any) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	personal(header)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client has gone away
}

// personal keeps caches from keeping what is one visitor's.
func personal(header http.Header) {
	header.Set("Cache-Control", "no-store")
	header.Add("Vary", "Accept")
}

// wantsJSON says whether the request accepts application/json.
func wantsJSON(r *http.Request) bool {
	for accepted := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		if kind, _, _ := mime.ParseMediaType(accepted); kind == "application/json" {
			return true
		}
	}
	return false
}
