package session

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// encode gives the JSON text of v.
func encode(side side, key string, v any) (json.RawMessage, error) {
	if text, ok := appendPlain(v); ok {
		return text, nil
	}
	text, err := json.Marshal(v)
	if err != nil || !utf8.Valid(text) { // a json.RawMessage can hold anything
		return nil, valueError(side, key, "encode", v)
	}
	return text, nil
}

// decode puts the JSON text into what v points to, which stays as it is when
// the text does not fit. The value is replaced, not merged into.
func decode(side side, key string, text json.RawMessage, v any) error {
	if readPlain(text, v) {
		return nil
	}
	target := reflect.ValueOf(v)
	if target.Kind() == reflect.Pointer && !target.IsNil() {
		target = target.Elem()
		fresh := reflect.New(target.Type())
		if json.Unmarshal(text, fresh.Interface()) == nil {
			target.Set(fresh.Elem())
			return nil
		}
	}
	return valueError(side, key, "decode", v)
}

// valueError is the error of op on a value: v, or what it points to.
func valueError(side side, key, op string, v any) *ValueError {
	e := &ValueError{Side: side.String(), Key: key, Op: op, Type: fmt.Sprintf("%T", v)}
	if op == "decode" {
		e.Type = strings.TrimPrefix(e.Type, "*")
	}
	return e
}

// checkTarget says whether a value can be decoded into what v points to, also
// where there is none under key.
func checkTarget(side side, key string, v any) error {
	target := reflect.ValueOf(v)
	if target.Kind() == reflect.Pointer && !target.IsNil() {
		return nil
	}
	e := valueError(side, key, "decode", v)
	switch {
	case v == nil:
		e.unfit = "nil"
	case target.Kind() == reflect.Pointer:
		e.unfit = "a nil " + target.Type().String()
	default:
		e.unfit = "of type " + target.Type().String()
	}
	return e
}

// side tells the two states of a session apart in errors.
type side bool

const (
	serverSide side = false
	clientSide side = true
)

func (s side) String() string {
	if s == clientSide {
		return "client"
	}
	return "server"
}
