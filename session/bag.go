package session

import (
	"encoding/json"
	"maps"
	"slices"
)

// bag is one side of a session: what was there when the request began, as far
// as it is known, and what the request has changed since.
type bag struct {
	known   bool                       // whether base is known
	exact   bool                       // whether base is all there is: nobody else can have written since
	cleared bool                       // everything of base is gone
	base    map[string]json.RawMessage // what was there
	set     map[string]json.RawMessage // written since
	removed map[string]struct{}        // removed since; disjoint from set
}

// lookup gives the value under key. settled is false when only the unknown
// base can tell.
func (b *bag) lookup(key string) (text json.RawMessage, ok, settled bool) {
	if text, ok = b.set[key]; ok {
		return text, true, true
	}
	if _, gone := b.removed[key]; gone || b.cleared {
		return nil, false, true
	}
	text, ok = b.base[key]
	return text, ok, b.known
}

// overrides reports whether what the request did decides about key, whatever
// was there.
func (b *bag) overrides(key string) bool {
	if b.cleared {
		return true
	}
	if _, ok := b.set[key]; ok {
		return true
	}
	_, ok := b.removed[key]
	return ok
}

func (b *bag) put(key string, text json.RawMessage) {
	if b.set == nil {
		b.set = make(map[string]json.RawMessage)
	}
	b.set[key] = text
	delete(b.removed, key)
}

func (b *bag) remove(key string) {
	delete(b.set, key)
	if _, there := b.base[key]; b.cleared || b.exact && !there {
		return
	}
	if b.removed == nil {
		b.removed = make(map[string]struct{})
	}
	b.removed[key] = struct{}{}
}

func (b *bag) clear() {
	b.set, b.removed = nil, nil
	b.cleared = !b.exact || len(b.base) > 0
}

// dirty reports whether the request has changed anything.
func (b *bag) dirty() bool { return b.cleared || len(b.set) > 0 || len(b.removed) > 0 }

// learn says what was there; exact, that nobody else can write to it.
func (b *bag) learn(base map[string]json.RawMessage, exact bool) {
	b.known, b.exact, b.base = true, exact, base
}

// begin drops everything: the bag is empty and known to be.
func (b *bag) begin() { *b = bag{known: true, exact: true} }

// disown drops what was there and keeps what the request has written.
func (b *bag) disown() {
	b.known, b.exact, b.base, b.removed, b.cleared = true, true, nil, nil, false
}

// keys lists the keys in order; the base must be known.
func (b *bag) keys() []string { return slices.Sorted(maps.Keys(b.state())) }

// state is what the bag holds; the base must be known. The caller must not
// change it.
func (b *bag) state() map[string]json.RawMessage {
	if !b.dirty() {
		return b.base
	}
	if b.cleared || len(b.base) == 0 {
		return b.set
	}
	state := maps.Clone(b.base)
	for key := range b.removed {
		delete(state, key)
	}
	maps.Copy(state, b.set)
	return state
}

// saved makes what the request has changed part of what was there. A base that
// is not known stays so: a later read loads it.
func (b *bag) saved() {
	if b.known {
		b.base = b.state()
	}
	b.set, b.removed, b.cleared = nil, nil, false
}
