//go:build unix

package testserver

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const installRedis = "redis-server is not installed: apt-get install redis-server, dnf install redis or brew install redis"

// RedisServer is a redis-server on a loopback port and a unix socket, with a
// folder of its own. Its methods are for the goroutine of the test, and end
// the test when they fail.
type RedisServer struct {
	tb testing.TB
	*redis
}

// For is the server for another test, such as a subtest: its methods end that one
// when they fail.
func (s *RedisServer) For(tb testing.TB) *RedisServer { return &RedisServer{tb, s.redis} }

// Redis starts a redis-server that ends with the test. It keeps nothing on
// disk; args are further settings as its command line takes them, such as
// "--appendonly", "yes", "--appendfsync", "always".
func Redis(tb testing.TB, args ...string) *RedisServer {
	tb.Helper()
	s := &RedisServer{tb, new(redis)}
	// The cleanup comes first: a start that fails may leave a folder.
	tb.Cleanup(s.redis.remove)
	s.must("start", s.redis.create(args))
	return s
}

// Start starts the server again, on the same port and over the same folder.
// The server must not be running.
func (s *RedisServer) Start() {
	s.tb.Helper()
	s.must("start", s.redis.start())
}

// Stop ends the server in order and waits until it is gone.
func (s *RedisServer) Stop() {
	s.tb.Helper()
	s.must("stop", s.redis.end(syscall.SIGTERM))
}

// Kill ends the server by SIGKILL and waits until it is gone.
func (s *RedisServer) Kill() {
	s.tb.Helper()
	s.must("kill", s.redis.end(syscall.SIGKILL))
}

// Pause makes the server hang: the system still accepts connections and bytes
// for it, and nothing is answered.
func (s *RedisServer) Pause() {
	s.tb.Helper()
	s.must("pause", s.redis.signal(syscall.SIGSTOP))
}

// Resume ends a Pause.
func (s *RedisServer) Resume() {
	s.tb.Helper()
	s.must("resume", s.redis.signal(syscall.SIGCONT))
}

func (s *RedisServer) must(what string, err error) {
	s.tb.Helper()
	if err != nil {
		s.tb.Fatalf("%s redis-server: %v\n%s", what, err, s.redis.output())
	}
}

// SharedRedis is one server for the tests of a package, which keep apart by
// the prefixes of their keys. It starts with the first that asks; TestMain
// ends it.
type SharedRedis struct {
	once   sync.Once
	server redis
	err    error
}

// Get gives the server to a test, which must not end or pause it.
func (s *SharedRedis) Get(tb testing.TB) *RedisServer {
	tb.Helper()
	s.once.Do(func() { s.err = s.server.create(nil) })
	if s.err != nil {
		tb.Fatalf("start redis-server: %v\n%s", s.err, s.server.output())
	}
	return &RedisServer{tb, &s.server}
}

// Stop ends the server, if there is one, and removes its folder. It is for
// TestMain, after the tests.
func (s *SharedRedis) Stop() { s.server.remove() }

// redis is a server over its runs.
type redis struct {
	program string
	dir     string
	port    int
	claims  claims
	args    []string
	// sentinelOf is the port of the master that a sentinel watches at first; 0
	// for what is no sentinel.
	sentinelOf int

	mu      sync.Mutex
	running *process
}

// Addr gives the host and port.
func (r *redis) Addr() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

// URL gives the address as a URL.
func (r *redis) URL() string { return "redis://" + r.Addr() }

// Socket gives the path of the unix socket.
func (r *redis) Socket() string { return filepath.Join(r.dir, "redis.sock") }

func (r *redis) log() string { return filepath.Join(r.dir, "redis.log") }

// create makes the folder and starts the server on a port that is free. Who makes
// no claims may take the port before the server does, so it tries several.
func (r *redis) create(args []string) (err error) {
	if r.program, err = exec.LookPath("redis-server"); err != nil {
		return errors.New(installRedis)
	}
	// Not the folder of the test: its name may be too long for a unix socket.
	if r.dir, err = os.MkdirTemp("", "redis"); err != nil {
		return err
	}
	r.args = args
	for range 5 {
		if r.port, err = r.claims.port(); err != nil {
			return err
		}
		if err = r.start(); err == nil {
			return nil
		}
	}
	return err
}

func (r *redis) start() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running != nil {
		return errors.New("it is running")
	}
	args := append([]string{
		"--port", fmt.Sprint(r.port), "--bind", "127.0.0.1",
		"--unixsocket", r.Socket(), "--dir", r.dir,
		"--save", "", "--appendonly", "no",
	}, r.args...)
	if r.sentinelOf != 0 {
		config, err := r.writeSentinelConfig()
		if err != nil {
			return err
		}
		args = []string{config, "--sentinel", "--port", fmt.Sprint(r.port), "--bind", "127.0.0.1", "--dir", r.dir}
	}
	p, err := startProcess(r.log(), r.program, args...)
	if err != nil {
		return err
	}
	if err := p.until(r.ping); err != nil {
		return errors.Join(err, p.end(syscall.SIGKILL))
	}
	r.running = p
	return nil
}

// ping returns nil when the server answers and has loaded its data.
func (r *redis) ping() error {
	conn, err := net.DialTimeout("tcp", r.Addr(), time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	// A server with a password is there, too.
	if answer = strings.TrimSpace(answer); answer != "+PONG" && !strings.HasPrefix(answer, "-NOAUTH") {
		return errors.New(answer)
	}
	return nil
}

func (r *redis) signal(sig syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running == nil {
		return errors.New("it is not running")
	}
	return r.running.signal(sig)
}

func (r *redis) end(sig syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running == nil {
		return errors.New("it is not running")
	}
	// Redis refuses to end while it writes its first append-only file.
	err := r.running.endBy(sig, 200*time.Millisecond)
	r.running = nil
	return err
}

func (r *redis) remove() {
	_ = r.end(syscall.SIGKILL) // it may have ended before
	r.claims.release()
	if r.dir != "" {
		_ = os.RemoveAll(r.dir)
	}
}

func (r *redis) output() string {
	text, _ := os.ReadFile(r.log())
	return string(text)
}
