// Package commit wraps an http.ResponseWriter so that something can be saved,
// and headers be set, before the first byte of the response leaves, however
// the handler makes it leave; and so that the response is refused when the
// save fails.
//
// The moment at which that happens is the commit of the response. It happens
// once, in [Writer.commit], and everything that could make the final header
// leave passes through there: writing, flushing, taking over the connection,
// each of them directly, through an [http.ResponseController] and through
// Unwrap.
//
// The package knows what a response is. It must not know what is saved: no
// session, no cookie, no store.
package commit
