// Package redisstore keeps sessions in Redis, through rueidis: on a single
// server, on a Redis Cluster, or under Sentinel.
//
// [New] makes a Backend over a client of the application, which stays the
// application's own; [Open] makes one with a client of its own, from a URL, and
// that one is to be closed.
//
// A record is one string, in MessagePack, that says when it expires. Every operation
// on one record is one round trip and one atomic step: what changes a record is a Lua
// script of the folder scripts; what creates one that is nobody's is a plain command,
// and so is what reads, but on a cluster, where that is a script, too. What finds
// something else than was to be expected looks again, with a script. On a cluster,
// two operations take more than one round trip: a change of key between two slots,
// and what puts a record into the index of its subject. Redis removes what has
// expired by itself, so DeleteExpired has nothing to do.
//
// The package knows nothing of sessions, cookies or configuration files.
package redisstore
