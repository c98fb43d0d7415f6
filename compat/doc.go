// Package compat holds no code. Its tests show the session middleware behind,
// and within, the routers and libraries that handlers are written with: each
// answers through its own means, and the session is stored and its cookie sent
// as behind net/http alone. The package sqlite3 runs the conformance suite of
// stores on a driver that needs cgo.
//
// It is a module of its own so that none of them is in the go.sum of an
// application that uses this library.
package compat
