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
	"slices"
	"time"

	"github.com/gofiber/fiber/v3"
)

// clients is how many connections the load test keeps open.
const clients = 16

// openRate is how many requests a second arrive in the test of latencies: the
// same for all, and so few that the slowest library keeps up.
const openRate = 4000

// overLoopback are the libraries of the load test.
var overLoopback = []string{
	bareHandler, bareGin, bareFiber, rueidisDoCache, rueidisGet, rueidisOwn, oursMemory, oursNear, oursRedis,
	scsMemory, scsRedigo, scsGoRedis, gorillaRedis, ginRedis, fiberRedis,
}

// load measures requests over HTTP.
func (m *measuring) load() []step {
	for _, name := range overLoopback {
		m.results.HTTP = append(m.results.HTTP, httpFigures{Library: name})
	}
	return inTurn(m.Rounds, pointers(m.results.HTTP), func(f *httpFigures) step {
		return step{"over HTTP: " + f.Library, m.Closed.Seconds() + m.Open.Seconds() + 0.1, func() error { return m.underLoad(f) }}
	})
}

// underLoad adds what a library does over HTTP. The site is opened anew for each
// kind of load, as that of fiber cannot be served twice.
func (m *measuring) underLoad(f *httpFigures) error {
	l := libraryNamed(f.Library)
	sc := l.overHTTP()
	err := m.visit(l, clients, func(s *site, cookies []string) error {
		closed, err := serve(s, sc.path(), cookies, m.Closed, 0)
		f.PerSecond = append(f.PerSecond, closed.PerSecond)
		return err
	})
	if err != nil {
		return err
	}
	return m.visit(l, clients, func(s *site, cookies []string) error {
		open, err := serve(s, sc.path(), cookies, m.Open, openRate)
		f.P50Micros = append(f.P50Micros, micros(open.P50))
		f.P99Micros = append(f.P99Micros, micros(open.P99))
		f.LateP50Micros = append(f.LateP50Micros, micros(open.LateP50))
		f.LateP99Micros = append(f.LateP99Micros, micros(open.LateP99))
		return err
	})
}

// overHTTP is the scenario of the load test: S3, where the library has it.
func (l library) overHTTP() scenario {
	if slices.Contains(l.Scenarios, s3) {
		return s3
	}
	return s2
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

// load is what the generator is to do. It runs in a process of its own, so that
// its memory is not the server's to collect.
type load struct {
	Address  string
	Path     string
	Cookies  []string // one for each connection
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
	// LateP50 and LateP99 are how much later than by the clock the generator
	// itself began requests.
	LateP50 time.Duration `json:"late_p50_ns"`
	LateP99 time.Duration `json:"late_p99_ns"`
}

// serve runs s behind a loopback listener while under load.
func serve(s *site, path string, cookies []string, d time.Duration, rate float64) (result loaded, err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return result, err
	}
	stop := serveOn(s, l)
	defer stop()
	return generate(load{l.Addr().String(), path, cookies, d, rate})
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
	// Each connection can have its thread at once, and there is one for the rest.
	cmd.Env = append(os.Environ(), generatorVariable+"="+string(order), fmt.Sprintf("GOMAXPROCS=%d", len(l.Cookies)+1))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return result, fmt.Errorf("the load generator: %w: %s", err, stderr.Bytes())
	}
	return result, json.Unmarshal(out, &result)
}
