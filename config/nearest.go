package config

import (
	"slices"
	"strings"
	"unicode"
)

// shownPath gives the path of a key that a file has, up to where it cannot be one:
// what follows may be a value, and a secret, as in "password:hush".
func shownPath(path string) string {
	const allowed = "_-.[]"
	end := strings.IndexFunc(path, func(r rune) bool {
		return !(r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r))) && !strings.ContainsRune(allowed, r)
	})
	if end < 0 {
		return path
	}
	return path[:end] + "…"
}

// advice says what an unknown key in a section may be meant to be.
func (s schema) advice(section, key string) string {
	if strings.Contains(key, ":") {
		return "there is no such key; a space follows the colon"
	}
	if name, ok := nearest(key, s.sections[section]); ok {
		return "there is no such key; did you mean " + section + "." + name + "?"
	}
	// The right name in the wrong section.
	for _, f := range sortedKeys(s.fields) {
		if strings.HasSuffix(f, "."+key) {
			return "there is no such key; did you mean " + f + "?"
		}
	}
	return "there is no such key; here are " + strings.Join(s.sections[section], ", ")
}

// dotted finds keys at the top of a file that are paths, such as
// session.store.driver: nobody reads them.
func dotted(top map[string]any, source func(path string) string) (findings []Finding) {
	for _, key := range sortedKeys(top) {
		if strings.HasPrefix(key, root+".") {
			findings = append(findings, Finding{
				Path: shownPath(key), Source: source(key),
				Problem: "is a single key that contains dots, and is ignored; nest it, with session as the outermost key",
			})
		}
	}
	return findings
}

// astray finds keys at the top of a file without the key session that look like
// it, such as sessions, or like one of its sections. The keys at the top are the
// application's, so only a mapping that holds nothing but known names counts.
func astray(s schema, top map[string]any, source func(path string) string) (findings []Finding) {
	for _, key := range sortedKeys(top) {
		meant, section := root+"."+key, root+"."+key
		if _, ok := nearest(key, []string{root}); ok {
			meant, section = root, root
		}
		m, _ := top[key].(map[string]any)
		if len(m) == 0 || slices.ContainsFunc(sortedKeys(m), func(name string) bool { return !slices.Contains(s.sections[section], name) }) {
			continue
		}
		findings = append(findings, Finding{
			Path: key, Source: source(key),
			Problem: "there is no key session; did you mean " + meant + "? If this is the application's own, add session: {}",
		})
	}
	return findings
}

// nearest gives the name that is most like text, if one is alike.
func nearest(text string, names []string) (best string, ok bool) {
	least := 0
	for _, name := range names {
		if len(text) > 2*len(name) {
			continue // whatever it is
		}
		d := distance(plain(text), plain(name))
		if d <= max(1, len(name)/3) && (best == "" || d < least) {
			best, least = name, d
		}
	}
	return best, best != ""
}

// plain drops what differs between ways of writing one name: httpOnly,
// http-only and http_only.
func plain(name string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
}

// distance is how many bytes have to be put in, taken out, replaced or swapped
// with the next one to make b of a.
func distance(a, b string) int {
	d := make([][]int, len(a)+1) // d[i][j] is for the first i and j bytes
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			if i == 0 || j == 0 {
				d[i][j] = i + j
				continue
			}
			replaced := d[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			d[i][j] = min(replaced, d[i-1][j]+1, d[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
