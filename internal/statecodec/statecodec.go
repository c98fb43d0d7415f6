// Package statecodec writes a bag of JSON values as bytes and reads it back.
//
// It serves the client state in the cookie and the records of the memory
// store. The form is compact and canonical: one state has one encoding, and
// Decode accepts nothing else. All lengths come first, then all keys, then all
// values, so that a state of any size is decoded into one string and one slice
// of bytes:
//
//	uvarint                   how many entries
//	uvarint, uvarint          of each entry: length of its key, of its value
//	bytes                     the keys, in ascending order
//	bytes                     the values, in the order of their keys
//
// The package looks at neither keys nor values: whether a value is JSON, and
// what a key may hold, is for its callers to say.
package statecodec

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/bits"
	"slices"
)

var errMalformed = errors.New("malformed state")

// Append appends the encoding of state to dst and returns the longer slice.
func Append(dst []byte, state map[string]json.RawMessage) []byte {
	var few [16]string // the sorting of a usual state needs no heap
	keys := few[:0]
	for key := range state {
		keys = append(keys, key)
	}
	slices.Sort(keys)

	dst = slices.Grow(dst, Size(state))
	dst = binary.AppendUvarint(dst, uint64(len(keys)))
	for _, key := range keys {
		dst = binary.AppendUvarint(dst, uint64(len(key)))
		dst = binary.AppendUvarint(dst, uint64(len(state[key])))
	}
	for _, key := range keys {
		dst = append(dst, key...)
	}
	for _, key := range keys {
		dst = append(dst, state[key]...)
	}
	return dst
}

// Size returns how many bytes [Append] adds for state.
func Size(state map[string]json.RawMessage) int {
	size := uvarintSize(len(state))
	for key, value := range state {
		size += uvarintSize(len(key)) + len(key) + uvarintSize(len(value)) + len(value)
	}
	return size
}

// Decode returns the state that [Append] wrote as text, nil for an empty one.
// Its keys share the memory of text, its values share none, and appending to
// one of them touches no other. Whatever Append does not write is an error, and
// costs no more memory than text is long, times a constant.
func Decode(text string) (map[string]json.RawMessage, error) {
	count, lengths, ok := cutUvarint(text)
	if !ok {
		return nil, errMalformed
	}
	// Nothing is allocated before the bytes of all lengths have been seen.
	body, keyBytes, total := lengths, int64(0), int64(0)
	for range count {
		var keyLen, valueLen int
		if keyLen, body, ok = cutUvarint(body); !ok {
			return nil, errMalformed
		}
		if valueLen, body, ok = cutUvarint(body); !ok {
			return nil, errMalformed
		}
		keyBytes += int64(keyLen)
		total += int64(keyLen) + int64(valueLen)
	}
	if total != int64(len(body)) {
		return nil, errMalformed
	}
	if count == 0 {
		return nil, nil
	}

	state := make(map[string]json.RawMessage, count)
	keys, values := body[:keyBytes], []byte(body[keyBytes:])
	last := ""
	for i := range count {
		var keyLen, valueLen int
		keyLen, lengths, _ = cutUvarint(lengths)
		valueLen, lengths, _ = cutUvarint(lengths)
		key := keys[:keyLen]
		if i > 0 && key <= last {
			return nil, errMalformed
		}
		state[key] = values[:valueLen:valueLen]
		keys, values, last = keys[keyLen:], values[valueLen:], key
	}
	return state, nil
}

// cutUvarint reads a length from the front of text and returns what follows it.
// It refuses what is cut short, longer than need be, or above 2^31-1, which is
// more than any state holds and fits an int everywhere.
func cutUvarint(text string) (n int, rest string, ok bool) {
	v := uint64(0)
	for i := 0; i < len(text) && i < 5; i++ {
		v |= uint64(text[i]&0x7f) << (7 * i)
		if text[i] < 0x80 {
			n = int(v)
			return n, text[i+1:], v < 1<<31 && i+1 == uvarintSize(n)
		}
	}
	return 0, "", false
}

func uvarintSize(n int) int { return (bits.Len(uint(n)|1) + 6) / 7 }
