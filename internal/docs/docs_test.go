// Package docs holds the project's documents against the code: every Go block
// compiles, every configuration loads, every link leads somewhere.
package docs_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/session"
)

const root = "../.."

// documents gives the text of every document, by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, must := range []string{"README.md", "CHANGELOG.md", "docs/configuration.md"} {
		if texts[filepath.Join(root, must)] == "" {
			t.Errorf("%s is missing", must)
		}
	}
	return texts
}

// block is a piece of code in a document.
type block struct {
	document string // its path
	where    string // path:line
	code     string
}

func blocks(t *testing.T, language string) (found []block) {
	t.Helper()
	fence := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```")
	for path, text := range documents(t) {
		for _, at := range fence.FindAllStringSubmatchIndex(text, -1) {
			line := 1 + strings.Count(text[:at[2]], "\n")
			found = append(found, block{path, fmt.Sprintf("%s:%d", path, line), text[at[2]:at[3]]})
		}
	}
	if len(found) == 0 {
		t.Fatalf("no document has a block of %s", language)
	}
	return found
}

func TestEveryGoBlockCompiles(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	// A program is a package of its own, the other blocks of a document are one
	// together; only the compiler sees them, below this folder.
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	temporary := t.TempDir()
	guide := "" // the folder of the tests in the guide to testing
	for i, b := range blocks(t, "go") {
		if strings.HasSuffix(b.document, "docs/handlers.md") {
			continue // its blocks are those of examples, which fxsession's own test compares
		}
		source, err := complete(b.code)
		if err != nil {
			t.Errorf("%s: %v", b.where, err)
			continue
		}
		file := filepath.Join(temporary, fmt.Sprintf("block%d.go", i))
		if err := os.WriteFile(file, []byte("//line "+b.where+"\n"+source), 0o600); err != nil {
			t.Fatal(err)
		}
		folder := strings.NewReplacer(root+"/", "", "/", "-", ".", "-").Replace(b.document)
		if strings.HasPrefix(b.code, "package ") {
			folder = fmt.Sprintf("%s-%d", folder, i)
		}
		name := fmt.Sprintf("block%d.go", i)
		overlay.Replace[filepath.Join(here, "blocks", folder, name)] = file
		if strings.HasSuffix(b.document, "docs/testing.md") {
			guide = "./blocks/" + folder + "-run"
			overlay.Replace[filepath.Join(here, guide, strings.Replace(name, ".go", "_test.go", 1))] = file
		}
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(temporary, "overlay.json")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-gcflags=-e", "-o", os.DevNull, "-overlay", list)
	packages := map[string]bool{}
	for path := range overlay.Replace {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		packages["./blocks/"+filepath.Base(filepath.Dir(path))] = true
	}
	build.Args = append(build.Args, slices.Sorted(maps.Keys(packages))...)
	output, _ := build.CombinedOutput() // what matters is what it says
	for line := range strings.Lines(string(output)) {
		// A piece of a program leaves variables for the rest of it to use.
		if !strings.HasPrefix(line, "#") && !strings.Contains(line, "declared and not used") {
			t.Error(strings.TrimSpace(line))
		}
	}

	// Those in the guide to testing pass as well, but for the one whose backend
	// is the reader's.
	tests := filepath.Join(temporary, "guide.test")
	compile := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-c", "-o", tests, "-overlay", list, guide)
	if output, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	run := exec.CommandContext(t.Context(), tests, "-test.v", "-test.skip", "TestMyBackend")
	if output, err := run.CombinedOutput(); err != nil || !strings.Contains(string(output), "--- PASS: TestTheApplication") {
		t.Errorf("the tests in docs/testing.md: %v\n%s", err, output)
	}
}

// complete makes a file of a block, which is one already, declarations or
// statements.
func complete(code string) (string, error) {
	if strings.HasPrefix(code, "package ") {
		return code, nil
	}
	const surroundings = `func _(ctx context.Context, w http.ResponseWriter, r *http.Request, s *session.Session, m *session.Manager, handler http.Handler, t *testing.T) error {`
	source := "package block; " + code
	if _, err := parser.ParseFile(token.NewFileSet(), "", source, 0); err != nil {
		source = "package block; " + surroundings + "\n" + code + "\nreturn nil }"
	}
	file, err := parser.ParseFile(token.NewFileSet(), "", source, 0)
	if err != nil {
		return "", err
	}
	used := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok {
				used[x.Name] = true
			}
		}
		return true
	})
	imports := ""
	for _, path := range []string{
		"context", "database/sql", "encoding/json", "errors", "fmt", "html/template", "io", "log", "log/slog", "net/http", "net/http/httptest", "os", "slices", "testing", "time",
		"github.com/redis/rueidis", "go.opentelemetry.io/otel/metric", "go.uber.org/fx", "go.uber.org/fx/fxtest", "go.uber.org/zap",
		"github.com/fxsession/sessions/config", "github.com/fxsession/sessions/fxsession", "github.com/fxsession/sessions/lifecycle",
		"github.com/fxsession/sessions/session", "github.com/fxsession/sessions/session/sessiontest", "github.com/fxsession/sessions/store",
		"github.com/fxsession/sessions/store/memstore", "github.com/fxsession/sessions/store/redisstore", "github.com/fxsession/sessions/store/sqlstore",
		"github.com/fxsession/sessions/store/storetest",
	} {
		if used[path[strings.LastIndexByte(path, '/')+1:]] {
			imports += fmt.Sprintf("import %q; ", path)
		}
	}
	return strings.Replace(source, "package block; ", "package block; "+imports, 1), nil
}

func TestEveryConfigurationLoads(t *testing.T) {
	t.Parallel()
	for _, b := range blocks(t, "yaml") {
		if !strings.Contains(b.code, "session:") || strings.Contains(b.code, "_file:") {
			continue // not ours, or with secrets in files: config's own test has those
		}
		code := strings.ReplaceAll(b.code, "REPLACE: openssl rand -base64 32", config.NewKey().Reveal())
		if _, err := config.Load(config.WithBytes("block.yaml", []byte(code)), config.WithEnviron(nil)); err != nil {
			t.Errorf("%s: %v", b.where, err)
		}
	}
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code := regexp.MustCompile("(?ms)^```.*?^```|`[^`\n]*`")
	for path, text := range documents(t) {
		text = code.ReplaceAllString(text, "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := path
			if target != "" {
				file = filepath.Join(filepath.Dir(path), target)
			}
			content, err := os.ReadFile(file)
			if info, statErr := os.Stat(file); statErr == nil && info.IsDir() {
				continue
			}
			if err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(string(content)), anchor) {
				t.Errorf("%s links to %s, where there is no such heading", path, m[1])
			}
		}
	}
}

// What docs/security.md promises is shown by tests, and no row is without one
// unless it is left to the application.
func TestEveryRowOfTheSecurityTableIsTested(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			tests[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	const columns = 4
	rows := 0
	for line := range strings.Lines(documents(t)[filepath.Join(root, "docs/security.md")]) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != columns || strings.HasPrefix(line, "| Requirement") || strings.HasPrefix(line, "| ---") {
			continue
		}
		rows++
		named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(cells[columns-1], -1)
		if len(named) == 0 && cells[1] != "yours" {
			t.Errorf("no test shows: %s", cells[0])
		}
		for _, name := range named {
			if !tests[name[1]] {
				t.Errorf("%s, which is to show %q, is no test", name[1], cells[0])
			}
		}
	}
	if rows < 30 {
		t.Errorf("the tables have %d rows", rows)
	}
}

// Every metric that the code makes, and every event, is in the guide to
// operations, and nothing else is.
func TestTheGuideToOperationsListsEveryMetricAndEvent(t *testing.T) {
	t.Parallel()
	instrument := regexp.MustCompile(`(?:Counter|Histogram|Gauge)\("(session\.[a-z_.]+)"`)
	made := map[string]bool{}
	for _, folder := range []string{"session", "store", "lifecycle", "fxsession"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range instrument.FindAllStringSubmatch(string(text), -1) {
				made[m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for kind := session.EventCreated; kind.String() != "unknown"; kind++ {
		made["session "+kind.String()] = true
	}
	listed := map[string]bool{}
	guide := documents(t)[filepath.Join(root, "docs/operations.md")]
	for _, m := range regexp.MustCompile("(?m)^\\| `(session[ .][a-z_. ]+)` \\|").FindAllStringSubmatch(guide, -1) {
		listed[m[1]] = true
	}
	if got, want := slices.Sorted(maps.Keys(listed)), slices.Sorted(maps.Keys(made)); !slices.Equal(got, want) {
		t.Errorf("the guide lists\n%q, the code makes\n%q", got, want)
	}
}

// anchors are the headings of a document as links name them.
func anchors(text string) (all []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		plain := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(plain, " ", "-"))
	}
	return all
}
