// Package fxsession puts sessions into an application made with
// go.uber.org/fx.
//
// [Module] provides the configuration, the store, the [*session.Manager] and
// the middleware, and starts and stops what they need. An application adds its
// handlers and its server, which asks for the [Chain] and so stops before the
// store does:
//
//	fx.New(
//		fxsession.Module,
//		fx.Provide(NewHandler),
//		fx.Invoke(StartServer), // func(fx.Lifecycle, fxsession.Chain, http.Handler)
//	)
//
// The package is wiring and no more: what it wires works without fx. It links
// no SQL driver and nothing that is for tests.
package fxsession
