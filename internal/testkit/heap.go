package testkit

import (
	"math"
	"runtime"
)

// Usage is what is in use of the heap.
type Usage struct{ Bytes, Objects int64 }

// Heap gives what is in use when collections find nothing more to free: pools
// and finalizers give some of it back only in the second or third.
func Heap() Usage {
	least := uint64(math.MaxUint64)
	for {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.HeapObjects >= least {
			return Usage{int64(m.HeapAlloc), int64(m.HeapObjects)}
		}
		least = m.HeapObjects
	}
}
