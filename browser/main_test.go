package browser

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testserver"
)

var screenshots = flag.String("screenshots", "", "a folder that TestPages writes its screenshots to")

var (
	redis    testserver.SharedRedis
	postgres = testserver.SharedPostgres()
	chromium shared
	fxapp    string // the program
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "browser")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	fxapp = filepath.Join(dir, "fxapp")
	build := exec.Command("go", "build", "-o", fxapp, "./examples/fxapp")
	build.Dir, build.Stderr = "..", os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "the example does not build:", err)
		return 1
	}
	defer postgres.Stop()
	defer redis.Stop()
	defer chromium.stop()
	return m.Run()
}

// patience bounds what a test waits for.
const patience = 20 * time.Second

// flags are those of every Chromium. It ends with the process of the tests,
// however that ends: chromedp sees to it.
func flags(more ...chromedp.ExecAllocatorOption) []chromedp.ExecAllocatorOption {
	return append(append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.IgnoreCertErrors,
		// The names of sites that tests make up.
		chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1"),
	), more...)
}

// shared is one Chromium for the tests, which keep apart by contexts of their
// own: these share no cookie and no cache.
type shared struct {
	once sync.Once
	ctx  context.Context
	err  error
	ends []context.CancelFunc
}

func (s *shared) get(t *testing.T) context.Context {
	t.Helper()
	s.once.Do(func() {
		ctx, end := chromedp.NewExecAllocator(context.Background(), flags()...)
		s.ends = append(s.ends, end)
		s.ctx, end = chromedp.NewContext(ctx)
		s.ends = append(s.ends, end)
		s.err = chromedp.Do(s.ctx)
	})
	if s.err != nil {
		t.Fatalf("Chromium does not start: %v", s.err)
	}
	return s.ctx
}

func (s *shared) stop() {
	for len(s.ends) > 0 {
		s.ends[len(s.ends)-1]()
		s.ends = s.ends[:len(s.ends)-1]
	}
}

// stores are the environments of shops on each store, apart from those of other
// tests.
func stores(t *testing.T) map[string][]string {
	t.Helper()
	name := fmt.Sprintf("shop%d_", time.Now().UnixNano())
	lasting := func(environment ...string) []string {
		return append(environment, "SESSION_COOKIE_KEYS="+config.NewKey().Reveal(), "SESSION_STATE_WATCH_INTERVAL=200ms")
	}
	return map[string][]string{
		"memory": {"SESSION_STATE_WATCH_INTERVAL=1h"}, // nothing is found by asking
		"redis":  lasting("SESSION_STORE_DRIVER=redis", "SESSION_STORE_REDIS_NAMESPACE="+name, "SESSION_STORE_REDIS_URL="+redis.Get(t).URL()),
		"postgres": lasting("SESSION_STORE_DRIVER=sql", "SESSION_STORE_SQL_TABLE="+name, "SESSION_STORE_SQL_DIALECT=postgres", "SESSION_STORE_SQL_DRIVER=pgx",
			"SESSION_STORE_SQL_DSN="+testserver.PostgresURL(postgres.Get(t).Addr()), "SESSION_STORE_SQL_MIGRATE=true"),
	}
}

// openShop starts a shop that ends with the test, and gives its URL. The shell
// ends it also when the process of the tests is gone, and with it the other end
// of its input.
func openShop(t *testing.T, environment ...string) string {
	t.Helper()
	var log strings.Builder
	shop := exec.Command("sh", "-c", `"$0" -addr 127.0.0.1:0 & exec >/dev/null; read -r _; kill $!; wait $!`, fxapp)
	shop.Env, shop.Stderr = environment, &log
	input, err := shop.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := shop.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shop.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		input.Close()
		if err := shop.Wait(); err != nil || t.Failed() {
			t.Errorf("the shop ended: %v\n%s", err, log.String())
		}
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("the shop does not open: %q, %v", line, err)
	}
	return url
}
