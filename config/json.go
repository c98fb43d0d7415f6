package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// readJSON makes the outline of a JSON file.
func readJSON(content []byte) (outline, error) {
	o := outline{content: content, lines: map[string]int{}}
	if len(bytes.TrimSpace(content)) == 0 {
		o.content = []byte("{}")
		return o, nil
	}
	var top map[string]json.RawMessage
	var syntax *json.SyntaxError
	if err := json.Unmarshal(content, &top); errors.As(err, &syntax) {
		return o, &syntaxError{lineAt(content, syntax.Offset), "is not valid JSON: " + syntax.Error()}
	} else if err != nil {
		return o, &syntaxError{problem: "must be an object"}
	}
	return o, o.jsonValue("", json.NewDecoder(bytes.NewReader(content)), content)
}

// jsonValue notes the keys in the value that the decoder is at.
func (o *outline) jsonValue(path string, decoder *json.Decoder, content []byte) error {
	token, err := decoder.Token()
	delimiter, ok := token.(json.Delim)
	if err != nil || !ok {
		return err
	}
	for i := 0; decoder.More(); i++ {
		below, start := fmt.Sprintf("%s[%d]", path, i), next(content, decoder.InputOffset())
		if delimiter == '{' {
			key, err := decoder.Token()
			if err != nil {
				return err
			}
			below = strings.TrimPrefix(fmt.Sprintf("%s.%s", path, key), ".")
		}
		o.note(below, lineAt(content, start))
		if err := o.jsonValue(below, decoder, content); err != nil {
			return err
		}
	}
	_, err = decoder.Token() // the closing delimiter
	return err
}

// next gives the offset at which the next key or value begins.
func next(content []byte, offset int64) int64 {
	return int64(len(content) - len(bytes.TrimLeft(content[offset:], " \t\r\n,")))
}

// lineAt gives the line that an offset is in, counted from 1.
func lineAt(content []byte, offset int64) int {
	return 1 + bytes.Count(content[:offset], []byte("\n"))
}
