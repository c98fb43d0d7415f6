//go:build unix

package testserver

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
)

// The ports of servers are below those that systems give to clients, any of
// which could take the port of a server that is down.
const (
	firstPort = 20_000
	portCount = 12_000
)

// portsGiven makes the port of a server that has ended the last to be given
// again, so that a test finds nobody there.
var portsGiven atomic.Uint32

// claims keep ports from the servers of other tests, and of other test binaries,
// also while their own server is down: each is the datagram socket of the same
// number.
type claims []net.PacketConn

// port claims a port that is free.
func (c *claims) port() (number int, err error) {
	begin := uint32(os.Getpid()) * 97 // other test binaries begin elsewhere
	for range portCount {
		number = firstPort + int((begin+portsGiven.Add(1))%portCount)
		if err = c.claim(number); err == nil {
			return number, nil
		}
	}
	return 0, fmt.Errorf("no port is free: %w", err)
}

func (c *claims) claim(number int) error {
	address := fmt.Sprintf("127.0.0.1:%d", number)
	socket, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	// Who is no test server makes no claims.
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return errors.Join(err, socket.Close())
	}
	*c = append(*c, socket)
	return listener.Close()
}

func (c *claims) release() {
	for _, socket := range *c {
		_ = socket.Close()
	}
	*c = nil
}
