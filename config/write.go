package config

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Write writes the configuration as a YAML file that [Load] reads back to an
// equal one. The file contains the secrets in the clear; nothing else writes
// them out.
func Write(w io.Writer, cfg SessionConfig) error {
	top := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range fieldsOf(&cfg) {
		section := top
		names := strings.Split(f.path, ".")
		for _, name := range names[:len(names)-1] {
			section = sectionIn(section, name)
		}
		section.Content = append(section.Content, textNode(names[len(names)-1]), valueNode(f.value))
	}
	var file bytes.Buffer
	encoder := yaml.NewEncoder(&file)
	encoder.SetIndent(2)
	if err := encoder.Encode(top); err != nil {
		return fmt.Errorf("session configuration: write: %w", err)
	}
	if _, err := w.Write(file.Bytes()); err != nil {
		return fmt.Errorf("session configuration: write: %w", err)
	}
	return nil
}

// sectionIn gives the mapping of that name, which is the last one or a new one:
// the fields of a section come one after the other.
func sectionIn(node *yaml.Node, name string) *yaml.Node {
	if n := len(node.Content); n > 0 && node.Content[n-2].Value == name {
		return node.Content[n-1]
	}
	section := &yaml.Node{Kind: yaml.MappingNode}
	node.Content = append(node.Content, textNode(name), section)
	return section
}

func valueNode(v reflect.Value) *yaml.Node {
	switch v := v.Interface().(type) {
	case Secret:
		return textNode(v.Reveal())
	case []Key:
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, key := range v {
			list.Content = append(list.Content, textNode(key.Reveal()))
		}
		return list
	case time.Duration:
		return textNode(formatDuration(v))
	}
	if v.Kind() == reflect.String {
		return textNode(v.String())
	}
	var node yaml.Node
	_ = node.Encode(v.Interface()) // a bool or a number: it cannot fail
	return &node
}

func textNode(text string) *yaml.Node {
	var node yaml.Node
	node.SetString(text)
	return &node
}
