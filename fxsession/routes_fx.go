package fxsession

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"go.uber.org/fx"
)

// What fx says of something that it cannot build is its type and its name, and
// of a function made by package reflect nothing of use. So everything that can
// go wrong in the graph gets a type of its own here, and a name that says what
// there is to know.
type (
	// singletons are what the graph has for one function. The name says which
	// function, and for which pattern.
	singletons []reflect.Value
	// pattern is taken by one route. The name is the pattern, so that fx
	// finds a second one.
	pattern struct{}
	// requestValue is what nobody provides. What is made for each request
	// is provided to the graph as something that needs it, with a name
	// that says why there is none.
	requestValue struct{}
)

// option gives the list to fx.
func (t *table) option() fx.Option {
	if err := t.err(); err != nil {
		return fx.Error(err)
	}
	if len(t.routes) == 0 {
		return fx.Options()
	}
	private := []any{fx.Private}
	for _, f := range t.order {
		if f.makes != nil && t.made[f.makes] == f {
			private = append(private, f.closed())
		}
	}
	labels := t.labels()
	var needy []*function
	for _, f := range t.order {
		if labels[f] != "" {
			needy = append(needy, f)
			private = append(private, fx.Annotated{Name: labels[f], Target: f.singletons()})
		}
	}
	return fx.Options(
		fx.Provide(t.claims(), fx.Annotated{Group: "routes,flatten", Target: t.plans(needy, labels)}),
		fx.Provide(private...),
		fx.Invoke(mount),
	)
}

// mount makes the Handler, so that a mistake is found also where nothing asks
// for it yet.
func mount(Handler) {}

// claims is the provider of a pattern for each route. It is not called: that
// two provide one is all there is to find.
func (t *table) claims() any {
	fields := make([]reflect.StructField, len(t.routes))
	for i, r := range t.routes {
		fields[i] = named(r.handler.fieldName()+strconv.Itoa(i), reflect.TypeFor[pattern](), sameForAll(r.pattern))
	}
	return never(nil, outStruct(fields))
}

// sameForAll gives what all patterns have in common that match the same requests:
// the pattern without the names of its wildcards.
func sameForAll(pattern string) string {
	method, rest := "", pattern
	if i := strings.IndexAny(pattern, " \t"); i >= 0 {
		method, rest = pattern[:i]+" ", strings.TrimLeft(pattern[i:], " \t")
	}
	segments := strings.Split(rest, "/")
	for i, s := range segments {
		switch {
		case s == "{$}" || !strings.HasPrefix(s, "{"):
		case strings.HasSuffix(s, "...}"):
			segments[i] = "{...}"
		default:
			segments[i] = "{}"
		}
	}
	return asName(method + strings.Join(segments, "/"))
}

// asName makes s a name in the graph, which has no backquotes.
func asName(s string) string { return strings.ReplaceAll(s, "`", "'") }

// closed is the provider, for the graph, of what the constructor f makes for
// each request. It cannot be built, and its name says so to the singleton that
// asks for it. It also finds a singleton of the same type.
func (f *function) closed() any {
	why := fmt.Sprintf("%v is made for each request, by %s: a singleton cannot hold it, ask for it in a handler or in what is RequestScoped", f.makes, f.site())
	return never(
		[]reflect.Type{inStruct([]reflect.StructField{named("Value", reflect.TypeFor[requestValue](), why)})},
		outStruct([]reflect.StructField{{Name: f.fieldName(), Type: f.makes}}),
	)
}

// never is a provider that is there and not called.
func never(in []reflect.Type, out reflect.Type) any {
	return reflect.MakeFunc(
		reflect.FuncOf(in, []reflect.Type{out}, false),
		func([]reflect.Value) []reflect.Value { return []reflect.Value{reflect.Zero(out)} },
	).Interface()
}

// fieldName is the name of f as that of a field, which fx prints when what is
// in the field is provided already.
func (f *function) fieldName() string {
	return "From_" + strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '_'
	}, f.name)
}

// singletons is the provider of what f needs from the graph.
func (f *function) singletons() any {
	return reflect.MakeFunc(
		reflect.FuncOf(f.needs, []reflect.Type{reflect.TypeFor[singletons]()}, false),
		func(args []reflect.Value) []reflect.Value { return []reflect.Value{reflect.ValueOf(singletons(args))} },
	).Interface()
}

// labels names the singletons of each function that has some and that a route
// runs.
func (t *table) labels() map[*function]string {
	users := map[*function][]string{}
	for _, r := range t.routes {
		for f := range r.functions() {
			users[f] = append(users[f], r.pattern)
		}
	}
	labels, taken := map[*function]string{}, map[string]int{}
	for _, f := range t.order {
		patterns := users[f]
		if len(f.needs) == 0 || len(patterns) == 0 {
			continue
		}
		label := "of " + f.site() + ", for " + patterns[0]
		if n := len(patterns) - 1; n > 0 {
			label += fmt.Sprintf(" and %d more", n)
		}
		if taken[label]++; taken[label] > 1 {
			label += fmt.Sprintf(", no. %d in the list", taken[label])
		}
		labels[f] = asName(label + ": fx.Provide what is missing, or list its constructor in Routes")
	}
	return labels
}

// functions are all that r may run.
func (r *route) functions() map[*function]bool {
	all := map[*function]bool{}
	var add func(*function)
	add = func(f *function) {
		if all[f] {
			return
		}
		all[f] = true
		for _, p := range f.params {
			if p.by != nil {
				add(p.by)
			}
		}
	}
	add(r.handler)
	for _, f := range r.list.postProcessors() {
		add(f)
	}
	return all
}

// plans is the provider of the list's Routes.
func (t *table) plans(needy []*function, labels map[*function]string) any {
	fields := make([]reflect.StructField, len(needy))
	for i, f := range needy {
		fields[i] = named("S"+strconv.Itoa(i), reflect.TypeFor[singletons](), labels[f])
	}
	return reflect.MakeFunc(
		reflect.FuncOf([]reflect.Type{inStruct(fields)}, []reflect.Type{reflect.TypeFor[[]Route](), typeError}, false),
		func(args []reflect.Value) []reflect.Value {
			have := map[*function]singletons{}
			for i, f := range needy {
				have[f] = args[0].Field(i + 1).Interface().(singletons)
			}
			routes, err := t.build(have)
			return []reflect.Value{reflect.ValueOf(routes), reflect.ValueOf(&err).Elem()}
		},
	).Interface()
}

// build makes the Routes of the list out of the singletons of its functions.
func (t *table) build(have map[*function]singletons) ([]Route, error) {
	routes := make([]Route, len(t.routes))
	for i, r := range t.routes {
		h, err := r.list.wrap(newPlan(r, have))
		if err != nil {
			return nil, err
		}
		routes[i] = Route{Pattern: r.pattern, Handler: h, about: r.about()}
	}
	return routes, nil
}

// inStruct is the type of a struct that fx fills.
func inStruct(fields []reflect.StructField) reflect.Type { return structOf[fx.In]("In", fields) }

// outStruct is the type of a struct whose fields are provided.
func outStruct(fields []reflect.StructField) reflect.Type { return structOf[fx.Out]("Out", fields) }

func structOf[Embedded any](name string, fields []reflect.StructField) reflect.Type {
	embedded := reflect.StructField{Name: name, Type: reflect.TypeFor[Embedded](), Anonymous: true}
	return reflect.StructOf(append([]reflect.StructField{embedded}, fields...))
}

// named is a field of what has this name in the graph.
func named(field string, t reflect.Type, name string) reflect.StructField {
	return reflect.StructField{Name: field, Type: t, Tag: reflect.StructTag("name:" + strconv.Quote(name))}
}
