//go:build unix

package testserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Who a DatabaseServer lets in, and to which of its databases.
const (
	DatabaseUser     = "tester"
	DatabasePassword = "not-to-be-shown"
	DatabaseName     = "sessions"
)

// DatabaseTimeZone is the time zone of the servers themselves, so that nothing
// holds only where all clocks show UTC.
const DatabaseTimeZone = "America/New_York"

// DatabaseServer is an SQL server on a loopback port, with a folder of its own.
// Its methods are for the goroutine of the test, and end the test when they
// fail.
type DatabaseServer struct {
	tb testing.TB
	*database
}

// For is the server for another test, such as a subtest: its methods end that one
// when they fail.
func (s *DatabaseServer) For(tb testing.TB) *DatabaseServer { return &DatabaseServer{tb, s.database} }

func startDatabase(tb testing.TB, e engine, args []string) *DatabaseServer {
	tb.Helper()
	s := &DatabaseServer{tb, &database{engine: e}}
	// The cleanup comes first: a start that fails may leave a folder.
	tb.Cleanup(s.remove)
	s.must("start", s.create(args))
	return s
}

// Start starts the server again, on the same port and over the same folder.
// The server must not be running.
func (s *DatabaseServer) Start() {
	s.tb.Helper()
	s.must("start", s.start())
}

// Stop ends the server in order and waits until it is gone.
func (s *DatabaseServer) Stop() {
	s.tb.Helper()
	s.must("stop", s.end(s.engine.stop))
}

// Kill ends the server by SIGKILL, with its child processes, and waits until it
// is gone.
func (s *DatabaseServer) Kill() {
	s.tb.Helper()
	s.must("kill", s.kill())
}

func (s *DatabaseServer) must(what string, err error) {
	s.tb.Helper()
	if err != nil {
		s.tb.Fatalf("%s %s: %v\n%s", what, s.engine.name, err, s.output())
	}
}

// SharedDatabase is one server for the tests of a package, which keep apart by
// the names of their tables. It starts with the first that asks; TestMain ends
// it.
type SharedDatabase struct {
	engine engine
	once   sync.Once
	server *database
	err    error
}

// SharedPostgres is a PostgreSQL server that nothing is safe on when it is
// killed.
func SharedPostgres() *SharedDatabase { return &SharedDatabase{engine: postgres()} }

// SharedMariaDB is a MariaDB server that nothing is safe on when it is killed.
func SharedMariaDB() *SharedDatabase { return &SharedDatabase{engine: mariadb()} }

// Get gives the server to a test, which must not end it.
func (s *SharedDatabase) Get(tb testing.TB) *DatabaseServer {
	tb.Helper()
	s.once.Do(func() {
		s.server = &database{engine: s.engine}
		s.err = s.server.create(nil)
	})
	if s.err != nil {
		tb.Fatalf("start %s: %v\n%s", s.engine.name, s.err, s.server.output())
	}
	return &DatabaseServer{tb, s.server}
}

// Stop ends the server, if there is one, and removes its folder. It is for
// TestMain, after the tests.
func (s *SharedDatabase) Stop() {
	if s.server != nil {
		s.server.remove()
	}
}

// engine is what one kind of server needs.
type engine struct {
	name     string
	account  string // whose rights it has, where the tests have those of root
	missing  string // the line that installs it
	programs []string
	folders  []string // where the programs are, beside those in PATH
	stop     syscall.Signal
	discard  syscall.Signal             // ends what is not needed again, fast and leaving nothing
	setUp    func(d *database) error    // fills the folder
	args     func(d *database) []string // of the last one of programs
	ready    func(d *database) error
}

// database is a server over its runs.
type database struct {
	engine     engine
	paths      map[string]string // of the programs
	dir        string
	port       int
	claims     claims
	extra      []string
	credential *syscall.Credential // nil: that of the tests

	mu      sync.Mutex
	running *process
}

// Addr gives the host and port.
func (d *database) Addr() string { return fmt.Sprintf("127.0.0.1:%d", d.port) }

func (d *database) data() string { return filepath.Join(d.dir, "data") }
func (d *database) log() string  { return filepath.Join(d.dir, "log") }

func (d *database) create(extra []string) (err error) {
	if err := d.find(); err != nil {
		return err
	}
	// Not the folder of the test: its name may be too long for a unix socket.
	if d.dir, err = os.MkdirTemp("", d.engine.name); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		if d.credential, err = credentialOf(d.engine.account, "nobody"); err != nil {
			return err
		}
		if err := os.Chown(d.dir, int(d.credential.Uid), int(d.credential.Gid)); err != nil {
			return err
		}
	}
	d.extra = extra
	if err := d.engine.setUp(d); err != nil {
		return err
	}
	// Who makes no claims may take the port before the server does.
	for range 3 {
		if d.port, err = d.claims.port(); err != nil {
			return err
		}
		if err = d.start(); err == nil {
			return nil
		}
	}
	return err
}

// find looks for the programs.
func (d *database) find() error {
	d.paths = map[string]string{}
	for _, program := range d.engine.programs {
		path, err := exec.LookPath(program)
		for _, pattern := range d.engine.folders {
			if err == nil {
				break
			}
			found, _ := filepath.Glob(filepath.Join(pattern, program))
			if len(found) > 0 {
				path, err = found[len(found)-1], nil
			}
		}
		if err != nil {
			return errors.New(d.engine.missing)
		}
		d.paths[program] = path
	}
	return nil
}

// credentialOf gives that of the first of accounts that is there.
func credentialOf(accounts ...string) (*syscall.Credential, error) {
	var failed error
	for _, name := range accounts {
		account, err := user.Lookup(name)
		if err != nil {
			failed = err
			continue
		}
		uid, err := strconv.ParseUint(account.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(account.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, failed
}

func (d *database) attr() *syscall.SysProcAttr {
	attr := procAttr()
	if attr == nil {
		attr = new(syscall.SysProcAttr)
	}
	attr.Credential = d.credential
	return attr
}

func (d *database) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(d.paths[program], args...)
	cmd.Dir = d.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "LC_ALL=C", "TZ=" + DatabaseTimeZone}
	return cmd
}

// run runs a program to its end.
func (d *database) run(program string, args ...string) error {
	p, err := startCommand(d.log(), d.command(program, args...), d.attr())
	if err != nil {
		return err
	}
	select {
	case <-p.exited:
	case <-time.After(4 * patience):
		return errors.Join(fmt.Errorf("%s is still at it", program), p.end(syscall.SIGKILL))
	}
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("%s: %s", program, p.cmd.ProcessState)
	}
	return nil
}

func (d *database) start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running != nil {
		return errors.New("it is running")
	}
	server := d.engine.programs[len(d.engine.programs)-1]
	p, err := startCommand(d.log(), d.command(server, append(d.engine.args(d), d.extra...)...), d.attr())
	if err != nil {
		return err
	}
	if err := p.until(func() error { return d.engine.ready(d) }); err != nil {
		return errors.Join(err, p.end(syscall.SIGKILL))
	}
	d.running = p
	return nil
}

func (d *database) end(sig syscall.Signal) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running == nil {
		return errors.New("it is not running")
	}
	err := d.running.end(sig)
	d.running = nil
	return err
}

// kill ends the server and, where the system tells which they are, its
// children, which would otherwise go on until they notice.
func (d *database) kill() error {
	d.mu.Lock()
	children := d.children()
	d.mu.Unlock()
	err := d.end(syscall.SIGKILL)
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	deadline := time.Now().Add(patience)
	for _, pid := range children {
		for syscall.Kill(pid, 0) == nil && !isZombie(pid) && time.Now().Before(deadline) {
			<-time.After(time.Millisecond)
		}
	}
	return err
}

func (d *database) children() (pids []int) {
	if d.running == nil {
		return nil
	}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", d.running.cmd.Process.Pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// isZombie says whether a process has ended and waits for init to notice.
func isZombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(text), ") Z ")
}

func (d *database) remove() {
	if d.end(d.engine.discard) != nil {
		_ = d.kill() // it may have ended before
	}
	d.claims.release()
	if d.dir != "" {
		_ = os.RemoveAll(d.dir)
	}
}

func (d *database) output() string {
	text, _ := os.ReadFile(d.log())
	return string(text)
}
