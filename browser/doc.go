// Package browser holds no code. Its tests drive a real Chromium against the
// example application, as a process of its own on memory, Redis and
// PostgreSQL, and against small applications over TLS: what a browser keeps,
// sends, restores and forgets is up to the browser, and no client of net/http
// does the same.
//
// The screenshots in docs/images are made by
//
//	go test -C browser -run TestPages -screenshots ../docs/images
//
// It is a module of its own so that the driver of the browser is in the go.sum
// of no application that uses this library.
package browser
