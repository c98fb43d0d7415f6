package main

import (
	"net/http"

	"github.com/fxsession/sessions/fxsession"
)

func newMux(shop *Shop, pages *Pages, health *Health) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", fxsession.HandlerFunc(shop.Home))
	mux.Handle("POST /login", fxsession.HandlerFunc(shop.Login))
	mux.Handle("POST /logout", fxsession.HandlerFunc(shop.Logout))
	mux.Handle("GET /cart", fxsession.HandlerFunc(shop.Cart))
	mux.Handle("POST /cart", fxsession.HandlerFunc(shop.AddToCart))
	mux.Handle("POST /theme", fxsession.HandlerFunc(shop.Theme))
	mux.HandleFunc("GET /style.css", pages.Style)
	mux.HandleFunc("GET /healthz", health.Live)
	mux.HandleFunc("GET /readyz", health.Ready)
	return mux
}
