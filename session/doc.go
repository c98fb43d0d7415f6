// Package session gives an HTTP request its session.
//
// A [Manager] makes the sessions of one cookie: its Middleware puts a
// [*Session] into the request's context, saves it before the first byte of the
// response is sent, and sets the cookie when something has changed for the
// client. A Session has two sides, bags of JSON values that never mix: the
// server state, kept in a store, and the client state ([Session.Client]), which
// travels in the sealed cookie.
//
// A session is lazy. Nothing is parsed, decrypted or loaded until it is used: a
// request that does not use its session never calls the store, and its response
// is the same as without the middleware.
//
// The package knows nothing of fx, of how a store keeps its records, or of
// where its configuration came from.
package session
