package fxsession

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// list is what one Routes or Group holds.
type list struct {
	outer        *list // nil for Routes
	table        *table
	prefix       string // the whole of it
	constructors map[reflect.Type]*function
	post         []*function
	middlewares  []middlewares
}

// table is what one Routes call holds, in the order in which it is listed.
type table struct {
	routes   []*route
	made     map[reflect.Type]*function // the first constructor of each type, in whichever list
	order    []*function                // all functions
	problems []error
}

// route is one pattern and what is listed for it.
type route struct {
	pattern string
	handler *function
	list    *list
}

// listed is a function as it stands in a list.
type listed struct {
	fn any
	at string // file:line of the item
}

// middlewares are those of one Use.
type middlewares struct {
	wrap []func(http.Handler) http.Handler
	at   string
}

type (
	handle struct {
		pattern string
		listed
	}
	construct struct {
		role role
		listed
	}
	postProcess struct{ listed }
	use         struct {
		middlewares []func(http.Handler) http.Handler
		at          string
	}
	group struct {
		prefix string
		items  []Item
		at     string
	}
)

// compile reads items and decides which parameter is what.
func compile(items []Item) *table {
	t := &table{made: map[reflect.Type]*function{}}
	t.newList(nil, "").add(items, "Routes")
	t.findShadows()
	for _, f := range t.order {
		f.resolve()
	}
	t.findCycles()
	t.findCollisions()
	return t
}

func (t *table) newList(outer *list, prefix string) *list {
	return &list{outer: outer, table: t, prefix: prefix, constructors: map[reflect.Type]*function{}}
}

func (t *table) problem(format string, args ...any) {
	t.problems = append(t.problems, fmt.Errorf("fxsession: "+format, args...))
}

func (l *list) add(items []Item, in string) {
	for i, item := range items {
		if item == nil {
			l.table.problem("%s: item %d is nil", in, i+1)
			continue
		}
		item.addTo(l)
	}
}

// function reads f and keeps it; nil after a problem.
func (l *list) function(r role, title string, f listed) *function {
	fn, err := newFunction(r, title, f)
	if err != nil {
		l.table.problem("%w", err)
		return nil
	}
	fn.list = l
	l.table.order = append(l.table.order, fn)
	return fn
}

func (h handle) addTo(l *list) {
	pattern := withPrefix(l.prefix, h.pattern)
	if fn := l.function(handler, pattern, h.listed); fn != nil {
		l.table.routes = append(l.table.routes, &route{pattern, fn, l})
	}
}

// withPrefix puts prefix before the path of pattern.
func withPrefix(prefix, pattern string) string {
	before := 0 // what stands before host and path: the method
	if i := strings.IndexAny(pattern, " \t"); i >= 0 {
		before = i
	}
	if i := strings.IndexByte(pattern[before:], '/'); i >= 0 {
		return pattern[:before+i] + prefix + pattern[before+i:]
	}
	return pattern // http.ServeMux says what is wrong with it
}

func (c construct) addTo(l *list) {
	fn := l.function(c.role, c.role.String(), c.listed)
	if fn == nil {
		return
	}
	if other := l.constructors[fn.makes]; other != nil {
		l.table.madeTwice(fn, other)
		return
	}
	l.constructors[fn.makes] = fn
	if l.table.made[fn.makes] == nil {
		l.table.made[fn.makes] = fn
	}
}

func (t *table) madeTwice(f, by *function) {
	t.problem("%s: %v is made already, by %s, listed at %s: remove one of them", f, f.makes, by.site(), by.at)
}

// findShadows looks for constructors of what is made around their list, too.
func (t *table) findShadows() {
	for _, f := range t.order {
		if f.makes == nil || f.list.constructors[f.makes] != f {
			continue
		}
		if other := f.list.outer.constructor(f.makes); other != nil {
			t.madeTwice(f, other)
		}
	}
}

// constructor gives the constructor of t that the functions of l see; nil if
// there is none.
func (l *list) constructor(t reflect.Type) *function {
	for ; l != nil; l = l.outer {
		if c := l.constructors[t]; c != nil {
			return c
		}
	}
	return nil
}

func (p postProcess) addTo(l *list) {
	if fn := l.function(postProcessor, postProcessor.String(), p.listed); fn != nil {
		l.post = append(l.post, fn)
	}
}

func (u use) addTo(l *list) {
	if slices.ContainsFunc(u.middlewares, func(m func(http.Handler) http.Handler) bool { return m == nil }) {
		l.table.problem("Use at %s: a middleware is nil", u.at)
		return
	}
	l.middlewares = append(l.middlewares, middlewares{u.middlewares, u.at})
}

func (g group) addTo(l *list) {
	if g.prefix != "" && (g.prefix[0] != '/' || g.prefix[len(g.prefix)-1] == '/' || strings.ContainsAny(g.prefix, " \t")) {
		l.table.problem("Group(%q) at %s: a prefix is empty, or begins with a slash, ends without one and has no blanks", g.prefix, g.at)
		g.prefix = ""
	}
	l.table.newList(l, l.prefix+g.prefix).add(g.items, fmt.Sprintf("Group(%q) at %s", g.prefix, g.at))
}

// postProcessors gives those of l and of the lists around it, the outermost first.
func (l *list) postProcessors() []*function {
	if l == nil {
		return nil
	}
	return append(l.outer.postProcessors(), l.post...)
}

// wrap puts the middlewares of l and of the lists around it around h.
func (l *list) wrap(h http.Handler) (http.Handler, error) {
	for ; l != nil; l = l.outer {
		for _, m := range slices.Backward(l.middlewares) {
			for _, wrap := range slices.Backward(m.wrap) {
				if h = wrap(h); h == nil {
					return nil, fmt.Errorf("fxsession: Use at %s: a middleware has returned nil", m.at)
				}
			}
		}
	}
	return h, nil
}

// findCycles looks for constructors that need one another.
func (t *table) findCycles() {
	done := map[*function]bool{}
	var path []*function
	var visit func(f *function)
	visit = func(f *function) {
		if i := slices.Index(path, f); i >= 0 {
			sites := make([]string, 0, len(path)-i+1)
			for _, f := range append(path[i:len(path):len(path)], f) {
				sites = append(sites, f.site())
			}
			t.problem("%s: constructors need one another: %s: break the cycle", f, strings.Join(sites, " needs "))
			return
		}
		if done[f] {
			return
		}
		done[f] = true
		path = append(path, f)
		for _, p := range f.params {
			if p.by != nil {
				visit(p.by)
			}
		}
		path = path[:len(path)-1]
	}
	for _, f := range t.order {
		visit(f)
	}
}

// findCollisions looks for patterns that http.ServeMux refuses.
func (t *table) findCollisions() {
	routes := make([]Route, len(t.routes))
	for i, r := range t.routes {
		routes[i] = Route{Pattern: r.pattern, Handler: http.NotFoundHandler(), about: r.about()}
	}
	if _, err := newMux(routes); err != nil {
		t.problems = append(t.problems, err)
	}
}

func (r *route) about() string { return r.handler.site() + ", listed at " + r.handler.at }

// err is all that is wrong with the list.
func (t *table) err() error { return errors.Join(t.problems...) }
