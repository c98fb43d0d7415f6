// Package testserver starts the servers that tests need, as processes of their
// own that end with the test, and stands between them and a client to count,
// hold back and cut what goes over the wire.
//
// A server whose program is not installed fails the test, with the line that
// installs it.
package testserver
