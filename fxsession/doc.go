// Package fxsession puts sessions into an application made with
// go.uber.org/fx.
//
// [Module] provides the configuration, the store, the [*session.Manager] and
// the middleware, and starts and stops what they need. [Routes] makes handlers
// of functions that have what they need in their parameters: the session, a
// singleton of the graph, a value of the request. An application adds these and
// its server, which asks for the [Handler] over them and so stops before the
// store does:
//
//	fx.New(
//		fxsession.Module,
//		fx.Provide(NewCatalogue),
//		fxsession.Routes(
//			fxsession.RequestScoped(NewCurrentUser), // func(context.Context, *session.Session) (CurrentUser, error)
//			fxsession.Handle("GET /cart", ShowCart), // func(http.ResponseWriter, *session.Session, *Catalogue, CurrentUser) error
//		),
//		fx.Invoke(StartServer), // func(fx.Lifecycle, fxsession.Handler)
//	)
//
// With a router of its own, an application puts the [Chain] before it.
//
// The package is wiring and no more: what it wires works without fx. It links
// no SQL driver and nothing that is for tests.
package fxsession
