package compat_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/gorilla/mux"
	gorilla "github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store/memstore"
)

// A handler that upgrades stores a value first: the handshake must bring the
// cookie. Then it sends one message back.

// upgradeGorilla hands over the response's header: gorilla writes the handshake
// by itself, after it has taken the connection over, and with it what is in the
// header by then.
func upgradeGorilla(w http.ResponseWriter, r *http.Request) {
	if err := remember(r); err != nil {
		panic(err)
	}
	conn, err := new(gorilla.Upgrader).Upgrade(w, r, w.Header())
	if err != nil {
		return // answered
	}
	defer conn.Close()
	kind, message, err := conn.ReadMessage()
	if err != nil {
		return
	}
	_ = conn.WriteMessage(kind, message)
}

func upgradeCoder(w http.ResponseWriter, r *http.Request) {
	if err := remember(r); err != nil {
		panic(err)
	}
	conn, err := coder.Accept(w, r, nil)
	if err != nil {
		return // answered
	}
	defer conn.CloseNow()
	kind, message, err := conn.Read(r.Context())
	if err != nil {
		return
	}
	_ = conn.Write(r.Context(), kind, message)
	_ = conn.Close(coder.StatusNormalClosure, "")
}

func value(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(must(recall(r)))) }

// sockets are the routers with an upgrade at /socket, and /value.
var sockets = map[string]func(m *session.Manager, upgrade http.HandlerFunc) http.Handler{
	"net/http": func(m *session.Manager, upgrade http.HandlerFunc) http.Handler {
		router := http.NewServeMux()
		router.HandleFunc("/socket", upgrade)
		router.HandleFunc("/value", value)
		return m.Middleware(router)
	},
	"chi": func(m *session.Manager, upgrade http.HandlerFunc) http.Handler {
		router := chi.NewRouter()
		router.Use(m.Middleware)
		router.Get("/socket", upgrade)
		router.Get("/value", value)
		return router
	},
	"gorilla/mux": func(m *session.Manager, upgrade http.HandlerFunc) http.Handler {
		router := mux.NewRouter()
		router.Use(m.Middleware)
		router.HandleFunc("/socket", upgrade)
		router.HandleFunc("/value", value)
		return router
	},
	"gin": func(m *session.Manager, upgrade http.HandlerFunc) http.Handler {
		router := gin.New()
		router.GET("/socket", gin.WrapF(upgrade))
		router.GET("/value", gin.WrapF(value))
		return m.Middleware(router)
	},
	"echo": func(m *session.Manager, upgrade http.HandlerFunc) http.Handler {
		router := echo.New()
		router.Use(echo.WrapMiddleware(m.Middleware))
		router.GET("/socket", echo.WrapHandler(upgrade))
		router.GET("/value", echo.WrapHandler(http.HandlerFunc(value)))
		return router
	},
}

// patience bounds a conversation that does not come about.
const patience = 10 * time.Second

// dialers open the WebSocket at url, exchange one message and return the
// response to the handshake; the body of a failed one can be read.
var dialers = map[string]func(t *testing.T, s *site, browser *http.Client, url string) (*http.Response, string){
	"gorilla": func(t *testing.T, s *site, browser *http.Client, url string) (*http.Response, string) {
		dialer := gorilla.Dialer{TLSClientConfig: s.tls(), Jar: browser.Jar, HandshakeTimeout: patience}
		conn, resp, err := dialer.Dial(url, nil)
		if err != nil {
			return resp, ""
		}
		defer conn.Close()
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if err := conn.WriteMessage(gorilla.TextMessage, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		_, message, err := conn.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(message)
	},
	"coder": func(t *testing.T, _ *site, browser *http.Client, url string) (*http.Response, string) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		conn, resp, err := coder.Dial(ctx, url, &coder.DialOptions{HTTPClient: browser})
		if err != nil {
			return resp, ""
		}
		defer conn.CloseNow()
		if err := conn.Write(ctx, coder.MessageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		_, message, err := conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(message)
	},
}

var upgrades = map[string]http.HandlerFunc{"gorilla": upgradeGorilla, "coder": upgradeCoder}

func TestB4_B10_WebSockets(t *testing.T) {
	t.Parallel()
	for router, build := range sockets {
		for library, upgrade := range upgrades {
			t.Run(router+", "+library, func(t *testing.T) {
				t.Parallel()
				s := open(t, "HTTP/1.1", func(_ *testing.T, m *session.Manager, _ *site) http.Handler { return build(m, upgrade) })
				browser := s.browser(t)
				resp, message := dialers[library](t, s, browser, "wss"+strings.TrimPrefix(s.URL, "https")+"/socket")
				if resp == nil || resp.StatusCode != http.StatusSwitchingProtocols || message != "hello" {
					t.Fatalf("the handshake is %v, the message %q", resp, message)
				}
				if n := s.cookies(resp); n != 1 {
					t.Errorf("%d cookies came with the handshake, want one", n)
				}
				s.recalls(t, browser, true)
			})
		}
	}
}

func TestB5_B10_AWebSocketIsRefusedWhenTheSaveFails(t *testing.T) {
	t.Parallel()
	for router, build := range sockets {
		for library, upgrade := range upgrades {
			t.Run(router+", "+library, func(t *testing.T) {
				t.Parallel()
				s := openOver(t, "HTTP/1.1", fullStore{memstore.New()}, func(_ *testing.T, m *session.Manager, _ *site) http.Handler { return build(m, upgrade) })
				resp, _ := dialers[library](t, s, s.browser(t), "wss"+strings.TrimPrefix(s.URL, "https")+"/socket")
				if resp == nil || resp.StatusCode != http.StatusInternalServerError || s.cookies(resp) != 0 {
					t.Fatalf("the handshake is %v, want a refusal without a cookie", resp)
				}
			})
		}
	}
}
