package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testkit"
	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// pipelines is a client that counts the pipelines it is given, and those that are
// under way.
type pipelines struct {
	rueidis.Client
	all, underWay atomic.Int64
}

func (c *pipelines) DoMulti(ctx context.Context, commands ...rueidis.Completed) []rueidis.RedisResult {
	c.all.Add(1)
	c.underWay.Add(1)
	defer c.underWay.Add(-1)
	return c.Client.DoMulti(ctx, commands...)
}

// awaitJoined waits until so many loads are in the batch that the test gathers.
func awaitJoined(t *testing.T, joined func() int, want int) {
	t.Helper()
	eventually(t, func() error {
		if got := joined(); got != want {
			return fmt.Errorf("%d loads have joined, want %d", got, want)
		}
		return nil
	})
}

// Loads of the same time are one pipeline, and each gets what is under its own key;
// one that finds nothing makes sure of that.
func TestLoadsOfTheSameTimeAreOnePipeline(t *testing.T) {
	t.Parallel()
	plain := newClient(t, shared.Get(t).Addr())
	client := &pipelines{Client: plain}
	s := redisstore.New(client, redisstore.WithNamespace(newNamespace()))
	want := map[store.Key]string{}
	const each = 8
	for i := range each {
		rec := record("a", fmt.Sprint(i))
		ended := key(100 + i)
		for _, k := range []store.Key{key(i), ended} {
			if err := s.Create(t.Context(), k, rec); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Delete(t.Context(), ended); err != nil {
			t.Fatal(err)
		}
		want[key(i)] = fmt.Sprintf("version 1 for 1h: %d", i)
		want[ended] = "ended"
		want[key(200+i)] = store.ErrNotFound.Error()
	}

	joined, send := s.Gather(t.Context())
	type loaded struct {
		key  store.Key
		what string
	}
	outcomes := make(chan loaded, len(want))
	for k := range want {
		go func() { outcomes <- loaded{k, shown(s.Load(t.Context(), k))} }()
	}
	awaitJoined(t, joined, len(want))
	before := client.all.Load()
	send()
	for range want {
		if got := testkit.Receive(t, "a load", outcomes); got.what != want[got.key] {
			t.Errorf("load: %s, want %s", got.what, want[got.key])
		}
	}
	if got := client.all.Load() - before; got != 1+each {
		t.Errorf("%d pipelines for %d loads, %d of which find nothing; want %d", got, len(want), each, 1+each)
	}
}

// A batch has a limit, and what comes after does not wait for it.
func TestABatchThatIsFullTakesNoMore(t *testing.T) {
	t.Parallel()
	s := redisstore.New(newClient(t, shared.Get(t).Addr()), redisstore.WithNamespace(newNamespace()))
	if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	load := func() error { _, err := s.Load(t.Context(), key(1)); return err }
	joined, _ := s.Gather(t.Context()) // who comes last sends it
	const room = redisstore.MostLoads - 1
	var outcomes [room]<-chan error
	for i := range outcomes {
		outcomes[i] = testkit.Begin(load)
	}
	awaitJoined(t, joined, room)
	if err := testkit.Receive(t, "a load that is one too many", testkit.Begin(load)); err != nil {
		t.Errorf("load: %v", err)
	}
	if got := joined(); got != room {
		t.Errorf("there are %d loads in the batch, want %d", got, room)
	}
	for _, outcome := range outcomes {
		if err := testkit.Receive(t, "a load of a full batch", outcome); err != nil {
			t.Errorf("load: %v", err)
		}
	}
}

// Where goroutines keep the one that sends a batch from running, it is sent all the
// same.
func TestABatchIsSentThoughItsGoroutineDoesNotRun(t *testing.T) {
	t.Parallel()
	s := redisstore.New(newClient(t, shared.Get(t).Addr()), redisstore.WithNamespace(newNamespace()))
	if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	for range 3 { // the timer is set, and then set anew
		joined, send := s.Gather(t.Context())
		load := testkit.Begin(func() error { _, err := s.Load(t.Context(), key(1)); return err })
		awaitJoined(t, joined, 1)
		s.SendLate()
		if err := testkit.Receive(t, "a load of a batch that is late", load); err != nil {
			t.Errorf("load: %v", err)
		}
		send() // too late, which does nothing
	}
}

// A load that is alone asks only for what it needs, whatever it finds.
func TestALoadThatIsAloneIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	client := &pipelines{Client: newClient(t, shared.Get(t).Addr())}
	s := redisstore.New(client, redisstore.WithNamespace(newNamespace()))
	if err := errors.Join(
		s.Create(t.Context(), key(1), record("a", `1`)),
		s.Create(t.Context(), key(2), record("a", `1`)), s.Delete(t.Context(), key(2)),
	); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]error{1: nil, 2: store.ErrEnded, 3: store.ErrNotFound} {
		before := client.all.Load()
		if _, err := s.Load(t.Context(), key(n)); !errors.Is(err, want) {
			t.Errorf("load: %v, want %v", err, want)
		}
		if got := client.all.Load() - before; got != 1 {
			t.Errorf("want %v: %d pipelines, want 1", want, got)
		}
	}
}

// The longer records are, or the less is known of them, the fewer are in a batch.
func TestABatchHasRoomForSoManyBytes(t *testing.T) {
	t.Parallel()
	client := &garbled{Client: newClient(t, shared.Get(t).Addr())}
	s := redisstore.New(client, redisstore.WithNamespace(newNamespace()))
	for n, size := range []int{10, redisstore.MostBytes / 10, 2 * redisstore.MostBytes} {
		if err := s.Create(t.Context(), key(n), record("a", `"`+strings.Repeat("x", size)+`"`)); err != nil {
			t.Fatal(err)
		}
	}
	load := func(n int) {
		t.Helper()
		if _, err := s.Load(t.Context(), key(n)); err != nil {
			t.Fatal(err)
		}
	}
	together := func(a, b int) {
		t.Helper()
		joined, send := s.Gather(t.Context())
		if want := s.Room(); want == 1 {
			t.Fatal("there is no room")
		}
		outcomes := []<-chan error{}
		for _, n := range []int{a, b} {
			outcomes = append(outcomes, testkit.Begin(func() error { _, err := s.Load(t.Context(), key(n)); return err }))
		}
		awaitJoined(t, joined, 2)
		send()
		for _, outcome := range outcomes {
			if err := testkit.Receive(t, "a load", outcome); err != nil {
				t.Error(err)
			}
		}
	}
	for _, step := range []struct {
		what string
		do   func()
		want int
	}{
		{"a short one", func() { load(0) }, redisstore.MostLoads},
		{"a longer one", func() { load(1) }, 9},
		{"the longer one with a short one", func() { together(1, 0) }, 9},
		{"a long one", func() { load(2) }, 1},
		{"a short one again", func() { load(0) }, redisstore.MostLoads},
		{"two that get no answer", func() { client.command = "MGET"; together(0, 0) }, 1},
		{"a short one, alone", func() { load(0) }, redisstore.MostLoads},
	} {
		if step.do(); s.Room() != step.want {
			t.Errorf("after %s there is room for %d, want %d", step.what, s.Room(), step.want)
		}
	}
}

// What is no record, and a key of another type, concern only who loads them.
func TestALoadThatFailsLeavesOthersOfItsBatchAlone(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	s := redisstore.New(client, redisstore.WithNamespace(newNamespace()))
	if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	command(t, client, "HSET", s.Namespace()+key(2).String(), "a", "1")
	command(t, client, "SET", s.Namespace()+key(3).String(), "nonsense", "EX", "3600")

	joined, send := s.Gather(t.Context())
	var outcomes [3]<-chan error
	for i := range outcomes {
		outcomes[i] = testkit.Begin(func() error { _, err := s.Load(t.Context(), key(i+1)); return err })
	}
	awaitJoined(t, joined, len(outcomes))
	send()
	for i, want := range []error{nil, store.ErrCorrupt, store.ErrCorrupt} {
		if err := testkit.Receive(t, "a load", outcomes[i]); !errors.Is(err, want) {
			t.Errorf("load %d: %v, want %v", i+1, err, want)
		}
	}
}

// garbled is a client that asks something else in place of a command.
type garbled struct {
	rueidis.Client
	command string
}

func (c *garbled) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	if cmd.Commands()[0] == c.command {
		return c.Client.Do(ctx, c.B().Arbitrary("STRLEN").Keys("nothing").Build()) // which is a number
	}
	return c.Client.Do(ctx, cmd)
}

func (c *garbled) DoMulti(ctx context.Context, commands ...rueidis.Completed) []rueidis.RedisResult {
	for i, cmd := range commands {
		if cmd.Commands()[0] == c.command {
			commands[i] = c.B().Arbitrary("MGET").Keys("nothing", "nothing").Build()
		}
	}
	return c.Client.DoMulti(ctx, commands...)
}

// Whatever Redis answers to a plain load, it is read, or the script is asked.
func TestAnAnswerThatIsNoneToALoad(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"GET", "MGET", "TIME"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			client := &garbled{newClient(t, shared.Get(t).Addr()), command}
			s := redisstore.New(client, redisstore.WithNamespace(newNamespace()))
			if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
				t.Fatal(err)
			}
			const want = "version 1 for 1h: 1"
			joined, send := s.Gather(t.Context())
			outcomes := make(chan string, 2)
			for range cap(outcomes) {
				go func() { outcomes <- shown(s.Load(t.Context(), key(1))) }()
			}
			awaitJoined(t, joined, cap(outcomes))
			send()
			for range cap(outcomes) {
				if got := testkit.Receive(t, "a load in a batch", outcomes); got != want {
					t.Errorf("load in a batch: %s", got)
				}
			}
			if got := shown(s.LoadAlone(t.Context(), key(1))); got != want {
				t.Errorf("load alone: %s", got)
			}
		})
	}
}

// givenUp is a client whose first pipelines fail, as they do where another caller
// was connecting for them and gave up.
type givenUp struct {
	rueidis.Client
	left atomic.Int64
}

func (c *givenUp) DoMulti(ctx context.Context, commands ...rueidis.Completed) []rueidis.RedisResult {
	if c.left.Add(-1) >= 0 {
		over, cancel := context.WithCancel(ctx)
		cancel()
		ctx = over
	}
	return c.Client.DoMulti(ctx, commands...)
}

// C8: a load that another caller has taken along is made again, whether it was
// alone or not.
func TestC8_ALoadIsMadeAgainWhenAnotherCallerGaveUp(t *testing.T) {
	t.Parallel()
	client := &givenUp{Client: newClient(t, shared.Get(t).Addr())}
	s := redisstore.New(client, redisstore.WithNamespace(newNamespace()))
	if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	const want = "version 1 for 1h: 1"
	client.left.Store(2)
	if got := shown(s.Load(t.Context(), key(1))); got != want {
		t.Errorf("load alone: %s", got)
	}

	client.left.Store(0)
	_ = shown(s.Load(t.Context(), key(1))) // after which there is room again
	joined, send := s.Gather(t.Context())
	outcomes := make(chan string, 2)
	for range cap(outcomes) {
		go func() { outcomes <- shown(s.Load(t.Context(), key(1))) }()
	}
	awaitJoined(t, joined, cap(outcomes))
	client.left.Store(4)
	send()
	for range cap(outcomes) {
		if got := testkit.Receive(t, "a load in a batch", outcomes); got != want {
			t.Errorf("load in a batch: %s", got)
		}
	}
}

// A script that is to read says no version, which what has changed something does.
func TestANumberIsNoAnswerToALoad(t *testing.T) {
	t.Parallel()
	client := &garbled{newClient(t, shared.Get(t).Addr()), "EVALSHA"}
	s := redisstore.New(client, redisstore.WithNamespace(newNamespace())).AsCluster()
	if rec, err := s.Load(t.Context(), key(1)); err == nil {
		t.Errorf("load: %+v and no error", rec)
	}
	if err := s.ChangeKey(t.Context(), key(1), key(2), store.Change{}); err == nil {
		t.Error("change key: no error")
	}
}

// C8: who gives up leaves the others of a batch waiting, and does not wait for
// them.
func TestC8_ALoadLeavesItsBatchWithItsContext(t *testing.T) {
	t.Parallel()
	proxy := testserver.NewProxy(t, shared.Get(t).Addr())
	backend := redisstore.New(newClient(t, proxy.Addr()), redisstore.WithNamespace(newNamespace()))
	if err := backend.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	bounded := store.New(backend, store.WithTimeout(tooLate))
	for name, load := range map[string]func(context.Context, store.Key) (store.Record, error){
		"with a context of its own":        backend.Load,
		"with the context of SessionStore": bounded.Load,
	} {
		t.Run(name, func(t *testing.T) {
			joined, send := backend.Gather(t.Context())
			ctx, cancel := context.WithCancel(t.Context())
			leaves := testkit.Begin(func() error { _, err := load(ctx, key(1)); return err })
			stays := testkit.Begin(func() error { _, err := load(t.Context(), key(1)); return err })
			awaitJoined(t, joined, 2)
			proxy.Stall()
			go send()
			cancel()
			if err := testkit.Receive(t, "the end of a load whose context ended", leaves); !errors.Is(err, context.Canceled) {
				t.Errorf("load: %v, want context.Canceled", err)
			}
			select {
			case err := <-stays:
				t.Errorf("the other one ended, too: %v", err)
			default:
			}
			proxy.Resume()
			if err := testkit.Receive(t, "the other load", stays); err != nil {
				t.Errorf("the other load: %v", err)
			}
		})
	}
}

// C8: the client repeats a pipeline for as long as somebody waits for it, and no
// longer.
func TestC8_ABatchThatNobodyWaitsForEnds(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	client := &pipelines{Client: newClient(t, server.Addr())} // which tries again and again
	s := redisstore.New(client)
	if err := s.Create(t.Context(), key(1), record("a", `1`)); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	first, leaveFirst := context.WithCancel(t.Context())
	second, leaveSecond := context.WithCancel(t.Context())
	defer leaveSecond()
	joined, send := s.Gather(first)
	load := testkit.Begin(func() error { _, err := s.Load(second, key(1)); return err })
	awaitJoined(t, joined, 1)
	go send()
	leaveFirst()
	server.Start()
	// The second still waits, and the record is gone with the server.
	if err := testkit.Receive(t, "the load of the one that waits", load); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("load: %v, want ErrNotFound", err)
	}

	server.Kill()
	joined, send = s.Gather(first)
	load = testkit.Begin(func() error { _, err := s.Load(second, key(1)); return err })
	awaitJoined(t, joined, 1)
	go send()
	eventually(t, func() error {
		if client.underWay.Load() == 0 {
			return errors.New("the batch is not under way")
		}
		return nil
	})
	leaveSecond()
	if err := testkit.Receive(t, "the load that gives up", load); !errors.Is(err, context.Canceled) {
		t.Errorf("load: %v, want context.Canceled", err)
	}
	eventually(t, func() error {
		if n := client.underWay.Load(); n != 0 {
			return fmt.Errorf("%d pipelines are under way, which nobody waits for", n)
		}
		return nil
	})
}

// Many loads at once, each with its own key, find their own records, and some of
// them together.
func TestManyLoadsAtOnceFindTheirOwnRecords(t *testing.T) {
	t.Parallel()
	client := &pipelines{Client: newClient(t, shared.Get(t).Addr())}
	for name, s := range map[string]*redisstore.Store{
		"over a client of the application": redisstore.New(client, redisstore.WithNamespace(newNamespace())),
		"over a client of its own":         open(t, redisstore.Connection{URL: shared.Get(t).URL()}, redisstore.WithNamespace(newNamespace())),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const readers, each = 32, 50
			outcomes := make(chan error, readers)
			for n := range readers {
				if err := s.Create(t.Context(), key(n), record("a", fmt.Sprint(n))); err != nil {
					t.Fatal(err)
				}
			}
			for n := range readers {
				go func() {
					outcomes <- func() error {
						want := fmt.Sprintf("version 1 for 1h: %d", n)
						for range each {
							if got := shown(s.Load(t.Context(), key(n))); got != want {
								return fmt.Errorf("%s, want %s", got, want)
							}
						}
						return nil
					}()
				}()
			}
			for range readers {
				if err := testkit.Receive(t, "a reader", outcomes); err != nil {
					t.Error(err)
				}
			}
			if n := client.all.Load(); n > readers*each/2 {
				t.Errorf("%d pipelines for %d loads", n, readers*each)
			}
		})
	}
}
