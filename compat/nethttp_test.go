package compat_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/mux"

	"github.com/fxsession/sessions/session"
)

// plain are the handlers of the routers whose handlers are net/http's.
func plain(s *site) map[string]http.HandlerFunc {
	storing := func(answer http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if err := remember(r); err != nil {
				panic(err)
			}
			answer(w, r)
		}
	}
	return map[string]http.HandlerFunc{
		"/json": storing(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			_ = json.NewEncoder(w).Encode(map[string]bool{"stored": true})
		}),
		"/text":      storing(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "stored") }),
		"/redirect":  storing(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/value", http.StatusFound) }),
		"/nothing":   storing(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
		"/untouched": storing(func(http.ResponseWriter, *http.Request) {}),
		"/stream": storing(func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			io.WriteString(w, "first ")
			w.(http.Flusher).Flush()
			<-s.proceed
			io.WriteString(w, "second")
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
		}),
		"/file":  storing(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, s.file) }),
		"/error": storing(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no coffee", http.StatusTeapot) }),
		"/panic": storing(func(http.ResponseWriter, *http.Request) { panic("out of order") }),
		"/value": func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, must(recall(r))) },
	}
}

func TestB10_ServeMux(t *testing.T) {
	behaves(t, byNobody, func(_ *testing.T, m *session.Manager, s *site) http.Handler {
		router := http.NewServeMux()
		for path, handler := range plain(s) {
			router.HandleFunc("GET "+path, handler)
		}
		return m.Middleware(router)
	})
}

func TestB10_Chi(t *testing.T) {
	behaves(t, outside, func(_ *testing.T, m *session.Manager, s *site) http.Handler {
		router := chi.NewRouter()
		router.Use(recoverer, m.Middleware)
		for path, handler := range plain(s) {
			router.Get(path, handler)
		}
		return router
	})
}

// TestB10_ChiWithItsOwnWriters has writers of chi's below and above ours.
func TestB10_ChiWithItsOwnWriters(t *testing.T) {
	behaves(t, outside, func(_ *testing.T, m *session.Manager, s *site) http.Handler {
		logger := chimiddleware.RequestLogger(&chimiddleware.DefaultLogFormatter{Logger: quiet, NoColor: true})
		router := chi.NewRouter()
		router.Use(recoverer, logger, m.Middleware, logger, chimiddleware.Compress(5))
		for path, handler := range plain(s) {
			router.Get(path, handler)
		}
		return router
	})
}

// recoverer answers 500 for a panic, as that of chi does without its trace.
func recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				http.Error(w, "out of order", http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func TestB10_GorillaMux(t *testing.T) {
	behaves(t, outside, func(_ *testing.T, m *session.Manager, s *site) http.Handler {
		router := mux.NewRouter()
		router.Use(recoverer, m.Middleware)
		for path, handler := range plain(s) {
			router.HandleFunc(path, handler).Methods("GET")
		}
		return router
	})
}
