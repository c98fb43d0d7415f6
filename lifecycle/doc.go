// Package lifecycle runs what runs beside the requests: it waits for the store
// at start, migrates it where the configuration says so, removes expired
// records while the program runs, and closes the store at the end.
//
// The package knows nothing of sessions, HTTP or fx. A [Lifecycle] has the
// shape that fx's hooks, and any other way of starting and stopping a program,
// ask for: Start and Stop with a context that is a deadline.
package lifecycle
