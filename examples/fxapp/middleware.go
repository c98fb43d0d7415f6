package main

import (
	"net/http"

	"go.uber.org/fx"

	"github.com/fxsession/sessions/fxsession"
)

type newMiddlewaresResult struct {
	fx.Out

	Limit       fxsession.Middleware `group:"http.middleware"`
	CrossOrigin fxsession.Middleware `group:"http.middleware"`
}

// largestBody is more than any form of the shop needs.
const largestBody = 64 << 10

// newMiddlewares gives what stands before the session middleware in the chain.
func newMiddlewares() newMiddlewaresResult {
	return newMiddlewaresResult{
		Limit: fxsession.Middleware{
			Name:  "limit",
			Order: fxsession.SessionOrder - 20,
			Wrap:  func(next http.Handler) http.Handler { return http.MaxBytesHandler(next, largestBody) },
		},
		// A page of another site cannot post into a visitor's session.
		CrossOrigin: fxsession.Middleware{
			Name:  "cross-origin",
			Order: fxsession.SessionOrder - 10,
			Wrap:  http.NewCrossOriginProtection().Handler,
		},
	}
}
