package storetest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/fxsession/sessions/store"
)

// valueChecks: A21, every byte of what is stored comes back.
func valueChecks() []check {
	return []check{
		{"A21 values keep their bytes", func(e *env) {
			values := strangeValues()
			rec := record()
			rec.State = numbered(values)
			e.create(newKey(1), rec)
			want := first(rec)
			e.holds(newKey(1), want)
			// Each value in the place of another one, by a merge.
			moved := store.Change{Set: numbered(append(values[1:len(values):len(values)], values[0]))}
			e.ok(e.store.Update(e.Context(), newKey(1), moved), "update")
			want = store.Merge(want, moved)
			e.holds(newKey(1), want)
			// And untouched, by merges of something else.
			nearby := store.Change{Set: state("nearby", `1`), Remove: []string{"absent"}}
			e.ok(e.store.Update(e.Context(), newKey(1), nearby), "update")
			want = store.Merge(want, nearby)
			e.holds(newKey(1), want)
			e.ok(e.store.ChangeKey(e.Context(), newKey(1), newKey(2), nearby), "change key")
			want = store.Merge(want, nearby)
			e.holds(newKey(2), want)
		}},
		{"A21 state keys keep their bytes, and one names one value", func(e *env) {
			keys := strangeKeys()
			rec := record()
			for i, key := range keys {
				rec.State[key] = json.RawMessage(fmt.Sprint(i))
			}
			e.create(newKey(1), rec)
			want := first(rec)
			e.holds(newKey(1), want)
			for i, key := range keys {
				set := store.Change{Set: state(key, fmt.Sprintf(`"%d"`, i))}
				e.ok(e.store.Update(e.Context(), newKey(1), set), "update of one key")
				want = store.Merge(want, set)
			}
			e.holds(newKey(1), want)
			for _, key := range keys {
				remove := store.Change{Remove: []string{key}}
				e.ok(e.store.Update(e.Context(), newKey(1), remove), "removal of one key")
				want = store.Merge(want, remove)
				e.holds(newKey(1), want)
			}
		}},
		{"A21 a value of one MiB", func(e *env) {
			big := `"` + strings.Repeat("x", 1<<20) + `"`
			e.create(newKey(1), record("big", big, "small", `1`))
			want := first(record("big", big, "small", `1`))
			e.holds(newKey(1), want)
			bigger := store.Change{Set: state("bigger", `"`+strings.Repeat("é", 1<<19)+`"`)}
			e.ok(e.store.Update(e.Context(), newKey(1), bigger), "update")
			want = store.Merge(want, bigger)
			e.holds(newKey(1), want)
			e.ok(e.store.ChangeKey(e.Context(), newKey(1), newKey(2), store.Change{}), "change key")
			e.holds(newKey(2), store.Merge(want, store.Change{}))
		}},
		{"A21 three hundred state keys", func(e *env) {
			rec := record()
			for i := range 300 {
				rec.State[fmt.Sprint("key ", i)] = json.RawMessage(fmt.Sprint(i))
			}
			e.create(newKey(1), rec)
			e.holds(newKey(1), first(rec))
			remove := store.Change{Set: state("last", `true`)}
			for i := range 150 {
				remove.Remove = append(remove.Remove, fmt.Sprint("key ", 2*i))
			}
			e.ok(e.store.Update(e.Context(), newKey(1), remove), "update")
			e.holds(newKey(1), store.Merge(first(rec), remove))
		}},
		{"A21 subjects keep their bytes", func(e *env) {
			for i, subject := range []string{"a", "A", " a ", `"'\`, "日本 😀", "e\u0301", "null", "0", "$.a", strings.Repeat("s", 200)} {
				rec := record()
				rec.Subject = subject
				e.create(newKey(i), rec)
				e.holds(newKey(i), first(rec))
				changed := subject + "!"
				e.ok(e.store.Update(e.Context(), newKey(i), store.Change{Subject: &changed}), "update")
				e.holds(newKey(i), store.Merge(first(rec), store.Change{Subject: &changed}))
			}
		}},
	}
}

// numbered gives each value a state key.
func numbered(values []string) map[string]json.RawMessage {
	state := make(map[string]json.RawMessage, len(values))
	for i, value := range values {
		state[fmt.Sprint("value ", i)] = json.RawMessage(value)
	}
	return state
}

// strangeValues gives JSON texts that an engine may take for something else or
// write in another way.
func strangeValues() []string {
	return []string{
		`null`, `"null"`, `""`, `{}`, `[]`, `true`, `"true"`, `0`, `"0"`,
		`{"a":null}`, `[null,[null,{"a":[null]}]]`,
		`9007199254740993`, `18446744073709551616`, `123456789012345678901234567890.5`,
		`1.0`, `1.10`, `-0`, `1e400`, `1E-7`, `0.1e+1`,
		`"\u0000"`, `"a\u0000b"`, `"\\u0000"`, `"\ud800"`, `"\u00e9"`, `"é"`, `"e\u0301"`, `"😀"`, `"\/"`, "\"\u2028\u2029\"",
		`{"b":1,"a":2}`, `{"a":1,"a":2}`, `{"__proto__":{"a":1}}`,
		"  {\n\t\"a\" : [ 1 , 2 ]\r\n}  ", ` "spaces around" `,
		`{"$set":{"a":1}}`, `{"op":"remove","path":"/a"}`, `[{"op":"add","path":"/a","value":1}]`, `"$.a"`, `"$[0]"`, `"@"`,
		`"' OR 1=1 --"`, `"\"; DROP TABLE sessions; --"`, `"%s %d ? $1 :a {}"`, `"redis.call('FLUSHALL')"`, `"\r\n*1\r\n"`,
		`"` + strings.Repeat(`\"`, 500) + `"`,
		strings.Repeat(`[`, 500) + strings.Repeat(`]`, 500),
	}
}

// strangeKeys gives state keys that an engine may take for something else, or
// for one another.
func strangeKeys() []string {
	return []string{
		"", " ", "  ", "a", "A", "a ", " a", "a\t", "á", "a\u0301", "ａ",
		"$", "$.a", "$.a.b", "a.b", "a[0]", "[0]", "*", "**", "@", "#", "/a", "a/b", "~0", "~1", "-", "0", "1", "-1", "01",
		`"`, `""`, `"a"`, `'`, `''`, "`", `\`, `\\`, `\"`, `a"b`, `a\b`, `a:b`, ":", ",", "{", "}", "{}", "{a,b}", "[]", "(", ";", "--",
		"null", "true", "__proto__", "constructor", "NaN", "nil",
		"é", "日本", "😀", "👩\u200d👩", "\u200b", "\ufeff", "\u2028", "\u0085", "\x01", "\x7f", "\n", "\r\n", "\uffff", "\U0010ffff",
		"%", "%s", "_", "?", "$1", "$$", "\\u0000", "state", "subject", "version", "created_at", "expires_at", "ttl",
		strings.Repeat("k", store.MaxStateKeyBytes), strings.Repeat("é", store.MaxStateKeyBytes/2), strings.Repeat("😀", 63),
	}
}
