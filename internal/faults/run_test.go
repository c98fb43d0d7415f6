//go:build faults

package faults_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"go.uber.org/goleak"

	"github.com/fxsession/sessions/store"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "what the faults and the traffic are drawn from; 0 draws one")
	countFlag = flag.Int("faults", 200, "how many faults there are")
)

const (
	// callTimeout is what the application allows for a call of its store, and
	// requestTimeout what a request may take: a few calls, and the machine.
	callTimeout    = time.Second
	requestTimeout = 5 * time.Second
	// healTimeout is how long after a fault the first request may still fail.
	healTimeout = 10 * time.Second
	visitors    = 24
	// cacheTTL is how long an instance with a near cache has a record in memory.
	cacheTTL = time.Second
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := leaks(); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines are left:", err)
		code = 1
	}
	os.Exit(code)
}

// leaks gives the goroutines that do not end within some seconds.
func leaks() (err error) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if err = goleak.Find(); err == nil {
			return nil
		}
	}
	return err
}

func seedAndCount(t *testing.T) (uint64, int) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d, %d faults", seed, *countFlag)
	return seed, *countFlag
}

func pause(d time.Duration) { <-time.After(d) }

// fault breaks something and mends it. Of two, the one with twice the weight
// comes twice as often.
type fault struct {
	name   string
	weight int
	strike func(random *rand.Rand)
}

// backend is one that an instance of the application closes.
type backend interface {
	store.Backend
	io.Closer
}

// system is what is broken, and the stores of the instances on it.
type system struct {
	stores []backend
	shops  []*shop // programs, in place of stores
	await  func()  // returns when all of it is up
	faults []fault
	after  func() // looks at what is left when all is closed; may be nil
}

// run is one run of all.
type run struct {
	t      *testing.T
	seed   uint64
	random *rand.Rand
	quiet  sync.RWMutex // held by each request, so that a fault can wait for a moment without any
	rows   []*row
}

// row is a line of the table.
type row struct {
	system, fault string
	struck        int
	healed        time.Duration // the longest time until all was well again
}

func newRun(t *testing.T, seed uint64) *run {
	return &run{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 0))}
}

// quietly calls f while no request is under way.
func (r *run) quietly(f func()) {
	r.quiet.Lock()
	defer r.quiet.Unlock()
	f()
}

// on strikes count faults on a system under traffic, and checks what is left.
func (r *run) on(name string, start func() system, count int) {
	r.t.Helper()
	sys := start()
	s := newSite(r.t, sys)
	ctx, stop := context.WithCancel(context.Background())
	var traffic sync.WaitGroup
	all := make([]*visitor, visitors)
	for i := range all {
		v := s.visitor(r.seed, i)
		all[i] = v
		traffic.Go(func() {
			for ctx.Err() == nil {
				r.quiet.RLock()
				v.act()
				r.quiet.RUnlock()
				pause(time.Duration(v.random.IntN(8)) * time.Millisecond)
			}
		})
	}
	rows := make([]*row, len(sys.faults))
	total := 0
	for i, f := range sys.faults {
		rows[i] = &row{system: name, fault: f.name}
		total += f.weight
	}
	for range count {
		drawn := r.random.IntN(total)
		i := 0
		for ; drawn >= sys.faults[i].weight; i++ {
			drawn -= sys.faults[i].weight
		}
		if testing.Verbose() {
			fmt.Printf("%s %s: %s\n", time.Now().Format(time.TimeOnly), name, sys.faults[i].name)
		}
		sys.faults[i].strike(r.random)
		sys.await()
		healed := s.healed(r.t)
		rows[i].struck++
		rows[i].healed = max(rows[i].healed, healed)
		if healed > healTimeout {
			r.t.Errorf("seed %d: %s: after %q, requests failed for %s", r.seed, name, sys.faults[i].name, healed)
		}
	}
	stop()
	traffic.Wait()
	pause(2 * cacheTTL) // until nothing old is in the memory of an instance
	outcome := "all as they should be"
	for _, v := range all {
		for _, problem := range v.check() {
			outcome = "NOT all as they should be"
			r.t.Errorf("seed %d: %s: %s", r.seed, name, problem)
		}
	}
	if longest := time.Duration(s.longest.Load()); longest > requestTimeout {
		r.t.Errorf("seed %d: %s: a request took %s", r.seed, name, longest)
	}
	r.rows = append(r.rows, rows...)
	r.rows = append(r.rows, &row{system: name, fault: fmt.Sprintf(
		"= %d requests, %d answered with an error, the slowest in %s; %d changes acknowledged, %d sessions ended, %s",
		s.requests.Load(), s.failed.Load(), time.Duration(s.longest.Load()).Round(time.Millisecond), s.acknowledged.Load(), s.ended.Load(), outcome)})
	s.close()
	for _, one := range sys.stores {
		if err := one.Close(); err != nil {
			r.t.Error(err)
		}
	}
	if sys.after != nil {
		sys.after()
	}
}

// report prints the table.
func (r *run) report() {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "system\tfault\ttimes\tlongest until all was well")
	struck := 0
	for _, row := range r.rows {
		if row.struck == 0 && strings.HasPrefix(row.fault, "=") {
			fmt.Fprintf(w, "%s\t%s\t\t\n", row.system, row.fault)
			continue
		}
		struck += row.struck
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", row.system, row.fault, row.struck, row.healed.Round(time.Millisecond))
	}
	_ = w.Flush()
	fmt.Printf("seed %d, %d faults\n%s", r.seed, struck, &text)
}

// counters of a site.
type counters struct {
	requests, failed, acknowledged, ended, longest atomic.Int64
}
