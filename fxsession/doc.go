// Package fxsession adds sessions to an application made with go.uber.org/fx.
//
// [Module] provides the configuration, the store, the [*session.Manager] and
// the middleware, and starts and stops what they need. [Routes] makes handlers
// from functions that receive what they need as parameters: the session, a
// singleton from the graph, a value of the request. An application adds these
// and its server, which depends on the [Handler] over them and so stops before
// the store does:
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
// An application with its own router puts the [Chain] in front of it.
//
// The package contains only wiring: what it wires works without fx. It links no
// SQL driver and nothing that is for tests.
package fxsession
