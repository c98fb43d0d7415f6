package fxsession

import (
	"net/http"

	"go.uber.org/fx"
)

// Routes makes handlers of functions that say in their signatures what they
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
// What is what is decided here, and each route becomes one plan: during a
// request nothing is looked up, and nothing is locked. Mistakes make fx.New
// and fx.ValidateApp fail: those within the list with an error that names the
// pattern, the function and where it is, those of the graph with fx's own
// error, in which the name of what could not be built says the same.
//
// A type is either a singleton or made for each request. What a list makes for
// each request is therefore closed to the constructors of the fx.Module (or the
// application) that Routes is called in, and two Routes calls at one such place
// cannot list constructors of one type: lists are slices of [Item], so hand
// them to one Routes call, or call it in an fx.Module of its own. Different
// Routes calls of one application share the patterns: fx reports one that is
// there twice. Two that differ and still overlap are an error of fx.New; that
// one alone fx.ValidateApp does not see, as it runs no code.
func Routes(items ...Item) fx.Option { return compile(items).option() }

// Item is one line of a list for [Routes] or [Group]: what [Handle],
// [RequestScoped], [Transient], [PostProcess], [Use] and [Group] return. It is
// a plain value, and can be used in several lists and applications.
type Item interface{ addTo(*list) }

// Handle makes fn the handler of the requests that match pattern, which is one
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

// RequestScoped makes ctor the constructor of what it returns, a T or a T and
// an error, for all functions of the list and of the groups within it: called
// at most once a request, when something that the request runs asks for a T,
// and shared from then on. When it fails, the handler is not called, the error
// goes where a handler's goes, and it is not called again.
func RequestScoped(ctor any) Item { return construct{requestScoped, listed{ctor, callSite()}} }

// Transient is [RequestScoped] but for the sharing: ctor is called for each
// parameter that asks for a T.
func Transient(ctor any) Item { return construct{transient, listed{ctor, callSite()}} }

// PostProcess calls fn before the headers of a response leave, whoever has
// written it: a handler of the list or of a group within it, or the
// session.ErrorHandler for the error of one. It runs before the session is
// saved, and so not again for the answer to a save that fails. Post-processors run in the order in which they are
// listed, those of a list before those of its groups, and may still change the
// session and the headers. When one returns an error the rest is not run, nothing
// of the response leaves, and the session.ErrorHandler answers in its place. One that needs
// a value whose constructor has failed is left out: that error is the response.
//
// The http.ResponseWriter that fn can ask for gives the headers; writing to it
// is refused with [ErrPostProcessorWrites]. The handler's own, should fn come by
// it, waits for fn and must be left alone.
func PostProcess(fn any) Item { return postProcess{listed{fn, callSite()}} }

// Use puts middlewares around the handlers of the list and of the groups
// within it, the first outermost. Where in the list it stands makes no
// difference. What a middleware answers by itself is not post-processed.
func Use(middlewares ...func(http.Handler) http.Handler) Item {
	return use{middlewares, callSite()}
}

// Group is a list within a list. Its patterns have prefix before their path;
// it is empty, or begins with a slash and ends without one, and may have
// wildcards. Constructors, post-processors and middlewares of the group are
// for the group alone, beside those of the list that it stands in.
func Group(prefix string, items ...Item) Item { return group{prefix, items, callSite()} }
