// Package storetest is the suite that every [store.Backend] passes, those of
// this module and those of other people.
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
// The core semantics then need no tests of the backend's own. An engine that
// keeps dates runs the suite once more in another time zone: that is another
// harness. What is optional in the contract, such as [store.SubjectIndex], is
// checked where the backend has it, and the log says where not. A check that fails is named by area and story; a random one prints
// its seed and all that it did.
//
// The package knows the contract and the harness, and nothing of any engine.
package storetest
