package testserver

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy stands between clients and a server. It counts what the clients ask, and
// can hold back what the server answers and cut connections. Its methods are safe
// for concurrent use.
type Proxy struct {
	target   string
	read     func(from *bufio.Reader, to *bytes.Buffer) (name string, err error)
	listener net.Listener
	tasks    sync.WaitGroup

	commands   atomic.Int64
	roundTrips atomic.Int64

	mu     sync.Mutex
	closed bool
	links  map[*link]struct{}
	pass   chan struct{} // closed while answers pass
}

// link is one connection of a client, and the one to the server for it.
type link struct {
	client, server net.Conn
	cut            chan struct{} // closed when the link is
	once           sync.Once
}

func (l *link) close() {
	l.once.Do(func() {
		close(l.cut)
		_ = l.client.Close()
		_ = l.server.Close()
	})
}

// NewProxy makes a Proxy in front of target, the host and port of a Redis
// server. It ends with the test.
func NewProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	return newProxy(tb, target, readCommand)
}

// NewPlainProxy is NewProxy for a server of any kind. It knows nothing of what
// goes through it: all that arrives at once is one command.
func NewPlainProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	return newProxy(tb, target, readAvailable)
}

func newProxy(tb testing.TB, target string, read func(*bufio.Reader, *bytes.Buffer) (string, error)) *Proxy {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("start a proxy: %v", err)
	}
	p := &Proxy{target: target, read: read, listener: listener, links: make(map[*link]struct{}), pass: make(chan struct{})}
	close(p.pass)
	p.tasks.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

// Addr gives the host and port for clients.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL gives the address as a URL.
func (p *Proxy) URL() string { return "redis://" + p.Addr() }

// Commands gives how many commands clients have sent so far. PING is not
// counted, as clients send it by themselves to watch a connection; what they
// send to greet the server is.
func (p *Proxy) Commands() int64 { return p.commands.Load() }

// RoundTrips gives how many times clients have sent something, but for the
// greeting of a new connection and PING: commands that arrive together count
// once, commands that are sent when the answer to others is there count again.
// It tells the round trips of one caller at a time; those of several at once may
// arrive together.
func (p *Proxy) RoundTrips() int64 { return p.roundTrips.Load() }

// Stall holds back everything that the server answers. What clients ask still
// reaches it.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.pass:
		p.pass = make(chan struct{})
	default: // it is stalled
	}
}

// Resume ends a Stall: what was held back goes on.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.pass:
	default:
		close(p.pass)
	}
}

// Cut closes the connections that are open; answers that are held back are
// lost. New connections are accepted.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
	}
}

// CutMidway cuts the connections while answers are held back: when clients have
// sent n commands more, or soon, as some send nothing before they are greeted.
func (p *Proxy) CutMidway(n int64) {
	p.Stall()
	defer p.Resume()
	late, tick := time.After(time.Second/2), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for before := p.Commands(); p.Commands() < before+n; {
		select {
		case <-tick.C:
			continue
		case <-late:
		}
		break
	}
	p.Cut()
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Cut()
	p.tasks.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		l := &link{client: client, server: server, cut: make(chan struct{})}
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			l.close()
			return
		}
		p.links[l] = struct{}{}
		p.tasks.Go(func() { p.requests(l); p.drop(l) })
		p.tasks.Go(func() { p.answers(l); p.drop(l) })
		p.mu.Unlock()
	}
}

func (p *Proxy) drop(l *link) {
	l.close()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

func (p *Proxy) requests(l *link) {
	r := bufio.NewReaderSize(l.client, 1<<16)
	var batch bytes.Buffer
	counts := false
	for {
		name, err := p.read(r, &batch)
		if err != nil {
			return
		}
		switch strings.ToUpper(name) {
		case "PING":
		case "HELLO", "CLIENT": // a new connection, which a client may make for any command
			p.commands.Add(1)
		default:
			p.commands.Add(1)
			counts = true
		}
		if r.Buffered() > 0 {
			continue
		}
		if counts {
			p.roundTrips.Add(1)
		}
		if _, err := l.server.Write(batch.Bytes()); err != nil {
			return
		}
		batch.Reset()
		counts = false
	}
}

func (p *Proxy) answers(l *link) {
	chunk := make([]byte, 1<<16)
	for {
		n, err := l.server.Read(chunk)
		if err != nil {
			return
		}
		p.mu.Lock()
		pass := p.pass
		p.mu.Unlock()
		select {
		case <-pass:
		case <-l.cut:
			return
		}
		if _, err := l.client.Write(chunk[:n]); err != nil {
			return
		}
	}
}

// readAvailable copies what has arrived.
func readAvailable(r *bufio.Reader, w *bytes.Buffer) (name string, err error) {
	if _, err := r.Peek(1); err != nil {
		return "", err
	}
	_, err = io.CopyN(w, r, int64(r.Buffered()))
	return "", err
}

// readCommand copies one command, an array of bulk strings, from r to w and
// returns its first word.
func readCommand(r *bufio.Reader, w *bytes.Buffer) (name string, err error) {
	words, err := readHeader(r, w, '*')
	if err != nil {
		return "", err
	}
	for i := range words {
		size, err := readHeader(r, w, '$')
		if err != nil {
			return "", err
		}
		start := w.Len()
		if _, err := io.CopyN(w, r, int64(size)+2); err != nil {
			return "", err
		}
		if i == 0 {
			name = string(w.Bytes()[start : start+size])
		}
	}
	return name, nil
}

// readHeader copies a line such as *3 or $5 and returns its number.
func readHeader(r *bufio.Reader, w *bytes.Buffer, kind byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	w.WriteString(line)
	if len(line) < 3 || line[0] != kind {
		return 0, fmt.Errorf("a line that begins with %c was expected", kind)
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("a line without a number")
	}
	return n, nil
}
