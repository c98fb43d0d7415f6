package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	pproffile "github.com/google/pprof/profile"
	"github.com/valyala/fasthttp"

	"github.com/fxsession/sessions/bench/scale"
	"github.com/fxsession/sessions/internal/testserver"
)

func TestMain(m *testing.M) {
	if runAsGenerator() { // the tests generate load, too
		return
	}
	os.Exit(m.Run())
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of   []float64
		want float64
	}{{[]float64{7}, 7}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5}, {[]float64{1, 1, 1, 1, 1000}, 1}} {
		if got := median(c.of); got != c.want {
			t.Errorf("the median of %v is %v, want %v", c.of, got, c.want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %v", got)
	}
	runs := []float64{3, 1, 2}
	if median(runs); runs[0] != 3 {
		t.Error("median changes the order of the runs")
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	var all []time.Duration
	for i := 100; i > 0; i-- {
		all = append(all, time.Duration(i))
	}
	for p, want := range map[float64]time.Duration{0.5: 50, 0.99: 99, 1: 100, 0: 1} {
		if got := percentile(all, p); got != want {
			t.Errorf("percentile %v is %d, want %d", p, got, want)
		}
	}
	if percentile(nil, 0.5) != 0 {
		t.Error("the percentile of nothing is not 0")
	}
}

func TestFiguresAreWrittenForPeople(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		duration(36.24): "36 ns", duration(999.7): "1.0 µs", duration(8312): "8.3 µs", duration(123_456): "120 µs", duration(28.4e6): "28 ms", duration(2e9): "2.0 s", duration(0): "0.0 ns",
		duration(math.NaN()): none, count(1234567.4): "1,234,567", count(999): "999", count(0): "0", count(-1234): "-1,234",
		large(999): "999 B", large(3.56e8): "356 MB", large(3.56e11): "356 GB", large(5e12): "5.00 TB", large(math.NaN()): none,
		times(9.996): "10x", times(0.938): "0.94x", times(math.NaN()): none, digits(0.0217, 2): "0.022", perSecondOf(49_639): "50,000",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestDurationsInWords(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		14 * 24 * time.Hour: "14 days", 24 * time.Hour: "24 h", 12 * time.Hour: "12 h", 5 * time.Minute: "5 min", time.Minute: "60 s", 20 * time.Second: "20 s",
	} {
		if got := inWords(d); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Nodes are counted where all that they are counted from was measured.
func TestNodesAreCountedFromWhatWasMeasured(t *testing.T) {
	t.Parallel()
	figures := redisFigures{Library: oursRedisSignedIn, Bytes: []float64{1000}, Micros: map[scenario][]float64{s3: {5}, s5: {20}, s6: {50}}}
	r := &results{
		Redis:  []redisFigures{figures},
		Memory: []memoryFigures{{Library: oursMemorySignedIn, HeapUpdated: []float64{900}}},
		Simulations: []simulated{
			{Setting: people(), Outcome: scale.Outcome{Upkeep: 0.1, Logins: 0.01}},
			{Setting: near(1, false), Outcome: scale.Outcome{CacheHits: 0.5}},
		},
	}
	if got := nodesTable(r); got != "Not measured." {
		t.Errorf("without a cluster:\n%s", got)
	}
	r.Cluster = figures
	// 1e6 × 0.3 × 30 requests a day, and three times the mean of that at the peak;
	// 1.1 calls a request, of which half of 0.99 × 0.9 are answered near.
	if got, want := nodesTable(r), "| 1,000,000 | 1.00 GB | 313 | 1 | 344 | 1 | 1 | 1 | 205 | – | 900 MB |"; !strings.Contains(got, want) {
		t.Errorf("%s is not in\n%s", want, got)
	}
}

func TestTheSpreadOfRounds(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		withSpread(duration, []float64{105e3, 63e3, 121e3}):  "110 µs (63–120 µs)",
		withSpread(duration, []float64{950, 830, 1100}):      "950 ns (830 ns–1.1 µs)",
		withSpread(count, []float64{49_000, 48_000, 51_000}): "49,000 (48,000–51,000)",
		withSpread(duration, []float64{105e3}):               "110 µs",
		withSpread(duration, nil):                            none,
		medianOf(duration, []float64{105e3, 63e3, 121e3}):    "110 µs",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	got := spreadTable(&results{HTTP: []httpFigures{
		{Library: "a", PerSecond: []float64{100, 90, 110}}, {Library: "b", PerSecond: []float64{100, 50, 150}}, {Library: "c", PerSecond: []float64{100, 70, 110}},
	}})
	if want := "| requests/s over HTTP | 3 | 40 % | 100 % | b |\n"; !strings.HasSuffix(got, want) || strings.Count(got, "\n") != 3 {
		t.Errorf("%s\nwant nothing but %s", got, want)
	}
}

// loop gives a caller of f.
func loop(f func()) *caller {
	return newCaller(&site{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { f() })}, "/", "a=b", false)
}

func TestTimedTakesTheTimeOfOneRequest(t *testing.T) {
	t.Parallel()
	const pause = 2 * time.Millisecond
	calls, begin := 0, time.Now()
	nanos, err := timed(loop(func() { calls++; <-time.After(pause) }), 20*time.Millisecond)
	all := float64(time.Since(begin))
	if total := nanos * float64(calls); err != nil || nanos < float64(pause) || total > all || total < all/2 {
		t.Errorf("%v ns, %d times, in %v ns: %v", nanos, calls, all, err)
	}
}

func TestAllocationsAreCounted(t *testing.T) { // not parallel: it counts what the whole process allocates
	var keep []byte
	base, _, err := counted(loop(func() {}), 1000)
	if err != nil {
		t.Fatal(err)
	}
	allocations, size, err := counted(loop(func() { keep = make([]byte, 1000); _ = bytes.Clone(keep) }), 1000)
	if err != nil || allocations-base != 2 || size < 2000 {
		t.Errorf("%v allocations of %v bytes above %v, %v; want 2", allocations, size, base, err)
	}
}

func TestACallerAllocatesNothing(t *testing.T) { // not parallel: it counts what the whole process allocates
	cookie := []string{"session=a-new-one; Path=/"}
	plain := &site{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header()["Set-Cookie"] = cookie })}
	call, current := fiberCall(func(c *fasthttp.RequestCtx) { c.Response.Header.Set("Set-Cookie", cookie[0]) }, "/", "session=old")
	for name, c := range map[string]*caller{
		"net/http": newCaller(plain, "/", "session=old", true),
		"fasthttp": {call, current, true},
	} {
		if allocations, _, err := counted(c, 1000); err != nil || allocations != 0 {
			t.Errorf("%s: %v allocations, %v", name, allocations, err)
		}
		if got := c.cookie(); got != "session=a-new-one" {
			t.Errorf("%s: the cookie is %q", name, got)
		}
	}
}

// A line for each goal: met, missed, or not measured, and never met by chance
// because a figure is missing.
func TestGoals(t *testing.T) {
	t.Parallel()
	empty := goalTable(&results{})
	if strings.Contains(empty, "| met |") || strings.Contains(empty, "missed") {
		t.Errorf("without figures:\n%s", empty)
	}
	r := &results{Requests: []requestFigures{
		{Library: oursMemory, Scenario: s3, Nanos: []float64{1002}, Allocations: 16},
		{Library: scsMemory, Scenario: s3, Nanos: []float64{10_000}},
		{Library: oursRedis, Scenario: s5, Nanos: []float64{100}, RoundTrips: 1},
		{Library: scsRedigo, Scenario: s5, Nanos: []float64{1000}},
		{Library: scsGoRedis, Scenario: s5, Nanos: []float64{170, 180, 500}},
		{Library: rueidisOwn, Scenario: s3, Nanos: []float64{150}},
	}, Profiles: []profileFigures{
		{Library: oursRedis, Scenario: s5, Areas: []area{{"system calls", .5}, {"store", .3}, {"JSON", .15}, {"net/http", .05}}},
		{Library: oursNear, Scenario: s3, HTTP: true, Areas: []area{{"net/http", 1}}},
	}, HTTP: []httpFigures{
		{Library: oursNear, PerSecond: []float64{80}}, {Library: rueidisDoCache, PerSecond: []float64{100}},
	}}
	got := goalTable(r)
	for _, line := range []string{
		"| S3, memory | >= 10x faster than scs | 10x | met |", // what is compared is what is shown
		"| S3, memory | <= 15 allocations | 16 allocations | **missed** |",
		"| S5, Redis | one round trip | 1 | met |",
		"| S5, Redis | >= 1.9x faster than scs | 1.8x | **missed** |", // against the faster of the two
	} {
		if !strings.Contains(got, line) {
			t.Errorf("%s is not in\n%s", line, got)
		}
	}
	if m := missed(r); strings.Count(m, "\n- ") != 3 || !strings.HasSuffix(m, ": 0.80x, where the goal is >= 0.85 x rueidis DoCache. The server's processor: net/http 100 %.") || !strings.Contains(m, ": 16 allocations, where the goal is <= 15 allocations.\n") || !strings.Contains(m, ": 1.8x, where the goal is >= 1.9x faster than scs. "+
		"scs takes 180 ns; a bare GET over its own connection takes 150 ns, 1.2x faster. "+
		"The processor's time: system calls 50 %, store 30 %, JSON 15 %.") {
		t.Errorf("missed: %s", m)
	}
}

func TestWherePeersAreFasterIsSaid(t *testing.T) {
	t.Parallel()
	r := &results{Requests: []requestFigures{
		{Library: oursRedis, Scenario: s7, Nanos: []float64{120e3}},
		{Library: scsRedigo, Scenario: s7, Nanos: []float64{80e3}},
		{Library: scsGoRedis, Scenario: s7, Nanos: []float64{119.9e3}}, // the same, to two digits
		{Library: scsMemory, Scenario: s7, Nanos: []float64{7e3}},      // in another place
		{Library: oursRedis, Scenario: s3, Nanos: []float64{30e3}},
		{Library: rueidisOwn, Scenario: s3, Nanos: []float64{20e3}}, // a floor
	}}
	if got, want := behind(r), "- S7: fxsession, redis takes 120 µs; scs, redigo 80 µs.\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	r.Requests = r.Requests[2:]
	if got := behind(r); got != "Nowhere, in this run." {
		t.Errorf("%q", got)
	}
}

func TestFillReplacesWhatIsBetweenItsComments(t *testing.T) {
	t.Parallel()
	text := "a\n<!-- bench: x -->\nold\n<!-- /bench -->\nb\n<!-- bench: y -->\n<!-- /bench -->\nc\n"
	want := "a\n<!-- bench: x -->\n\nnew\n\n<!-- /bench -->\nb\n<!-- bench: y -->\n\n1\n2\n\n<!-- /bench -->\nc\n"
	for range 2 { // the second time changes nothing
		var err error
		if text, err = fill(text, map[string]string{"x": "new\n", "y": "1\n2"}); err != nil || text != want {
			t.Fatalf("%v:\n%s", err, text)
		}
	}
	for _, bad := range []string{"", "<!-- bench: x -->\n", "<!-- bench: x -->\n<!-- /bench --><!-- bench: x -->\n<!-- /bench -->"} {
		if _, err := fill(bad, map[string]string{"x": ""}); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

// What is published is what the last run found.
func TestDocumentsAndChartsShowTheLastRun(t *testing.T) {
	t.Parallel()
	r, err := readResults(filepath.Join("results", "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	docs, report := t.TempDir(), t.TempDir()
	for _, name := range []string{"performance.md", "scale.md"} {
		text, err := os.ReadFile(filepath.Join("..", "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(docs, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeDocuments(r, docs); err != nil {
		t.Fatal(err)
	}
	if err := writeReport(r, report); err != nil {
		t.Fatal(err)
	}
	for written, published := range map[string]string{docs: filepath.Join("..", "docs"), report: "results"} {
		files, err := os.ReadDir(written)
		if err != nil || len(files) == 0 {
			t.Fatalf("nothing was written: %v", err)
		}
		for _, file := range files {
			if textOf(filepath.Join(written, file.Name())) != textOf(filepath.Join(published, file.Name())) {
				t.Errorf("%s is not what results.json says: go run -C bench . -render", file.Name())
			}
		}
	}
}

func TestProgressSaysHowMuchIsLeft(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out, false, 100)
	p.now = func() time.Time { return p.began.Add(30 * time.Second) }
	p.step(50, "half")
	if line := out.String(); !strings.Contains(line, " 50 %  30s left  half") || strings.Count(line, "#") != 15 {
		t.Errorf("%q", line)
	}
	out.Reset()
	p.step(1, "a little more") // not worth a line
	p.step(100, "too much")
	if line := out.String(); strings.Contains(line, "little") || !strings.Contains(line, "100 %  0s left") {
		t.Errorf("%q", line)
	}
}

func TestTheTimeOfASampleGoesToItsInnermostArea(t *testing.T) {
	t.Parallel()
	sample := func(value int64, functions ...string) *pproffile.Sample {
		s := &pproffile.Sample{Value: []int64{1, value}}
		for _, f := range functions {
			s.Location = append(s.Location, &pproffile.Location{Line: []pproffile.Line{{Function: &pproffile.Function{Name: f}}}})
		}
		return s
	}
	got := byArea(&pproffile.Profile{Sample: []*pproffile.Sample{
		sample(60, "runtime.memclr", "runtime.mallocgc", "encoding/json.Marshal", "github.com/fxsession/sessions/session.encode"),
	}}, &pproffile.Profile{Sample: []*pproffile.Sample{
		sample(30, "memmove", "github.com/fxsession/sessions/store/memstore.(*Store).Load", "github.com/fxsession/sessions/session.(*Session).load"),
		sample(10, "something.of.another.kind"),
	}})
	want := []area{{"allocation and garbage collection", 0.6}, {"store", 0.3}, {otherArea, 0.1}}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%v, want %v", got[i], want[i])
		}
	}
}

func TestRoundTripsAreCountedOnTheWire(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	proxy := testserver.NewPlainProxy(t, server.Addr())
	for name, want := range map[string]float64{rueidisGet: 1, rueidisOwn: 1, rueidisDoCache: 0, scsRedigo: 1, gorillaRedis: 2, oursRedis: 1} {
		if got, err := roundTrips(libraryNamed(name), s3, proxy); err != nil || got != want {
			t.Errorf("%s: %v round trips, %v; want %v", name, got, err, want)
		}
	}
}

func TestAServerThatDoesNotStartIsAnError(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := startServers(); err == nil || !strings.Contains(err.Error(), "redis-server is not installed") {
		t.Errorf("%v", err)
	}
}

// A handler that takes its time bounds what 16 connections can ask, and the
// wait for a connection shows only where requests begin by the clock.
func TestTheGenerator(t *testing.T) {
	t.Parallel()
	const pause = 20 * time.Millisecond
	s := &site{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(pause)
		answer(w, nil)
	})}
	cookies := slices.Repeat([]string{"a=b"}, clients)
	closed, err := serve(s, "/", cookies, 600*time.Millisecond, 0)
	if err != nil {
		t.Fatal(err)
	}
	if most := clients / pause.Seconds(); closed.PerSecond > 1.1*most || closed.PerSecond == 0 || closed.P50 < pause {
		t.Errorf("closed: %+v, at most %v a second are possible", closed, most)
	}
	// Twice what the server can do: the longer it lasts, the longer the wait.
	open, err := serve(s, "/", cookies, 600*time.Millisecond, 2*clients/pause.Seconds())
	if err != nil {
		t.Fatal(err)
	}
	if open.P99 < 5*pause || open.LateP50 > open.P50 {
		t.Errorf("open: %+v although requests pile up", open)
	}
	failing := &site{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) })}
	if _, err := serve(failing, "/", cookies, 50*time.Millisecond, 0); err == nil || !strings.Contains(err.Error(), "418") {
		t.Errorf("a server that answers 418: %v", err)
	}
}

func TestEveryKindOfSiteIsServed(t *testing.T) {
	t.Parallel()
	for _, l := range []library{ours()[0], fiberLibraries()[0]} {
		err := visit(l, "", clients, func(s *site, cookies []string) error {
			listener, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				return err
			}
			defer serveOn(s, listener)()
			got, err := load{listener.Addr().String(), "/S4", cookies, 50 * time.Millisecond, 0}.run()
			if err == nil && got.PerSecond == 0 {
				t.Errorf("%s answered nothing", l.Name)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", l.Name, err)
		}
	}
}

func TestAnswersOfServers(t *testing.T) {
	t.Parallel()
	for text, wrong := range map[string]string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\nok": "",
		"HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n":                       "",
		"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n":                      "500",
		"HTTP/1.1 200 OK\r\n\r\n":                                           "without a length",
		"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n":                      "invalid syntax",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok":                    "EOF",
		"": "EOF",
	} {
		err := readAnswer(bufio.NewReader(strings.NewReader(text)))
		if (err == nil) != (wrong == "") || err != nil && !strings.Contains(err.Error(), wrong) {
			t.Errorf("%q: %v, want %q", text, err, wrong)
		}
	}
}

func TestACrowdIsWeighedAndSwept(t *testing.T) { // not parallel: it looks at the heap of the whole process
	for _, c := range crowds() {
		sessions := 20_000 / max(c.Fewer, 1)
		w, err := weigh(c, sessions)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		for _, u := range []usage{w.fresh, w.updated} {
			if u.bytes < 100 || u.bytes > 2000 || u.objects <= 0 || u.objects > 40 || w.collection <= 0 {
				t.Errorf("%s: %+v", c.Name, w)
			}
		}
		if c.Name != oursMemory { // fiber takes ten seconds, and scs has a data race when it is closed
			continue
		}
		if s, err := stalls(c, sessions, w.took); err != nil || s.sweeping <= 0 || s.control <= 0 || s.took <= 0 {
			t.Errorf("%s: %+v, %v", c.Name, s, err)
		}
	}
}

// What expires is the tenth that nobody reads, and a sweep removes it.
func TestOurCrowdLosesATenth(t *testing.T) {
	t.Parallel()
	c, err := crowdOurs(0)
	if err != nil {
		t.Fatal(err)
	}
	err = putAll(c, 1000, func(n int) time.Duration {
		if expires(n) {
			return time.Millisecond
		}
		return time.Hour
	})
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for c.reader(990)() == nil && time.Now().Before(deadline) { // the last that came in
		<-time.After(time.Millisecond)
	}
	if err := c.sweep(); err != nil {
		t.Fatal(err)
	}
	for n := range 1000 {
		if err := c.reader(n)(); (err != nil) != expires(n) {
			t.Fatalf("session %d: %v", n, err)
		}
	}
}

func TestWhatRedisSaysOfSessions(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	host := &host{}
	defer host.end()
	m := &measuring{
		plan:    plan{Rounds: 1, InRedis: 1000, Processor: 50 * time.Millisecond},
		servers: &servers{host: host, redis: server.Addr()}, redis: new(inspector), results: new(results),
	}
	defer m.redis.close()
	if err := m.redis.connect(server.Addr()); err != nil {
		t.Fatal(err)
	}
	if err := do(append(m.inRedis(), m.onCluster()...), io.Discard, false); err != nil {
		t.Fatal(err)
	}
	for _, f := range append(m.results.Redis, m.results.Cluster) {
		if size := median(f.Bytes); !(size > 150 && size < 2500) {
			t.Errorf("%s: %v bytes a session", f.Library, size)
		}
		for _, sc := range computedFor {
			if micros := median(f.Micros[sc]); !(micros >= 0 && micros < 5000) {
				t.Errorf("%s, %s: %v µs", f.Library, sc, micros)
			}
		}
	}
}

func TestEveryRoundBeginsWithAnother(t *testing.T) {
	t.Parallel()
	var got string
	err := do(inTurn(4, []string{"a", "b", "c"}, func(s string) step {
		return step{s, 1, func() error { got += s; return nil }}
	}), io.Discard, false)
	if want := "abcbcacababc"; got != want || err != nil {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	err = do([]step{{"the first", 1, func() error { return io.EOF }}, {"the second", 1, func() error { panic("it goes on") }}}, io.Discard, false)
	if !errors.Is(err, io.EOF) || !strings.HasPrefix(err.Error(), "the first: ") {
		t.Errorf("%v", err)
	}
}
