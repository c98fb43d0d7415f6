//go:build unix

package testserver_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/internal/testserver"
)

// client is a connection through a proxy.
type client struct {
	net.Conn
	answers *bufio.Reader
}

func connect(t *testing.T, p *testserver.Proxy) *client {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{conn, bufio.NewReader(conn)}
}

// send sends commands at once, each a few words.
func (c *client) send(t *testing.T, commands ...string) {
	t.Helper()
	var b strings.Builder
	for _, command := range commands {
		words := strings.Fields(command)
		fmt.Fprintf(&b, "*%d\r\n", len(words))
		for _, word := range words {
			fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
		}
	}
	if _, err := c.Write([]byte(b.String())); err != nil {
		t.Fatal(err)
	}
}

func (c *client) answer(patience time.Duration) (string, error) {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	line, err := c.answers.ReadString('\n')
	return strings.TrimSpace(line), err
}

func (c *client) mustAnswer(t *testing.T, want ...string) {
	t.Helper()
	for _, want := range want {
		if got, err := c.answer(10 * time.Second); err != nil || got != want {
			t.Fatalf("answer %q, error %v, want %q", got, err, want)
		}
	}
}

func TestAProxyCountsCommandsAndRoundTrips(t *testing.T) {
	t.Parallel()
	p := testserver.NewProxy(t, testserver.Redis(t).Addr())
	c := connect(t, p)
	counted := func(commands, roundTrips int64) {
		t.Helper()
		if p.Commands() != commands || p.RoundTrips() != roundTrips {
			t.Fatalf("%d commands in %d round trips, want %d in %d", p.Commands(), p.RoundTrips(), commands, roundTrips)
		}
	}
	counted(0, 0)
	c.send(t, "INCR n")
	c.mustAnswer(t, ":1")
	counted(1, 1)
	c.send(t, "INCR n", "INCR n", "INCR n")
	c.mustAnswer(t, ":2", ":3", ":4")
	counted(4, 2)
	c.send(t, "PING")
	c.mustAnswer(t, "+PONG")
	counted(4, 2)
	c.send(t, "PING", "INCR n")
	c.mustAnswer(t, "+PONG", ":5")
	counted(5, 3)
	// Much more than the buffers hold.
	c.send(t, "SET big "+strings.Repeat("x", 1<<20))
	c.mustAnswer(t, "+OK")
	counted(6, 4)
	other := connect(t, p)
	other.send(t, "STRLEN big")
	other.mustAnswer(t, ":1048576")
	counted(7, 5)
}

func TestAStalledProxyHoldsAnswersBack(t *testing.T) {
	t.Parallel()
	s := testserver.Redis(t)
	p := testserver.NewProxy(t, s.Addr())
	c := connect(t, p)
	p.Stall()
	p.Stall() // once more changes nothing
	c.send(t, "INCR n")
	if answer, err := c.answer(50 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("answer %q, error %v, want none", answer, err)
	}
	mustAsk(t, s.Addr(), "GET n", "$1") // the server has done it
	p.Resume()
	p.Resume()
	c.mustAnswer(t, ":1")
}

func TestACutLosesAnswersAndNewConnectionsWork(t *testing.T) {
	t.Parallel()
	p := testserver.NewProxy(t, testserver.Redis(t).Addr())
	c := connect(t, p)
	p.Stall()
	c.send(t, "INCR n")
	testkit.Eventually(t, func() error {
		if p.Commands() == 0 {
			return errors.New("the command has not arrived")
		}
		return nil
	})
	p.Cut()
	p.Resume()
	if answer, err := c.answer(10 * time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("answer %q, error %v, want the end of the connection", answer, err)
	}
	other := connect(t, p)
	other.send(t, "PING")
	other.mustAnswer(t, "+PONG")
}

func TestAProxyEndsAConnectionThatDoesNotSpeakTheProtocol(t *testing.T) {
	t.Parallel()
	p := testserver.NewProxy(t, testserver.Redis(t).Addr())
	for _, text := range []string{"PING\r\n", "*x\r\n", "*-1\r\n", "*1\r\n+PING\r\n", "\n"} {
		c := connect(t, p)
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if answer, err := c.answer(10 * time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: answer %q, error %v, want the end of the connection", text, answer, err)
		}
	}
}
