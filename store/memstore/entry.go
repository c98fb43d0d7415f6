package memstore

import "math"

// entry says when what is under a key expires, and where the block of a record
// is. It holds no pointer, and neither does a map of entries: the garbage
// collector passes over both, however many there are.
type entry struct {
	expires int64 // by the clock of the store, in milliseconds
	place   place
}

// place is where a block begins: in which chunk of its shard, and at which byte
// there. A mark has no block, and its place says which mark it is.
type place struct{ chunk, begin uint32 }

// A mark stands under the key of a record that was deleted or renewed, until it
// expires.
var (
	deleted = place{chunk: math.MaxUint32, begin: 0}
	renewed = place{chunk: math.MaxUint32, begin: 1}
)

func (e entry) isMark() bool { return e.place.chunk == math.MaxUint32 }

// record is a record as it is found in its shard.
type record struct {
	block   block
	expires int64
}
