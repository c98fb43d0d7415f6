package config

import (
	"reflect"
	"slices"
	"strings"
)

// root is the key in files below which the configuration is.
const root = "session"

// field is one setting: a leaf of SessionConfig.
type field struct {
	path  string        // session.cookie.http_only
	value reflect.Value // settable
}

// variable names the field in the environment.
func (f field) variable() string {
	return strings.ToUpper(strings.ReplaceAll(f.path, ".", "_"))
}

// secret says whether the value must not be shown.
func (f field) secret() bool {
	switch f.value.Interface().(type) {
	case Secret, []Key:
		return true
	}
	return false
}

// fieldsOf gives the fields of cfg, in the order of its types.
func fieldsOf(cfg *SessionConfig) []field {
	return fieldsIn(root, reflect.ValueOf(cfg).Elem())
}

func fieldsIn(section string, v reflect.Value) []field {
	var fields []field
	for i := range v.NumField() {
		f := field{section + "." + v.Type().Field(i).Tag.Get("koanf"), v.Field(i)}
		if f.value.Kind() == reflect.Struct && !f.secret() {
			fields = append(fields, fieldsIn(f.path, f.value)...)
		} else {
			fields = append(fields, f)
		}
	}
	return fields
}

// schema is what there is to set: the fields by their path, and the names
// that each section has.
type schema struct {
	fields   map[string]field
	sections map[string][]string
}

func schemaOf(cfg *SessionConfig) schema {
	s := schema{map[string]field{}, map[string][]string{}}
	for _, f := range fieldsOf(cfg) {
		s.fields[f.path] = f
		for path := f.path; path != root; {
			dot := strings.LastIndexByte(path, '.')
			section, name := path[:dot], path[dot+1:]
			if !slices.Contains(s.sections[section], name) {
				s.sections[section] = append(s.sections[section], name)
			}
			path = section
		}
	}
	return s
}
