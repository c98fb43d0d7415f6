package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// generatorVariable holds the load of a process that is to be the generator.
const generatorVariable = "SESSIONS_BENCH_LOAD"

// runAsGenerator says whether this process is the generator, and is it.
func runAsGenerator() bool {
	order := os.Getenv(generatorVariable)
	if order == "" {
		return false
	}
	var l load
	err := json.Unmarshal([]byte(order), &l)
	if err == nil {
		var result loaded
		if result, err = l.run(); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(result)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// run makes the load. The first fifth of the time warms up and does not count.
func (l load) run() (loaded, error) {
	connections := make([]connection, len(l.Cookies))
	errs := make([]error, len(l.Cookies))
	begin := time.Now()
	from, until := begin.Add(l.Duration/5), begin.Add(l.Duration)
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() { errs[i] = connections[i].run(l, i, begin, from, until) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return loaded{}, err
	}
	var times, late []time.Duration
	for _, c := range connections {
		times = append(times, c.times...)
		late = append(late, c.late...)
	}
	return loaded{
		PerSecond: float64(len(times)) / until.Sub(from).Seconds(),
		P50:       percentile(times, 0.50),
		P99:       percentile(times, 0.99),
		LateP50:   percentile(late, 0.50),
		LateP99:   percentile(late, 0.99),
	}, nil
}

// connection is what came of one.
type connection struct {
	times []time.Duration // of the requests that began after from
	late  []time.Duration // how much too late they began, where the connection was free before
}

// run asks over the nth connection until the end. It has a thread to itself,
// which sleeps and reads in the kernel: the scheduler of goroutines would add to
// what is measured.
func (c *connection) run(l load, n int, begin, from, until time.Time) error {
	runtime.LockOSThread()
	ownThread()
	conn, err := dial(l.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	request := "GET " + l.Path + " HTTP/1.1\r\nHost: example.com\r\nCookie: " + l.Cookies[n] + "\r\n\r\n"
	answers := bufio.NewReader(conn)
	due := begin
	var every time.Duration
	if l.Rate > 0 {
		every = time.Duration(float64(len(l.Cookies)) / l.Rate * float64(time.Second))
		due = due.Add(every * time.Duration(n) / time.Duration(len(l.Cookies)))
	}
	for {
		now := time.Now()
		if l.Rate == 0 {
			due = now
		}
		if !due.Before(until) {
			return nil
		}
		counts := !due.Before(from)
		if now.Before(due) {
			sleepUntil(due)
			if counts {
				c.late = append(c.late, time.Since(due))
			}
		}
		if _, err := io.WriteString(conn, request); err != nil {
			return err
		}
		if err := readAnswer(answers); err != nil {
			return err
		}
		if counts {
			c.times = append(c.times, time.Since(due))
		}
		due = due.Add(every)
	}
}

// dial connects. What it returns blocks the thread that reads it.
func dial(address string) (*os.File, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close() // the file is another one, of the same connection
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		return nil, err
	}
	file.Fd() // makes it block
	return file, nil
}

// readAnswer reads one answer with a Content-Length. One that is not 200 is an
// error.
func readAnswer(r *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		switch {
		case first:
			if !strings.HasPrefix(string(line), "HTTP/1.1 200 ") {
				return fmt.Errorf("the server answered %q", line)
			}
		case len(line) == 2:
			if length < 0 {
				return errors.New("the server answered without a length")
			}
			_, err := r.Discard(length)
			return err
		case len(line) > 15 && (line[0] == 'C' || line[0] == 'c') && strings.EqualFold(string(line[:15]), "content-length:"):
			if length, err = strconv.Atoi(strings.TrimSpace(string(line[15:]))); err != nil {
				return err
			}
		}
	}
}
