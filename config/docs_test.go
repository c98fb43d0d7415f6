package config_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fxsession/sessions/config"
)

// guide gives docs/configuration.md.
func guide(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// blocks gives the code blocks of a language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	var found []string
	for _, m := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)```").FindAllStringSubmatch(guide(t), -1) {
		found = append(found, m[1])
	}
	if len(found) == 0 {
		t.Fatalf("there is no block of %s", language)
	}
	return found
}

// E1: every field is in the table with its variable, its type, its default and
// its choices, in the order of the types, and nothing else is.
func TestE1_TheGuideListsEveryFieldAndNoOther(t *testing.T) {
	t.Parallel()
	var rows [][]string
	for line := range strings.Lines(guide(t)) {
		if strings.HasPrefix(line, "| `session.") {
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	types := map[string]string{
		"string": "text", "bool": "bool", "int": "whole number", "float64": "number", "time.Duration": "duration",
		"config.Secret": "secret", "[]config.Key": "list of secrets",
	}
	settings := config.Settings()
	for i := range max(len(rows), len(settings)) {
		if i >= len(rows) {
			t.Fatalf("%s is not in the table", settings[i].Path)
		}
		if i >= len(settings) {
			t.Fatalf("%s is in the table, and no field", rows[i][0])
		}
		s := settings[i]
		kind := types[s.Type]
		if len(s.Allowed) > 0 {
			kind = "choice"
		} else if strings.HasSuffix(s.Path, "_file") {
			kind = "file"
		}
		standard := strings.Trim(s.Default, `"[]`)
		if standard != "" {
			standard = "`" + standard + "`"
		}
		if want := []string{"`" + s.Path + "`", "`" + s.Variable + "`", kind, standard}; !slices.Equal(rows[i][:4], want) {
			t.Errorf("the table has\n%v\nand the type\n%v", rows[i][:4], want)
		}
		var choices []string
		for _, choice := range s.Allowed {
			choices = append(choices, "`"+choice+"`")
		}
		if !strings.HasPrefix(rows[i][4], strings.Join(choices, ", ")) {
			t.Errorf("%s: the table allows %s, the type %v", s.Path, rows[i][4], choices)
		}
		if len(rows[i]) != 6 || !strings.HasSuffix(rows[i][5], ".") {
			t.Errorf("%s: the table does not say what it means", s.Path)
		}
	}
}

// placeholder stands for a secret that everybody has to make.
var placeholder = regexp.MustCompile(`(?m)^REPLACE: .*$`)

func TestE1_TheFilesAndTheEnvironmentInTheGuideLoad(t *testing.T) {
	t.Parallel()
	secrets := config.WithSecretFiles(func(name string) ([]byte, error) {
		switch name {
		case "/run/secrets/session-keys":
			for _, block := range blocks(t, "text") {
				if strings.HasPrefix(block, "# since") {
					made := placeholder.ReplaceAllStringFunc(block, func(string) string { return config.NewKey().Reveal() })
					return []byte(made), nil
				}
			}
		case "/run/secrets/session-dsn", "/run/secrets/redis-password":
			return []byte("secret\n"), nil
		}
		return nil, fmt.Errorf("no file %s", name)
	})
	for _, language := range []string{"yaml", "json"} {
		for _, block := range blocks(t, language) {
			if _, err := config.Load(config.WithBytes("guide."+language, []byte(block)), config.WithEnviron(nil), secrets); err != nil {
				t.Errorf("%v in\n%s", err, block)
			}
		}
	}
	for _, block := range blocks(t, "sh") {
		if !strings.HasPrefix(block, "SESSION_") {
			continue
		}
		cfg, err := config.Load(config.WithEnviron(strings.Split(block, "\n")))
		if err != nil || cfg.Cookie.Name != "shop" {
			t.Errorf("%v in\n%s", err, block)
		}
	}
}

// The Go in the guide is that of the examples, which are compiled and run.
func TestE1_TheCodeInTheGuideIsThatOfTheExamples(t *testing.T) {
	t.Parallel()
	var b []byte
	for _, name := range []string{"example_test.go", "../fxsession/example_test.go"} {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, file...)
	}
	unindented := func(s string) string { return regexp.MustCompile(`(?m)^\s+`).ReplaceAllString(s, "") }
	for _, block := range blocks(t, "go") {
		if !strings.Contains(unindented(string(b)), unindented(block)) {
			t.Errorf("no example has\n%s", block)
		}
	}
	comments := strings.ReplaceAll(string(b), "// ", "")
	for _, block := range blocks(t, "text") {
		if strings.HasPrefix(block, "session configuration") && !strings.Contains(unindented(comments), unindented(block)) {
			t.Errorf("no example has\n%s", block)
		}
	}
}
