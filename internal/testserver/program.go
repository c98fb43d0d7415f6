//go:build unix

package testserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Program is a program of ours as its users run it, which can be ended and
// started again. Its methods are for the goroutine of the test, and end the
// test when they fail.
type Program struct {
	tb          testing.TB
	path        string
	arguments   []string
	environment []string
	log         string
	running     *process
}

// NewProgram makes a Program of the file at path, which does not run yet and
// has nothing in its environment but what is given. It ends with the test.
func NewProgram(tb testing.TB, path string, environment []string, arguments ...string) *Program {
	tb.Helper()
	p := &Program{tb: tb, path: path, environment: environment, arguments: arguments, log: filepath.Join(tb.TempDir(), "log")}
	tb.Cleanup(func() {
		if p.running != nil {
			_ = p.running.end(syscall.SIGKILL)
		}
	})
	return p
}

// Start runs the program and waits for a line of its output that begins with
// words, of which it gives the rest.
func (p *Program) Start(words string) (rest string) {
	p.tb.Helper()
	if p.running != nil {
		p.must("start", errors.New("it is running"))
	}
	cmd := exec.Command(p.path, p.arguments...)
	cmd.Env = p.environment
	running, err := startCommand(p.log, cmd, procAttr())
	p.must("start", err)
	p.running = running
	p.must("start", running.until(func() (err error) {
		rest, err = p.said(words)
		return err
	}))
	return rest
}

// said looks for a whole line that begins with words.
func (p *Program) said(words string) (rest string, err error) {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, words)
		if line, whole := strings.CutSuffix(rest, "\n"); ok && whole {
			return line, nil
		}
	}
	return "", fmt.Errorf("it does not say %q", words)
}

// Stop asks the program to end, and waits until it has, with success.
func (p *Program) Stop() {
	p.tb.Helper()
	p.end("stop", syscall.SIGTERM)
}

// Kill ends the program by SIGKILL, and waits until it is gone.
func (p *Program) Kill() {
	p.tb.Helper()
	p.end("kill", syscall.SIGKILL)
}

// end fails where the program was gone before, or goes otherwise than it is
// told to.
func (p *Program) end(what string, sig syscall.Signal) {
	p.tb.Helper()
	if p.running == nil {
		p.must(what, errors.New("it is not running"))
	}
	running := p.running
	select {
	case <-running.exited:
		p.must(what, fmt.Errorf("it had ended by itself: %s", running.cmd.ProcessState))
	default:
	}
	p.must(what, running.end(sig))
	p.running = nil
	state := running.cmd.ProcessState
	if status, ok := state.Sys().(syscall.WaitStatus); !ok || sig == syscall.SIGTERM && !state.Success() || sig == syscall.SIGKILL && status.Signal() != sig {
		p.must(what, fmt.Errorf("it ended: %s", state))
	}
}

func (p *Program) must(what string, err error) {
	p.tb.Helper()
	if err != nil {
		output, _ := os.ReadFile(p.log)
		p.tb.Fatalf("%s %s: %v\n%s", what, filepath.Base(p.path), err, output)
	}
}
