package testkit

import (
	"encoding/binary"

	"github.com/fxsession/sessions/store"
)

// Scattered gives the nth key as a hash would be: in no order, always the same.
func Scattered(n int) (key store.Key) {
	x := uint64(n) * 0x9E3779B97F4A7C15
	x ^= x >> 29
	binary.LittleEndian.PutUint64(key[:8], x*0xBF58476D1CE4E5B9)
	binary.LittleEndian.PutUint64(key[8:], uint64(n))
	return key
}
