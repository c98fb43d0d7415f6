package redisstore

import (
	"encoding/binary"
	"encoding/json"
	"math"
)

// A state is packed as the scripts pack it with cmsgpack: a MessagePack map of
// strings. These are the first bytes of what there is in one, each followed by
// a length of as many bytes as its name says, but for those that hold it.
const (
	fixMap = 0x80 // to 0x8f
	map16  = 0xde
	map32  = 0xdf
	fixStr = 0xa0 // to 0xbf
	str8   = 0xd9
	str16  = 0xda
	str32  = 0xdb
)

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

// unpackState reads a packed state, "" for one of no keys. names and texts are
// both the whole of it; the keys share the bytes of the one, and the texts those
// of the other.
func unpackState(names string, texts []byte) (state map[string]json.RawMessage, ok bool) {
	if len(texts) == 0 {
		return map[string]json.RawMessage{}, true
	}
	u := unpacker{rest: texts}
	keys := u.length(fixMap, 0x0f, map16)
	if keys > len(texts)/2 { // each takes two bytes at least
		return nil, false
	}
	state = make(map[string]json.RawMessage, keys)
	for range keys {
		begin, end := u.text(len(texts))
		key := names[begin:end]
		begin, end = u.text(len(texts))
		state[key] = texts[begin:end:end]
	}
	return state, !u.failed && len(u.rest) == 0
}

// unpacker reads what is packed, and gives nothing once it has failed.
type unpacker struct {
	rest   []byte
	failed bool
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

func (u *unpacker) fail() int {
	u.rest, u.failed = nil, true
	return 0
}
