package memstore

import (
	"maps"
	"slices"

	"github.com/fxsession/sessions/store"
)

// keySet is a set of keys: a slice while it is small, else a map.
type keySet struct {
	few  []store.Key
	many map[store.Key]struct{}
	peak int // the most keys that many has held: a Go map does not shrink by itself
}

// fewKeys is how many keys are looked through one by one.
const fewKeys = 8

func (s *keySet) all() []store.Key {
	if s.many != nil {
		return slices.Collect(maps.Keys(s.many))
	}
	return slices.Clone(s.few)
}

func (s *keySet) add(key store.Key) {
	switch {
	case s.many != nil:
		s.many[key] = struct{}{}
		s.peak = max(s.peak, len(s.many))
	case slices.Contains(s.few, key):
	case len(s.few) < fewKeys:
		s.few = append(s.few, key)
	default:
		s.many = map[store.Key]struct{}{key: {}}
		for _, k := range s.few {
			s.many[k] = struct{}{}
		}
		s.few, s.peak = nil, len(s.many)
	}
}

func (s *keySet) remove(key store.Key) {
	if s.many == nil {
		s.few = slices.DeleteFunc(s.few, func(k store.Key) bool { return k == key })
		return
	}
	delete(s.many, key)
	switch {
	case len(s.many) <= fewKeys/2:
		*s = keySet{few: slices.Collect(maps.Keys(s.many))}
	case len(s.many) <= s.peak/4:
		smaller := make(map[store.Key]struct{}, len(s.many))
		maps.Copy(smaller, s.many)
		s.many, s.peak = smaller, len(smaller)
	}
}
