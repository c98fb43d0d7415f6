package main

import (
	"net/http"

	"github.com/fxsession/sessions/fxsession"
)

// routes are all that the shop answers. Each function has what it needs in its
// parameters.
var routes = []fxsession.Item{
	fxsession.Use(http.NewCrossOriginProtection().Handler), // a page of another site cannot post
	fxsession.PostProcess(secure),
	fxsession.RequestScoped(newView),

	fxsession.Handle("GET /{$}", home),
	fxsession.Handle("GET /cart", showCart),
	fxsession.Handle("GET /cart/events", followCart),
	fxsession.Handle("POST /cart", addToCart),
	fxsession.Handle("POST /cart/remove", removeFromCart),
	fxsession.Handle("POST /theme", chooseTheme),
	fxsession.Handle("POST /login", signIn),
	fxsession.Handle("POST /logout", signOut),
	fxsession.Handle("GET /signed-out", showSignedOut),
	fxsession.Group("", membersOnly...),

	fxsession.Handle("GET /style.css", file),
	fxsession.Handle("GET /live.js", file),
	fxsession.Handle("GET /icon.svg", file),
	fxsession.Handle("GET /healthz", live),
	fxsession.Handle("GET /readyz", ready),
	fxsession.Handle("GET /metrics", showMetrics),
}

// membersOnly are the routes of those who are signed in: what asks for a
// CurrentUser does not run for anybody else.
var membersOnly = []fxsession.Item{
	fxsession.RequestScoped(newCurrentUser),
	fxsession.Handle("GET /account", account),
	fxsession.Handle("GET /devices", showDevices),
	fxsession.Handle("POST /devices/{key}/revoke", revokeDevice),
	fxsession.Handle("POST /devices/revoke-others", revokeOthers),
	fxsession.Handle("POST /devices/revoke-all", revokeAll),
}

// secure tells browsers how little a page of the shop may do. It runs before
// the headers of a response leave, whether it went well or not.
func secure(response fxsession.Response) {
	header := response.Header()
	header.Set("Content-Security-Policy", "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("X-Content-Type-Options", "nosniff")
}
