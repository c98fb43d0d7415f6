package fxsession

import (
	"net/http"

	"go.uber.org/fx"
)

// Routes makes handlers from functions that say in their signatures what they
// need, and puts them into the value group routes, which [Handler] serves.
//
//	fxsession.Routes(
//		fxsession.RequestScoped(NewCurrentUser),
//		fxsession.Handle("GET /cart", ShowCart),
//		fxsession.Handle("POST /cart", (*CartHandler).Add),
//		fxsession.PostProcess(AddServerTiming),
//	)
//
// A parameter of a function is one of
//
//   - http.ResponseWriter, in handlers and post-processors;
//   - *http.Request and context.Context, which are those of the request;
//   - *session.Session, that of the request;
//   - [Response], in post-processors;
//   - what a constructor of the list makes, see [RequestScoped] and [Transient];
//   - anything else: a singleton of the fx graph, or a struct that embeds fx.In.
//
// All of this is decided at start, and each route becomes one plan: during a
// request nothing is looked up, and nothing is locked. Mistakes make fx.New and
// fx.ValidateApp fail: those within the list with an error that names the
// pattern, the function and its position, those of the graph with fx's own
// error, in which the name of what could not be built contains the same.
//
// A type is either a singleton or made for each request. The constructors of
// the fx.Module (or the application) in which Routes is called therefore cannot
// use what a list makes for each request, and two Routes calls in one such
// place cannot list constructors of the same type: lists are slices of [Item],
// so pass them to one Routes call, or call it in a separate fx.Module.
// Different Routes calls of one application share the patterns: fx reports one
// that is there twice. Different patterns that overlap are an error of fx.New;
// fx.ValidateApp does not find it, because it runs no code.
func Routes(items ...Item) fx.Option { return compile(items).option() }

// Item is one line of a list for [Routes] or [Group]: what [Handle],
// [RequestScoped], [Transient], [PostProcess], [Use] and [Group] return. It is
// a plain value, and can be used in several lists and applications.
type Item interface{ addTo(*list) }

// Handle makes fn the handler of the requests that match pattern, in the syntax
// of [http.ServeMux]. fn returns nothing or an error; the error goes to the
// session.ErrorHandler, inside an [*Error], and fn must have written nothing
// then. A method expression such as (*CartHandler).Add takes its receiver from
// the graph.
//
// func(http.ResponseWriter, *http.Request), the same with a *session.Session,
// and either of them with an error as the result, are called without reflection.
func Handle(pattern string, fn any) Item {
	return handle{pattern, listed{fn, callSite()}}
}

// RequestScoped makes ctor, which returns a T or a T and an error, the
// constructor of T for all functions of the list and of the groups within it.
// It is called at most once per request, when a function that the request runs
// asks for a T; all others share the value. If it fails, the handler is not
// called, the error goes where a handler's goes, and ctor is not called again.
func RequestScoped(ctor any) Item { return construct{requestScoped, listed{ctor, callSite()}} }

// Transient is [RequestScoped] without the sharing: ctor is called for each
// parameter that asks for a T.
func Transient(ctor any) Item { return construct{transient, listed{ctor, callSite()}} }

// PostProcess calls fn before the headers of a response are sent, whoever has
// written it: a handler of the list or of a group within it, or the
// session.ErrorHandler for the error of one. It runs before the session is
// saved, and so not again for the answer to a save that fails. Post-processors
// run in the order in which they are listed, those of a list before those of
// its groups, and may still change the session and the headers. If one returns
// an error, the others are not run, nothing of the response is sent, and the
// session.ErrorHandler answers instead. One that needs a value whose
// constructor has failed is left out: that error is the response.
//
// The http.ResponseWriter that fn can ask for gives the headers; writing to it
// is refused with [ErrPostProcessorWrites]. The handler's own, should fn come by
// it, waits for fn and must be left alone.
func PostProcess(fn any) Item { return postProcess{listed{fn, callSite()}} }

// Use puts middlewares around the handlers of the list and of the groups within
// it, the first outermost. Its position in the list makes no difference.
// Responses of a middleware itself are not post-processed.
func Use(middlewares ...func(http.Handler) http.Handler) Item {
	return use{middlewares, callSite()}
}

// Group is a list within a list. Its patterns have prefix before their path; it
// is empty, or begins with a slash and ends without one, and may have
// wildcards. Constructors, post-processors and middlewares of the group apply
// to the group only, in addition to those of the surrounding list.
func Group(prefix string, items ...Item) Item { return group{prefix, items, callSite()} }
