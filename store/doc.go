// Package store keeps the server state of sessions.
//
// A [Backend] is the small interface that a storage engine implements; a
// [SessionStore] is the concrete type that callers use over any Backend. The
// SessionStore checks what goes in, bounds every call in time, wraps every
// error once and, when asked to, measures and traces; a Backend does none of
// that and keeps records, nothing else.
//
// Two rules carry the whole package. A record that is gone never comes back:
// only Create inserts. And two writers do not overwrite each other: what is
// written is a [Change], which touches the state keys that it names and no
// others.
//
// The package knows nothing of HTTP, cookies or session IDs. It sees a [Key],
// which is a hash of the ID, so that a leaked database opens no session.
package store
