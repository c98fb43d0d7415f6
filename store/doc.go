// Package store keeps the server state of sessions.
//
// A [Backend] is the small interface that a storage engine implements; a
// [SessionStore] is the concrete type that callers use over any Backend. The
// SessionStore checks arguments, bounds every call in time, wraps every error
// once and, if asked to, measures and traces; a Backend does none of that and
// only keeps records.
//
// The whole package follows two rules. A record that is gone never comes back:
// only Create inserts. And two writers do not overwrite each other: a write is
// a [Change], which touches only the state keys that it names.
//
// The package knows nothing of HTTP, cookies or session IDs. It sees a [Key],
// which is a hash of the ID, so that a leaked database opens no session.
package store
