package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/fxsession/sessions/store"
)

// HistoryOptions says what happens while [Histories] records.
type HistoryOptions struct {
	// Disturb, when it is not nil, is called once while operations are under
	// way: it may kill the engine and start it again, cut connections, or make
	// another node the primary. It returns when the engine answers again.
	Disturb func(tb testing.TB, h Harness)
	// Clients is how many work on one record at once, from 1 to 4; 0 is 4. With 1,
	// nobody sees what another client has written and not yet been told: for an
	// engine that is killed, and shows others what is not on disk yet.
	Clients int
}

const (
	families     = 8   // groups of keys that are checked by themselves
	familyKeys   = 3   // how many keys a family has
	clients      = 4   // how many work on one family at once, at most
	clientOps    = 100 // how many operations each does, at least
	checkTimeout = time.Minute

	// recordTimeout ends what records when the engine never answers again.
	recordTimeout = 3 * time.Minute
)

// Histories checks that the backend is linearizable: what concurrent clients of
// one record see could have been seen if every operation had taken effect at a
// single moment between its call and its return. Each client has a handle of
// its own. An operation that returned ErrUnavailable may have taken effect at
// any moment after its call, or never.
func Histories(t *testing.T, newHarness func(tb testing.TB) Harness, opts HistoryOptions) {
	t.Run("histories", func(t *testing.T) {
		t.Parallel()
		recordAndCheck(t, newHarness(t), opts)
	})
}

// recordAndCheck fails tb when what it records is not linearizable.
func recordAndCheck(tb testing.TB, h Harness, opts HistoryOptions) {
	seed, start := rand.Uint64(), time.Now()
	ctx, cancel := context.WithTimeout(tb.Context(), recordTimeout)
	defer cancel() // so that the clients end when Disturb ends the test
	var disturbed atomic.Bool
	histories := make([][]porcupine.Operation, families)
	var all sync.WaitGroup
	for f := range families {
		var family sync.WaitGroup
		parts := make([][]porcupine.Operation, cmp.Or(opts.Clients, clients))
		for c := range parts {
			client := &client{
				store:  store.New(h.Open(tb), store.WithTimeout(time.Second)),
				random: rand.New(rand.NewPCG(seed, uint64(f*clients+c))),
				family: f, number: c, start: start,
			}
			family.Go(func() {
				client.work(ctx, func(done int) bool { return ctx.Err() != nil || done > clientOps && disturbed.Load() })
				parts[c] = client.history
			})
		}
		all.Go(func() {
			family.Wait()
			histories[f] = slices.Concat(parts...)
		})
	}
	if opts.Disturb != nil {
		opts.Disturb(tb, h)
	}
	disturbed.Store(true)
	all.Wait()
	if ctx.Err() != nil {
		tb.Fatalf("the engine does not answer after %s", recordTimeout)
	}
	for f, history := range histories {
		switch porcupine.CheckOperationsTimeout(familyModel().ToModel(), history, checkTimeout) {
		case porcupine.Illegal:
			tb.Fatalf("seed %d: no order of these operations explains what they returned:\n%s", seed, listing(history))
		case porcupine.Unknown:
			tb.Fatalf("seed %d: family %d, of %d operations, could not be checked within %s", seed, f, len(history), checkTimeout)
		}
	}
}

// client does random operations on the keys of a family, one after the other,
// and records them.
type client struct {
	store   *store.SessionStore
	random  *rand.Rand
	family  int
	number  int
	start   time.Time
	seen    uint64 // the version that it loaded last
	history []porcupine.Operation
}

// work does operations until stop, which is given their number, says so, and
// loads every key at the end.
func (c *client) work(ctx context.Context, stop func(done int) bool) {
	for i := 1; !stop(i); i++ {
		if !c.do(ctx, c.randomCall(i)) {
			// The engine is away. Every write from now on would be one more that
			// may or may not have been done, so that wait for it.
			for !c.do(ctx, call{kind: callLoad}) && ctx.Err() == nil {
				pause(10 * time.Millisecond)
			}
		}
		if times := i / clientOps; times > 0 {
			// There is time until the disturbance is over. The longer it takes, the less
			// is recorded, as all of it is to be checked.
			pause(time.Duration(times) * 5 * time.Millisecond)
		}
	}
	for key := range familyKeys {
		c.do(ctx, call{kind: callLoad, key: key})
	}
}

func pause(d time.Duration) { <-time.After(d) }

// callKind is a method of a store.
type callKind string

const (
	callCreate    callKind = "create"
	callLoad      callKind = "load"
	callUpdate    callKind = "update"
	callChangeKey callKind = "change key"
	callDelete    callKind = "delete"
)

// call is an operation as the model sees it. Each client writes to a state key
// of its own, and never the same value twice.
type call struct {
	kind      callKind
	key, to   int
	client    int
	value     int
	clear     bool
	ifVersion uint64
	late      bool // it returned when marks may be over
}

// answer is what a call returned.
type answer struct {
	err  error // one of package store, nil, or ErrUnavailable for all that may or may not have been done
	seen slot  // what a load returned
}

func (c *client) randomCall(i int) call {
	op := call{key: c.random.IntN(familyKeys), to: c.random.IntN(familyKeys), client: c.number, value: i}
	switch c.random.IntN(10) {
	case 0, 1:
		op.kind = callCreate
	case 2, 3, 4:
		op.kind = callLoad
	case 5, 6, 7:
		op.kind = callUpdate
	case 8:
		op.kind = callChangeKey
	case 9:
		op.kind = callDelete
	}
	if op.kind == callUpdate || op.kind == callChangeKey {
		op.clear = c.random.IntN(4) == 0
		if c.random.IntN(3) == 0 {
			op.ifVersion = c.seen
		}
	}
	return op
}

// do does one operation and records it. It returns false when the outcome is
// not known.
func (c *client) do(ctx context.Context, op call) bool {
	key := func(n int) store.Key { return newKey(c.family*familyKeys + n) }
	set := state(fmt.Sprint("client ", op.client), fmt.Sprint(op.value))
	change := store.Change{Set: set, Clear: op.clear, IfVersion: op.ifVersion}
	var got answer
	began := time.Since(c.start)
	switch op.kind {
	case callCreate:
		got.err = c.store.Create(ctx, key(op.key), store.Record{State: set, TTL: hour})
	case callLoad:
		var rec store.Record
		rec, got.err = c.store.Load(ctx, key(op.key))
		if got.err == nil {
			got.seen = slotOf(rec)
			c.seen = rec.Version
		}
	case callUpdate:
		got.err = c.store.Update(ctx, key(op.key), change)
	case callChangeKey:
		got.err = c.store.ChangeKey(ctx, key(op.key), key(op.to), change)
	case callDelete:
		got.err = c.store.Delete(ctx, key(op.key))
	}
	ended := time.Since(c.start)
	got.err = plain(got.err)
	known := got.err != store.ErrUnavailable
	if !known && op.kind == callLoad {
		return false // it tells nothing
	}
	op.late = ended > store.Grace-nearly
	recorded := porcupine.Operation{ClientId: c.number, Input: op, Call: int64(began), Output: got, Return: int64(ended)}
	if !known {
		recorded.Return = math.MaxInt64
	}
	c.history = append(c.history, recorded)
	return known
}

// plain gives the error of package store that err is, so that errors compare.
func plain(err error) error {
	for _, one := range []error{
		nil, store.ErrNotFound, store.ErrRenewed, store.ErrEnded, store.ErrConflict, store.ErrDuplicateKey, store.ErrCorrupt, store.ErrFull,
	} {
		if errors.Is(err, one) {
			return one
		}
	}
	return store.ErrUnavailable
}

// slot is what is under one key. Its zero value is nothing at all.
type slot struct {
	live    bool
	mark    error // of a slot that is not live
	version uint64
	values  [clients]int // what each client wrote; 0: nothing
}

func slotOf(rec store.Record) slot {
	s := slot{live: true, version: rec.Version}
	for c := range s.values {
		if text, ok := rec.State[fmt.Sprint("client ", c)]; ok {
			_, _ = fmt.Sscan(string(text), &s.values[c])
		}
	}
	return s
}

// family is the state of the model: what is under each key.
type family [familyKeys]slot

// familyModel describes a family to the checker. A call whose outcome is not
// known leads to two states, and so does one that may have come after a mark was
// over.
func familyModel() *porcupine.NondeterministicModel {
	return &porcupine.NondeterministicModel{
		Init: func() []any { return []any{family{}} },
		Step: func(state, input, output any) []any {
			op, got := input.(call), output.(answer)
			before := []family{state.(family)}
			if forgotten := before[0]; op.late && forgotten[op.key].mark != nil {
				forgotten[op.key] = slot{}
				before = append(before, forgotten)
			}
			var possible []any
			for _, f := range before {
				after, want := f.step(op)
				switch {
				case got.err == store.ErrUnavailable:
					possible = append(possible, f, after)
				case got == want:
					possible = append(possible, after)
				}
			}
			return possible
		},
		Equal: func(a, b any) bool { return a == b },
	}
}

// step gives what the contract says that op does and answers.
func (f family) step(op call) (family, answer) {
	at := &f[op.key]
	if op.kind == callCreate {
		if at.live {
			return f, answer{err: store.ErrDuplicateKey}
		}
		*at = slot{live: true, version: 1}
		at.values[op.client] = op.value
		return f, answer{}
	}
	switch {
	case !at.live && at.mark != nil:
		return f, answer{err: at.mark}
	case !at.live:
		return f, answer{err: store.ErrNotFound}
	case op.kind == callLoad:
		return f, answer{seen: *at}
	case op.kind == callDelete:
		*at = slot{mark: store.ErrEnded}
		return f, answer{}
	case op.ifVersion != 0 && op.ifVersion != at.version:
		return f, answer{err: store.ErrConflict}
	}
	changed := *at
	changed.version++
	if op.clear {
		changed.values = [clients]int{}
	}
	changed.values[op.client] = op.value
	if op.kind == callChangeKey {
		if f[op.to].live {
			return f, answer{err: store.ErrDuplicateKey}
		}
		*at = slot{mark: store.ErrRenewed}
		at = &f[op.to]
	}
	*at = changed
	return f, answer{}
}

// listing writes a history in the order of its calls.
func listing(history []porcupine.Operation) string {
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	for _, op := range history {
		in, out := op.Input.(call), op.Output.(answer)
		fmt.Fprintf(&b, "%10d..%-10d client %d: %s %d", op.Call, op.Return, op.ClientId, in.kind, in.key)
		if in.kind == callChangeKey {
			fmt.Fprintf(&b, " to %d", in.to)
		}
		if in.kind != callLoad && in.kind != callDelete {
			fmt.Fprintf(&b, " (set %d, clear %t, if version %d)", in.value, in.clear, in.ifVersion)
		}
		fmt.Fprintf(&b, ": %v", show(out.err))
		if out.seen.live {
			fmt.Fprintf(&b, ", version %d, %v", out.seen.version, out.seen.values)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
