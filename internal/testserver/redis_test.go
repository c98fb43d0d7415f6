//go:build unix

package testserver_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/internal/testserver"
)

// childVariable makes the test binary a program that starts a server.
const childVariable = "TESTSERVER_CHILD"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask sends an inline command and returns the first line of the answer.
func ask(network, address, command string) (string, error) {
	return askFor(10*time.Second, network, address, command)
}

// askFor is ask with another patience.
func askFor(patience time.Duration, network, address, command string) (string, error) {
	conn, err := net.Dial(network, address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line), err
}

func mustAsk(t *testing.T, address, command, want string) {
	t.Helper()
	if got, err := ask("tcp", address, command); err != nil || got != want {
		t.Errorf("%s: %q, error %v, want %q", command, got, err, want)
	}
}

func TestAServerAnswersOnBothAddresses(t *testing.T) {
	t.Parallel()
	s := testserver.Redis(t)
	mustAsk(t, s.Addr(), "PING", "+PONG")
	if got, err := ask("unix", s.Socket(), "PING"); err != nil || got != "+PONG" {
		t.Errorf("over the socket: %q, error %v", got, err)
	}
	if s.URL() != "redis://"+s.Addr() {
		t.Errorf("the URL is %s", s.URL())
	}
}

func TestAServerKeepsItsDataOverAKillIfItIsToldTo(t *testing.T) {
	t.Parallel()
	for _, end := range []func(*testserver.RedisServer){(*testserver.RedisServer).Kill, (*testserver.RedisServer).Stop} {
		s := testserver.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
		address := s.Addr()
		mustAsk(t, address, "INCR n", ":1")
		end(s)
		if answer, err := ask("tcp", address, "PING"); err == nil {
			t.Errorf("a server that has ended answers %q", answer)
		}
		s.Start()
		if s.Addr() != address {
			t.Errorf("it is at %s, it was at %s", s.Addr(), address)
		}
		mustAsk(t, address, "INCR n", ":2")
	}
}

func TestAServerKeepsNothingByDefault(t *testing.T) {
	t.Parallel()
	s := testserver.Redis(t)
	mustAsk(t, s.Addr(), "INCR n", ":1")
	s.Stop()
	s.Start()
	mustAsk(t, s.Addr(), "INCR n", ":1")
}

func TestAPausedServerAcceptsAndDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := testserver.Redis(t)
	s.Pause()
	var timeout net.Error
	if answer, err := askFor(100*time.Millisecond, "tcp", s.Addr(), "PING"); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("answer %q, error %v, want a timeout", answer, err)
	}
	s.Resume()
	mustAsk(t, s.Addr(), "PING", "+PONG")
}

// Nobody else answers where a server has ended, until it is back or its test is
// over.
func TestThePortOfAServerThatIsDownIsKept(t *testing.T) {
	t.Parallel()
	s := testserver.Redis(t)
	s.Stop()
	if s.ClaimPort() == nil {
		t.Error("another one gets its port")
	}
	s.Start()
	mustAsk(t, s.Addr(), "PING", "+PONG")
}

func TestASharedServerIsOne(t *testing.T) {
	t.Parallel()
	var shared testserver.SharedRedis
	t.Cleanup(shared.Stop)
	first, second := shared.Get(t), shared.Get(t)
	if first.Addr() != second.Addr() {
		t.Errorf("there are two: %s and %s", first.Addr(), second.Addr())
	}
	shared.Stop()
	if _, err := ask("tcp", first.Addr(), "PING"); err == nil {
		t.Error("it has not ended")
	}
}

// recorder is a testing.TB that keeps how a test was ended.
type recorder struct {
	testing.TB
	fatal    string
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// run calls f and its cleanups, as a test of its own would.
func (r *recorder) run(f func(testing.TB)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, cleanup := range r.cleanups {
				cleanup()
			}
		}()
		f(r)
	}()
	<-done
}

// Not parallel, as it changes the environment.
func TestAMissingProgramFailsWithTheLineThatInstallsIt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var shared testserver.SharedRedis
	for _, start := range []func(testing.TB){
		func(tb testing.TB) { testserver.Redis(tb) },
		func(tb testing.TB) { shared.Get(tb) },
	} {
		r := recorder{TB: t}
		r.run(start)
		if !strings.Contains(r.fatal, "apt-get install redis-server") {
			t.Errorf("the test ended with %q", r.fatal)
		}
	}
	shared.Stop()
}

func TestASettingThatIsWrongFailsWithWhatTheServerSays(t *testing.T) {
	t.Parallel()
	r := recorder{TB: t}
	r.run(func(tb testing.TB) { testserver.Redis(tb, "--no-such-setting", "1") })
	if !strings.Contains(r.fatal, "no-such-setting") {
		t.Errorf("the test ended with %q", r.fatal)
	}
}

func TestTheServerEndsWithTheTest(t *testing.T) {
	t.Parallel()
	var address, socket string
	r := recorder{TB: t}
	r.run(func(tb testing.TB) {
		s := testserver.Redis(tb)
		address, socket = s.Addr(), s.Socket()
	})
	if _, err := ask("tcp", address, "PING"); err == nil {
		t.Error("the server is still there")
	}
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("its folder is still there: %v", err)
	}
}

// A test binary that is killed runs no cleanups. Only Linux has a way to end
// its children then.
func TestTheServerEndsWithATestBinaryThatIsKilled(t *testing.T) {
	if os.Getenv(childVariable) != "" {
		fmt.Printf("address %s\n", testserver.Redis(t).Addr())
		_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
		return
	}
	t.Parallel()
	child := exec.Command(os.Args[0], "-test.run=^TestTheServerEndsWithATestBinaryThatIsKilled$")
	// The server's folder outlives a child that is killed; its path must be
	// short enough for a unix socket.
	dir, err := os.MkdirTemp("", "killed")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	child.Env = append(os.Environ(), childVariable+"=1", "TMPDIR="+dir)
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var address string
	for lines := bufio.NewScanner(stdout); address == "" && lines.Scan(); {
		address, _ = strings.CutPrefix(lines.Text(), "address ")
	}
	mustAsk(t, address, "PING", "+PONG")
	if runtime.GOOS != "linux" {
		_ = stdin.Close() // it ends its server by itself
	} else if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	testkit.Eventually(t, func() error {
		if _, err := ask("tcp", address, "PING"); err == nil {
			return errors.New("the server has outlived the binary that started it")
		}
		return nil
	})
}
