package config_test

import (
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"github.com/fxsession/sessions/config"
)

// holds checks what must be so whatever is loaded: a configuration that is
// accepted is valid and survives being written (E4); one that is not has
// findings, each on one line (E2).
func holds(t *testing.T, opts ...config.Option) {
	noFiles := config.WithSecretFiles(func(name string) ([]byte, error) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	})
	cfg, err := config.Load(append([]config.Option{config.WithEnviron(nil), noFiles}, opts...)...)
	if err != nil {
		var e *config.Error
		if !errors.As(err, &e) || len(e.Findings) == 0 {
			t.Fatalf("not an error with findings: %v", err)
		}
		if lines := strings.Count(err.Error(), "\n"); lines != len(e.Findings) {
			t.Fatalf("%d findings on %d lines:\n%v", len(e.Findings), lines, err)
		}
		return
	}
	if err := cfg.Validate(); err != nil {
		t.Fatalf("accepted, and not valid: %v", err)
	}
	var b strings.Builder
	if err := config.Write(&b, cfg); err != nil {
		t.Fatal(err)
	}
	again, err := config.Load(config.WithBytes("again.yaml", []byte(b.String())), config.WithEnviron(nil))
	if err != nil {
		t.Fatalf("written, it is not accepted: %v\n%s", err, b.String())
	}
	if !reflect.DeepEqual(cfg, again) {
		t.Fatalf("written and loaded it is another:\n%+v\n%+v", cfg, again)
	}
}

func FuzzLoadYAML(f *testing.F) {
	f.Add([]byte(everyFieldYAML))
	f.Fuzz(func(t *testing.T, content []byte) { holds(t, config.WithBytes("fuzz.yaml", content)) })
}

func FuzzLoadJSON(f *testing.F) {
	f.Add([]byte(everyFieldJSON))
	f.Fuzz(func(t *testing.T, content []byte) { holds(t, config.WithBytes("fuzz.json", content)) })
}

func FuzzLoadEnvironment(f *testing.F) {
	f.Add(strings.Join(everyFieldEnviron, "\n"))
	f.Fuzz(func(t *testing.T, environ string) { holds(t, config.WithEnviron(strings.Split(environ, "\n"))) })
}
