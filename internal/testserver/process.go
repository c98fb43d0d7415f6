//go:build unix

package testserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// patience is how long a server may take to start or to end.
const patience = 15 * time.Second

// process is one run of a server.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process is gone
}

// startProcess runs a program with its output in the file log, which it
// empties first.
func startProcess(log, program string, args ...string) (*process, error) {
	return startCommand(log, exec.Command(program, args...), procAttr())
}

// startCommand is startProcess for a command that has an environment, and
// attributes, of its own.
func startCommand(log string, cmd *exec.Cmd, attr *syscall.SysProcAttr) (*process, error) {
	output, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	p.cmd.Dir = filepath.Dir(log)
	p.cmd.Stdout, p.cmd.Stderr = output, output
	p.cmd.SysProcAttr = attr
	started := make(chan error)
	go func() {
		// Linux ends the process with the thread that started it, so that
		// thread stays until the process is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer output.Close()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // how it ended is in the log
		}
		close(p.exited)
	}()
	return p, <-started
}

// signal sends sig to the process, unless it is gone.
func (p *process) signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// end sends sig and waits until the process is gone.
func (p *process) end(sig syscall.Signal) error { return p.endBy(sig, patience) }

// endBy is end, but that it sends sig again each time that it has waited for so
// long in vain.
func (p *process) endBy(sig syscall.Signal, again time.Duration) error {
	late := time.After(patience)
	for {
		if err := p.signal(sig); err != nil {
			return err
		}
		select {
		case <-p.exited:
			return nil
		case <-late:
			return fmt.Errorf("still there %s after %s", patience, sig)
		case <-time.After(again):
		}
	}
}

// until calls ready, every few milliseconds, until it returns nil. It gives up
// when the process is gone, or has lost its patience.
func (p *process) until(ready func() error) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return errors.New("it ended at once")
		case <-late:
			return fmt.Errorf("not ready after %s: %w", patience, err)
		}
	}
}
