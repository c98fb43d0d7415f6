package config

import (
	"fmt"
	"io"
	"log/slog"
	"unique"
)

// redacted is what a secret prints as, in every form.
const redacted = "[redacted]"

// Secret is a text that must not be printed: a password, or a URL that may
// hold one. Every printed form (fmt, log/slog, zap, encoding/json) is
// [redacted], or nothing where the Secret is empty; that holds as well for a
// Secret deep in a struct that is printed. [Secret.Reveal] gives the text.
//
// The zero Secret is empty. Secrets are values: == compares the texts.
type Secret struct {
	// fmt goes past the methods of what unexported fields hold, so the text is
	// behind a pointer, which it does not follow.
	text unique.Handle[string]
}

// NewSecret makes a Secret of text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{unique.Make(text)}
}

// Reveal gives the text.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.text.Value()
}

// IsZero says whether the text is empty.
func (s Secret) IsZero() bool { return s == Secret{} }

// String gives [redacted], or "" for an empty Secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// Format writes what String gives, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText gives what String gives; its error is always nil.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue gives what String gives.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
