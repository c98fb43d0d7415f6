package fxsession_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// No SQL driver and no test helper is linked into a program that imports
// fxsession: what it imports is the standard library and what is listed here.
func TestWhatAProgramLinks(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"github.com/fxsession/sessions/",
		"github.com/cespare/xxhash/", "github.com/go-logr/", // of OpenTelemetry
		"github.com/knadh/koanf/", "github.com/fsnotify/fsnotify", "github.com/go-viper/mapstructure/",
		"github.com/mitchellh/copystructure", "github.com/mitchellh/reflectwalk",
		"github.com/redis/rueidis",
		"go.opentelemetry.io/",
		"go.uber.org/dig", "go.uber.org/fx", "go.uber.org/multierr", "go.uber.org/zap",
		"go.yaml.in/yaml/",
		"golang.org/x/crypto/", "golang.org/x/sys/",
	}
	forbidden := []string{
		"testing", "net/http/httptest",
		"github.com/fxsession/sessions/internal/testserver",
		"github.com/fxsession/sessions/session/sessiontest",
		"github.com/fxsession/sessions/store/storetest",
		"go.opentelemetry.io/otel/sdk", "go.uber.org/fx/fxtest", "go.uber.org/goleak",
	}
	list := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{.Standard}}", ".")
	list.Stderr = t.Output()
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		path, standard, _ := strings.Cut(strings.TrimSpace(line), " ")
		if standard == "false" && !anyPrefix(path, allowed) {
			t.Errorf("%s is linked in", path)
		}
		for _, f := range forbidden {
			if path == f || strings.HasPrefix(path, f+"/") {
				t.Errorf("%s is linked in", path)
			}
		}
	}
}

func anyPrefix(path string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// What the packages of the library may import of each other, and which may
// import fx. An entry that ends in a slash is a folder.
func TestWhoImportsWhom(t *testing.T) {
	t.Parallel()
	const library, fx = "github.com/fxsession/sessions/", "go.uber.org/fx"
	for room, allowed := range map[string][]string{
		"config":              {},
		"store":               {},
		"store/memstore":      {"store", "internal/"},
		"store/redisstore":    {"store", "internal/"},
		"store/sqlstore":      {"store", "internal/"},
		"store/storetest":     {"store"},
		"session":             {"config", "store", "internal/"},
		"lifecycle":           {"config", "store", "internal/"},
		"fxsession":           {"config", "store", "store/", "session", "lifecycle", "internal/", fx},
		"internal/commit":     {},
		"internal/guarded":    {},
		"internal/sealing":    {},
		"internal/statecodec": {},
	} {
		list := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, library+room)
		list.Stderr = t.Output()
		out, err := list.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		for path := range strings.FieldsSeq(string(out)) {
			path, ours := strings.CutPrefix(path, library)
			known := slices.ContainsFunc(allowed, func(a string) bool {
				return path == a || strings.HasSuffix(a, "/") && strings.HasPrefix(path, a)
			})
			if (ours || path == fx || strings.HasPrefix(path, fx+"/")) && !known {
				t.Errorf("%s imports %s", room, path)
			}
		}
	}
}
