// Package lifecycle does the work around the requests: it waits for the store
// at start, migrates it if the configuration says so, removes expired records
// while the program runs, and closes the store at the end.
//
// The package knows nothing of sessions, HTTP or fx. A [Lifecycle] fits fx's
// hooks and any other way of starting and stopping a program: it has Start and
// Stop, each with a context that bounds it.
package lifecycle
