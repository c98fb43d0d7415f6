package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readYAML makes the outline of a YAML file.
func readYAML(content []byte) (outline, error) {
	o := outline{content: content, lines: map[string]int{}}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return o, nil // nothing but comments
	} else if err != nil {
		return o, yamlError(err)
	}
	var next yaml.Node
	if err := decoder.Decode(&next); err == nil {
		return o, &syntaxError{next.Line, "must be a single YAML document"}
	} else if !errors.Is(err, io.EOF) {
		return o, yamlError(err)
	}

	top := document.Content[0]
	if top.Kind != yaml.MappingNode && top.ShortTag() != "!!null" {
		return o, &syntaxError{top.Line, "must be a mapping of keys to values"}
	}
	o.yamlNode("", top)
	if len(o.repeated) == 0 {
		return o, nil
	}
	// The parser refuses keys that are there twice. Without them, what else is
	// wrong comes to light as well.
	var err error
	o.content, err = yaml.Marshal(&document)
	return o, err
}

// yamlNode notes the keys in a node, and takes out those that are there twice.
func (o *outline) yamlNode(path string, node *yaml.Node) {
	switch node.Kind {
	case yaml.SequenceNode:
		for i, element := range node.Content {
			below := fmt.Sprintf("%s[%d]", path, i)
			o.note(below, element.Line)
			o.yamlNode(below, element)
		}
	case yaml.MappingNode:
		kept := node.Content[:0]
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			below := strings.TrimPrefix(path+"."+key.Value, ".")
			if key.Kind != yaml.ScalarNode || o.note(below, key.Line) {
				o.yamlNode(below, value)
				kept = append(kept, key, value)
			}
		}
		node.Content = kept
	}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// yamlError gives an error of the YAML parser without what it may quote: an
// alias is a value, a password that begins with * for example.
func yamlError(err error) error {
	text := err.Error()
	if strings.Contains(text, "unknown anchor") {
		return &syntaxError{problem: "is not valid YAML: an alias (*) without its anchor (&); a text that begins with * must be in quotes"}
	}
	prefix := yamlLine.FindStringSubmatch(text)
	if prefix == nil {
		return &syntaxError{problem: "is not valid YAML"}
	}
	line, _ := strconv.Atoi(prefix[1])
	return &syntaxError{line, "is not valid YAML: " + text[len(prefix[0]):]}
}
