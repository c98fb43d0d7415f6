// Package statecodec writes a bag of JSON values as bytes and reads it back.
//
// It serves the client state in the cookie and the records of the memory
// store. The form is compact and canonical: one state has one encoding, and
// Decode accepts nothing else. All lengths come first, then all keys, then all
// values, so that a state of any size is decoded into one string and one slice
// of bytes beside its map:
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
	"strings"
)

var errMalformed = errors.New("malformed state")

// Append appends the encoding of state to dst and returns the longer slice.
func Append(dst []byte, state map[string]json.RawMessage) []byte {
	var few [usual]entry
	return appendEntries(dst, appendSorted(few[:0], state))
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
// It shares no memory with text, and appending to a value touches no other.
// Whatever Append does not write is an error, and costs no more memory than text
// is long, times a constant.
func Decode(text string) (map[string]json.RawMessage, error) {
	r, err := open(text)
	if err != nil || r.left == 0 {
		return nil, err
	}
	state := make(map[string]json.RawMessage, r.left)
	r.keys = strings.Clone(r.keys)
	values := []byte(r.values)
	for r.left > 0 {
		key, value, ok := r.next()
		if !ok {
			return nil, errMalformed
		}
		state[key] = values[:len(value):len(value)]
		values = values[len(value):]
	}
	return state, nil
}

// Merge appends the encoding of the state in text without the keys in remove,
// or, where none is set, without any, and then with those in set. Its error is
// that of [Decode].
func Merge(dst []byte, text string, set map[string]json.RawMessage, remove []string, none bool) ([]byte, error) {
	r, err := open(text)
	if err != nil {
		return nil, err
	}
	var (
		fewSet, fewMerged [usual]entry
		fewRemoved        [usual]string
	)
	added := appendSorted(fewSet[:0], set)
	removed := append(fewRemoved[:0], remove...)
	slices.Sort(removed)

	merged := fewMerged[:0]
	for r.left > 0 {
		key, value, ok := r.next()
		if !ok {
			return nil, errMalformed
		}
		for len(added) > 0 && added[0].key < key {
			merged, added = append(merged, added[0]), added[1:]
		}
		for len(removed) > 0 && removed[0] < key {
			removed = removed[1:]
		}
		gone := none || len(added) > 0 && added[0].key == key || len(removed) > 0 && removed[0] == key
		if !gone {
			merged = append(merged, entry{key: key, kept: value})
		}
	}
	return appendEntries(dst, append(merged, added...)), nil
}

// usual is how many entries are handled without the heap.
const usual = 8

// entry is a key with its value, which is in one of two places; the other is
// empty.
type entry struct {
	key  string
	kept string          // from an encoded state
	set  json.RawMessage // from a map
}

func (e *entry) valueLen() int { return len(e.kept) + len(e.set) }

// appendSorted appends the entries of state in the order of their keys.
func appendSorted(entries []entry, state map[string]json.RawMessage) []entry {
	for key, value := range state {
		entries = append(entries, entry{key: key, set: value})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	return entries
}

// appendEntries writes entries, which are in the order of their keys.
func appendEntries(dst []byte, entries []entry) []byte {
	size := uvarintSize(len(entries))
	for i := range entries {
		e := &entries[i]
		size += uvarintSize(len(e.key)) + len(e.key) + uvarintSize(e.valueLen()) + e.valueLen()
	}
	dst = slices.Grow(dst, size)
	dst = binary.AppendUvarint(dst, uint64(len(entries)))
	for i := range entries {
		dst = binary.AppendUvarint(dst, uint64(len(entries[i].key)))
		dst = binary.AppendUvarint(dst, uint64(entries[i].valueLen()))
	}
	for i := range entries {
		dst = append(dst, entries[i].key...)
	}
	for i := range entries {
		dst = append(dst, entries[i].kept...)
		dst = append(dst, entries[i].set...)
	}
	return dst
}

// reader goes through the entries of an encoded state.
type reader struct {
	left                  int    // how many entries are still to come
	lengths, keys, values string // of those
	last                  string // the key before them
	begun                 bool   // there is a key before them
}

// open checks all lengths against what is there, and allocates nothing.
func open(text string) (reader, error) {
	count, lengths, ok := cutLength(text)
	if !ok {
		return reader{}, errMalformed
	}
	body, keyBytes, total := lengths, int64(0), int64(0)
	for range count {
		var keyLen, valueLen int
		if keyLen, valueLen, body, ok = cutLengths(body); !ok {
			return reader{}, errMalformed
		}
		keyBytes += int64(keyLen)
		total += int64(keyLen) + int64(valueLen)
	}
	if total != int64(len(body)) {
		return reader{}, errMalformed
	}
	return reader{left: count, lengths: lengths, keys: body[:keyBytes], values: body[keyBytes:]}, nil
}

// next gives an entry, where one is left; ok says that its key is above the
// last one.
func (r *reader) next() (key, value string, ok bool) {
	keyLen, valueLen, lengths, _ := cutLengths(r.lengths)
	key, value = r.keys[:keyLen], r.values[:valueLen]
	ok = !r.begun || key > r.last
	r.left--
	r.lengths, r.keys, r.values = lengths, r.keys[keyLen:], r.values[valueLen:]
	r.last, r.begun = key, true
	return key, value, ok
}

// cutLengths reads the two lengths of an entry from the front of text.
func cutLengths(text string) (keyLen, valueLen int, rest string, ok bool) {
	if len(text) >= 2 && text[0]|text[1] < 0x80 { // one byte each, as almost always
		return int(text[0]), int(text[1]), text[2:], true
	}
	if keyLen, rest, ok = cutLength(text); ok {
		valueLen, rest, ok = cutLength(rest)
	}
	return keyLen, valueLen, rest, ok
}

// cutLength reads a length from the front of text and returns what follows it.
// It refuses what is cut short, longer than need be, or above 2^31-1, which is
// more than any state holds and fits an int everywhere.
func cutLength(text string) (n int, rest string, ok bool) {
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
