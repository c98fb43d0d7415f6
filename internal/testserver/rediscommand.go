//go:build unix

package testserver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Command runs a command on the server and returns its answer: of an array, the
// first element.
func (s *RedisServer) Command(words ...string) (string, error) { return s.command(words...) }

func (r *redis) command(words ...string) (string, error) {
	answer, err := r.commandList(words...)
	if err != nil || len(answer) == 0 {
		return "", err
	}
	return answer[0], nil
}

// commandList runs a command on a connection of its own and returns the
// elements of its answer, those that are arrays left out.
func (r *redis) commandList(words ...string) ([]string, error) {
	conn, err := net.DialTimeout("tcp", r.Addr(), time.Second)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(conn, b.String()); err != nil {
		return nil, err
	}
	answer, err := readAnswer(bufio.NewReader(conn))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(words[:min(2, len(words))], " "), err)
	}
	return answer, nil
}

func readAnswer(r *bufio.Reader) ([]string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	kind, text := line[0], strings.TrimSpace(line[1:])
	switch kind {
	case '+', ':':
		return []string{text}, nil
	case '-':
		return nil, errors.New(text)
	case '$':
		size, err := strconv.Atoi(text)
		if err != nil || size < 0 {
			return nil, err
		}
		content := make([]byte, size+2)
		if _, err := io.ReadFull(r, content); err != nil {
			return nil, err
		}
		return []string{string(content[:size])}, nil
	case '*':
		count, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		var all []string
		for range count {
			one, err := readAnswer(r)
			if err != nil {
				return nil, err
			}
			if len(one) == 1 {
				all = append(all, one[0])
			}
		}
		return all, nil
	}
	return nil, fmt.Errorf("an answer that begins with %q", kind)
}

// AwaitReplicas returns when n replicas have all that the server has answered
// so far.
func (s *RedisServer) AwaitReplicas(n int) {
	s.tb.Helper()
	s.must("wait for the replicas of", within(patience, func() error {
		conn, err := net.DialTimeout("tcp", s.Addr(), time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		// WAIT is for what was there when the command before it came.
		if _, err := fmt.Fprintf(conn, "PING\r\nWAIT %d 1000\r\n", n); err != nil {
			return err
		}
		r := bufio.NewReader(conn)
		if _, err := readAnswer(r); err != nil {
			return err
		}
		got, err := readAnswer(r)
		if err != nil {
			return err
		}
		if count, err := strconv.Atoi(got[0]); err != nil || count < n {
			return fmt.Errorf("%s of %d are up to date", got[0], n)
		}
		return nil
	}))
}
