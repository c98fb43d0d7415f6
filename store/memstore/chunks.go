package memstore

import (
	"encoding/binary"
	"strings"

	"github.com/fxsession/sessions/store"
)

// chunks keeps the blocks of a shard, one after the other in a few long texts:
// what would be an object for every record is one for many of them, and an entry
// needs no pointer to find its block. Each block stands behind its length, an
// uvarint. What is written stays as it is, so that who has found a block can
// read it without the lock; compact leaves behind what no record needs.
type chunks struct {
	full []string        // those that nothing is added to any more
	open strings.Builder // the one after them
	live int             // bytes of the blocks that are needed
	dead int             // and of those that are not
}

// A chunk has room for a part of what the shard holds, within these bounds, so
// that few records need little memory and many leave little of it unused. What a
// block does not fit into any more is closed, and is half empty at the worst; one
// that is longer than any chunk has one to itself.
const (
	smallestChunk = 1 << 10
	largestChunk  = 32 << 10
	chunkShare    = 4
)

// add puts b behind all others.
func (c *chunks) add(b []byte) place {
	c.live += len(b)
	return c.write(b)
}

// drop says that b, which add was given once, is no longer needed.
func (c *chunks) drop(b block) {
	c.live -= len(b)
	c.dead += len(b)
}

func (c *chunks) write(b []byte) place {
	var length [binary.MaxVarintLen64]byte
	prefix := binary.AppendUvarint(length[:0], uint64(len(b)))
	if need := len(prefix) + len(b); c.open.Cap()-c.open.Len() < need {
		if c.open.Len() > 0 {
			c.full = append(c.full, c.open.String())
		}
		c.open.Reset()
		c.open.Grow(max(need, min(max(c.live/chunkShare, smallestChunk), largestChunk)))
	}
	p := place{uint32(len(c.full)), uint32(c.open.Len())}
	c.open.Write(prefix)
	c.open.Write(b)
	return p
}

// at gives the block that add has put at p.
func (c *chunks) at(p place) block {
	chunk := ""
	if int(p.chunk) < len(c.full) {
		chunk = c.full[p.chunk]
	} else {
		chunk = c.open.String()
	}
	length, rest, _ := cutUvarint(chunk[p.begin:])
	return block(rest[:length])
}

// wasteful says that it is time to compact: that what is not needed has come to
// three quarters of what is, and that it is worth going through so many entries.
func (c *chunks) wasteful(entries int) bool {
	const worthwhile, perEntry = 2 << 10, 64
	return c.dead > max(c.live/4*3, worthwhile, perEntry*entries)
}

// compact copies the blocks of all entries into new chunks, and leaves the old
// ones to the garbage collector.
func (c *chunks) compact(entries map[store.Key]entry) {
	old := chunks{full: append(c.full, c.open.String())}
	c.full, c.dead = nil, 0
	c.open.Reset()
	var room [usualBlock]byte
	for key, e := range entries {
		if !e.isMark() {
			e.place = c.write(append(room[:0], old.at(e.place)...))
			entries[key] = e
		}
	}
}
