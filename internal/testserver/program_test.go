//go:build unix

package testserver_test

import (
	"strings"
	"testing"

	"github.com/fxsession/sessions/internal/testserver"
)

// A program says where it is each time it starts, ends as it is told to, and
// keeps its environment to itself.
func TestAProgramStartsAgainAfterAKill(t *testing.T) {
	t.Parallel()
	const script = `[ -z "$HOME" ] && echo "starting"; echo "at $PLACE, $$"; trap 'exit 0' TERM; while :; do sleep 0.01; done`
	p := testserver.NewProgram(t, "/bin/sh", []string{"PLACE=home"}, "-c", script)
	pids := map[string]bool{}
	for _, end := range []func(){p.Kill, p.Kill, p.Stop} {
		pid, ok := strings.CutPrefix(p.Start("at "), "home, ")
		if !ok || pids[pid] {
			t.Errorf("it is %q, after %v", pid, pids)
		}
		pids[pid] = true
		end()
	}
}
