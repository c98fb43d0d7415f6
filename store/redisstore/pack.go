package redisstore

import (
	"encoding/binary"
	"encoding/json"
	"math"
)

// What is in Redis is packed as the scripts pack it with cmsgpack, in
// MessagePack. These are the first bytes of values, each followed by a length, or
// by a number, of as many bits as its name says, but for those that hold it.
const (
	fixMap = 0x80 // to 0x8f
	map16  = 0xde
	map32  = 0xdf
	fixStr = 0xa0 // to 0xbf
	str8   = 0xd9
	str16  = 0xda
	str32  = 0xdb

	posFixInt = 0x7f // and those below
	negFixInt = 0xe0 // to 0xff
	uint8s    = 0xcc // and after it those of 16, 32 and 64 bits
	int8s     = 0xd0 // the same
	int64s    = 0xd3

	no = "\xc2" // false
)

// packNew gives a record as record.lua has it, of version 1, of nobody and without
// notes.
func packNew(created, expires int64, state map[string]json.RawMessage) string {
	b := append([]byte(recordFormat+no), 1)
	b = binary.BigEndian.AppendUint64(append(b, int64s), uint64(created))
	b = binary.BigEndian.AppendUint64(append(b, int64s), uint64(expires))
	b = append(b, 0, fixStr) // no spare, no subject
	return string(append(b, packState(state)...))
}

// packState gives "" for a state of no keys.
func packState(state map[string]json.RawMessage) string {
	if len(state) == 0 {
		return ""
	}
	size := 5
	for key, text := range state {
		size += 10 + len(key) + len(text)
	}
	b := make([]byte, 0, size)
	switch n := len(state); {
	case n < 16:
		b = append(b, fixMap|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, map16), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, map32), uint32(n))
	}
	for key, text := range state {
		b = append(appendLength(b, len(key)), key...)
		b = append(appendLength(b, len(text)), text...)
	}
	return string(b)
}

func appendLength(b []byte, n int) []byte {
	switch {
	case n < 32:
		return append(b, fixStr|byte(n))
	case n < 1<<8:
		return append(b, str8, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, str16), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, str32), uint32(n))
}

// unpacker reads what is packed, and gives nothing once it has failed.
type unpacker struct {
	rest   []byte
	failed bool
}

// state reads a state up to the end of all, which asText and asBytes both are:
// the keys share the bytes of the one, and the texts those of the other. It gives
// one of no keys where nothing comes next.
func (u *unpacker) state(asText string, asBytes []byte) (state map[string]json.RawMessage, ok bool) {
	if len(u.rest) == 0 {
		return map[string]json.RawMessage{}, !u.failed
	}
	keys := u.length(fixMap, 0x0f, map16)
	if keys > len(u.rest)/2 { // each takes two bytes at least
		return nil, false
	}
	state = make(map[string]json.RawMessage, keys)
	for range keys {
		begin, end := u.text(len(asBytes))
		key := asText[begin:end]
		begin, end = u.text(len(asBytes))
		state[key] = asBytes[begin:end:end]
	}
	return state, !u.failed && len(u.rest) == 0
}

// text gives where in the total of bytes the string is that comes next.
func (u *unpacker) text(total int) (begin, end int) {
	n := u.length(fixStr, 0x1f, str16)
	if n > len(u.rest) {
		u.fail()
		return 0, 0
	}
	begin = total - len(u.rest)
	u.rest = u.rest[n:]
	return begin, begin + n
}

// length gives the length that comes next: in the bits of mask, where the others
// of the first byte are fixed; or in the two or four bytes that follow, where it
// is long or the one after that. Strings have one with a single byte, too.
func (u *unpacker) length(fixed, mask, long byte) (n int) {
	if len(u.rest) == 0 {
		return u.fail()
	}
	first, rest := u.rest[0], u.rest[1:]
	width := 0
	switch {
	case first&^mask == fixed:
		n = int(first & mask)
	case first == str8 && fixed == fixStr && len(rest) >= 1:
		n, width = int(rest[0]), 1
	case first == long && len(rest) >= 2:
		n, width = int(binary.BigEndian.Uint16(rest)), 2
	case first == long+1 && len(rest) >= 4 && binary.BigEndian.Uint32(rest) <= math.MaxInt32:
		n, width = int(binary.BigEndian.Uint32(rest)), 4
	default:
		return u.fail()
	}
	u.rest = rest[width:]
	return n
}

// integer gives the integer that comes next.
func (u *unpacker) integer() int64 {
	if len(u.rest) == 0 {
		u.fail()
		return 0
	}
	first, rest := u.rest[0], u.rest[1:]
	if first <= posFixInt || first >= negFixInt {
		u.rest = rest
		return int64(int8(first))
	}
	kind := first - uint8s
	signed := first >= int8s
	if signed {
		kind = first - int8s
	}
	width := 1 << kind
	if kind > 3 || len(rest) < width {
		u.fail()
		return 0
	}
	var bits uint64
	for _, b := range rest[:width] {
		bits = bits<<8 | uint64(b)
	}
	u.rest = rest[width:]
	if unused := 64 - 8*width; signed {
		return int64(bits<<unused) >> unused
	}
	if bits > math.MaxInt64 {
		u.fail()
		return 0
	}
	return int64(bits)
}

// comes says whether what comes next is bytes, and goes past them if it is.
func (u *unpacker) comes(bytes string) bool {
	if len(u.rest) < len(bytes) || string(u.rest[:len(bytes)]) != bytes {
		return false
	}
	u.rest = u.rest[len(bytes):]
	return true
}

// notes says whether notes come next, and goes past them: false, or a map of
// texts to texts and integers, which tell a reader nothing.
func (u *unpacker) notes() bool {
	if u.comes(no) {
		return true
	}
	for range u.length(fixMap, 0x0f, map16) {
		u.text(0)
		if len(u.rest) > 0 && (u.rest[0]&^0x1f == fixStr || u.rest[0] >= str8 && u.rest[0] <= str32) {
			u.text(0)
		} else {
			u.integer()
		}
		if u.failed {
			return false
		}
	}
	return !u.failed
}

func (u *unpacker) fail() int {
	u.rest, u.failed = nil, true
	return 0
}
