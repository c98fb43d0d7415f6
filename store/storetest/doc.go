// Package storetest is the conformance suite for implementations of
// [store.Backend], those in this module and those of others.
//
// A backend's test file describes in a [Harness] how to open it, how to let
// time pass and how to damage a record, and calls [Run] for the contract,
// [Histories] for linearizability under concurrency and [Benchmark] for speed:
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, newHarness)
//		storetest.Histories(t, newHarness, storetest.HistoryOptions{})
//	}
//
//	func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, newHarness) }
//
// The core semantics then need no tests of the backend's own. A backend whose
// engine stores dates runs the suite again in another time zone, with a second
// harness. What is optional in the contract, such as [store.SubjectIndex], is
// checked if the backend has it, and the log says so if it does not. A check
// that fails names the behaviour that was expected; a random one prints its
// seed and everything it did.
//
// The package knows the contract and the harness, but no particular engine.
package storetest
