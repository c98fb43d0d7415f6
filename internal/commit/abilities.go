package commit

import (
	"io"
	"net/http"
	"time"
)

// The optional abilities of an http.ResponseWriter. Their letters, in this
// order, name the types below.
const (
	abilityC = 1 << iota // controller
	abilityF             // http.Flusher, and FlushError
	abilityH             // http.Hijacker
	abilityP             // http.Pusher
	abilityR             // io.ReaderFrom
)

// controller is how an [http.ResponseController] adjusts a connection.
type controller interface {
	readDeadliner
	writeDeadliner
	duplexer
}

type (
	readDeadliner  interface{ SetReadDeadline(time.Time) error }
	writeDeadliner interface{ SetWriteDeadline(time.Time) error }
	duplexer       interface{ EnableFullDuplex() error }
	flushErrorer   interface{ FlushError() error }
)

// expose returns v with the abilities of the writer below or, where v is a
// guard, those that can be reached from there.
func (v *view) expose() http.ResponseWriter {
	if v.deep {
		return v.with(reachable(v.writer.below))
	}
	return v.with(direct(v.writer.below))
}

// direct returns what w itself can do.
func direct(w http.ResponseWriter) (abilities int) {
	if _, ok := w.(controller); ok {
		abilities |= abilityC
	}
	if _, ok := w.(http.Flusher); ok {
		abilities |= abilityF
	}
	if _, ok := w.(http.Hijacker); ok {
		abilities |= abilityH
	}
	if _, ok := w.(http.Pusher); ok {
		abilities |= abilityP
	}
	if _, ok := w.(io.ReaderFrom); ok {
		abilities |= abilityR
	}
	return abilities
}

// reachable returns what w or a writer that it unwraps to can do, part of an
// ability counting as the whole: an [http.ResponseController] for w then says
// which part is not supported.
func reachable(w http.ResponseWriter) (abilities int) {
	if reaches[readDeadliner](w) || reaches[writeDeadliner](w) || reaches[duplexer](w) {
		abilities |= abilityC
	}
	if reaches[http.Flusher](w) || reaches[flushErrorer](w) {
		abilities |= abilityF
	}
	if reaches[http.Hijacker](w) {
		abilities |= abilityH
	}
	if reaches[http.Pusher](w) {
		abilities |= abilityP
	}
	if reaches[io.ReaderFrom](w) {
		abilities |= abilityR
	}
	return abilities
}

func reaches[T any](w http.ResponseWriter) bool {
	_, ok := find[T](w)
	return ok
}

// find returns the first T of w and the writers that it unwraps to.
func find[T any](w http.ResponseWriter) (T, bool) {
	for {
		if t, ok := w.(T); ok {
			return t, true
		}
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			var none T
			return none, false
		}
		w = wrapper.Unwrap()
	}
}
