// Command bench measures this library beside its peers and beside the floors
// that nothing can go below, in one run, and writes what it found as JSON, as a
// table, as charts and into the documents:
//
//	go run -C bench .           everything; less than 14 minutes on two cores
//	go run -C bench . -quick    the same with less repetition, in two minutes, into quick/ alone
//	go run -C bench . -render   table, charts and documents of the last run, again
//	go run -C bench . -simulate the simulation behind docs/scale.md alone
//
// It starts Redis servers of its own. Each library is one file that mounts it
// as its documentation says, behind one small interface: [library].
package main
