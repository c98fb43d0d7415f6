package main

import (
	"maps"
	"slices"
)

// Catalogue is what the shop suggests. It sells anything else as well.
type Catalogue []string

func newCatalogue() Catalogue {
	return Catalogue{"tea", "coffee", "cocoa", "honey", "biscuits", "marmalade"}
}

// Cart holds how many there are of each item.
type Cart map[string]int

// mostItems is how many different items a cart holds.
const mostItems = 1000

// with gives the cart with one more of item. The cart itself stays as it is.
func (c Cart) with(item string) (Cart, error) {
	next := maps.Clone(c)
	if next == nil {
		next = Cart{}
	}
	next[item]++
	if len(next) > mostItems {
		return nil, invalid("The cart is full.")
	}
	return next, nil
}

// without gives the cart with one less of item, if there is one. The cart
// itself stays as it is.
func (c Cart) without(item string) Cart {
	next := maps.Clone(c)
	if c[item] > 1 {
		next[item]--
	} else {
		delete(next, item)
	}
	return next
}

// Count is how many things are in the cart.
func (c Cart) Count() (n int) {
	for _, count := range c {
		n += count
	}
	return n
}

// Line is one item of a cart.
type Line struct {
	Item  string
	Count int
}

// Lines lists the items in order.
func (c Cart) Lines() []Line {
	lines := make([]Line, 0, len(c))
	for _, item := range slices.Sorted(maps.Keys(c)) {
		lines = append(lines, Line{item, c[item]})
	}
	return lines
}
