// Package memstore keeps sessions in the memory of the process: the backend
// for one instance, for development and for tests.
//
// It is split into hundreds of shards with a lock each, starts no goroutine and
// never stops the world: a sweep looks at one shard at a time, removes a few
// records under its lock, and rests now and then. Records are blocks of
// bytes in long texts without pointers, so that the garbage collector passes over
// them however many there are, and a Load hands out copies that share nothing
// with them. Where too many of those bytes are no longer needed, they are given up by
// copying the rest, one shard at a time.
//
// The sessions of a subject are found through an index that holds as many keys
// as the store holds records with a subject.
//
// What is kept is gone when the process ends. The package knows nothing of
// session IDs, cookies or HTTP.
package memstore
