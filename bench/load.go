package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/gofiber/fiber/v3"
)

// clients is how many connections the load test keeps open.
const clients = 16

// openRate is how many requests a second arrive in the test of latencies: the
// same for all, and so few that the slowest library keeps up.
const openRate = 4000

// load is what the generator is to do. It runs in a process of its own, so that
// its memory is not the server's to collect.
type load struct {
	Address  string
	Path     string
	Cookie   string
	Duration time.Duration
	// Rate is how many requests begin in a second, whether those before them
	// are answered or not; the time of one that had to wait for its connection
	// counts from when it should have begun. 0: each connection asks again as
	// soon as it has its answer.
	Rate float64
}

// loaded is what came of it.
type loaded struct {
	PerSecond float64       `json:"per_second"`
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
}

// serve runs s behind a loopback listener while under load.
func serve(s *site, path, cookie string, d time.Duration, rate float64) (result loaded, err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return result, err
	}
	stop := serveOn(s, l)
	defer stop()
	return generate(load{l.Addr().String(), path, cookie, d, rate})
}

func serveOn(s *site, l net.Listener) (stop func()) {
	done := make(chan struct{})
	if s.Fiber != nil {
		go func() {
			defer close(done)
			_ = s.Fiber.Listener(l, fiber.ListenConfig{DisableStartupMessage: true})
		}()
		return func() {
			_ = s.Fiber.ShutdownWithTimeout(time.Second)
			<-done
		}
	}
	server := &http.Server{Handler: s.Handler}
	go func() {
		defer close(done)
		_ = server.Serve(l) // it ends with Close
	}()
	return func() {
		_ = server.Close()
		<-done
	}
}

// generate runs this program again, as the generator.
func generate(l load) (result loaded, err error) {
	program, err := os.Executable()
	if err != nil {
		return result, err
	}
	order, err := json.Marshal(l)
	if err != nil {
		return result, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.Duration+30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), generatorVariable+"="+string(order), "GOMAXPROCS=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return result, fmt.Errorf("the load generator: %w: %s", err, stderr.Bytes())
	}
	return result, json.Unmarshal(out, &result)
}
