package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
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
	times := make([][]time.Duration, len(l.Cookies))
	errs := make([]error, len(l.Cookies))
	begin := time.Now()
	from, until := begin.Add(l.Duration/5), begin.Add(l.Duration)
	var all sync.WaitGroup
	for i := range l.Cookies {
		all.Go(func() { times[i], errs[i] = l.connection(i, begin, from, until) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return loaded{}, err
	}
	var merged []time.Duration
	for _, t := range times {
		merged = append(merged, t...)
	}
	return loaded{
		PerSecond: float64(len(merged)) / until.Sub(from).Seconds(),
		P50:       percentile(merged, 0.50),
		P99:       percentile(merged, 0.99),
	}, nil
}

// connection asks over one connection until the end and returns how long each
// request took that began after from.
func (l load) connection(n int, begin, from, until time.Time) (times []time.Duration, err error) {
	conn, err := net.Dial("tcp", l.Address)
	if err != nil {
		return nil, err
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
		if l.Rate > 0 {
			time.Sleep(time.Until(due))
		} else {
			due = time.Now()
		}
		if !due.Before(until) {
			return times, nil
		}
		if _, err := io.WriteString(conn, request); err != nil {
			return nil, err
		}
		if err := readAnswer(answers); err != nil {
			return nil, err
		}
		if !due.Before(from) {
			times = append(times, time.Since(due))
		}
		due = due.Add(every)
	}
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
