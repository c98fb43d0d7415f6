package memstore_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

// key gives the nth key; neighbours are in neighbouring shards.
func key(n int) store.Key {
	var k store.Key
	binary.LittleEndian.PutUint64(k[:], uint64(n))
	return k
}

func lasting(ttl time.Duration) store.Record {
	return store.Record{
		State:     map[string]json.RawMessage{"user": json.RawMessage(`{"id":42}`)},
		CreatedAt: time.UnixMilli(1_700_000_000_000),
		TTL:       ttl,
	}
}

func newStore(opts ...memstore.Option) (*memstore.Store, *clock) {
	c := newClock()
	return memstore.New(append(opts, memstore.WithClock(c.Now))...), c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, got, want error, what string) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error %v, want %v", what, got, want)
	}
}

// C4: a record and a mark are over at their millisecond, not before it.
func TestC4_ExpiryIsExactToTheMillisecond(t *testing.T) {
	t.Parallel()
	s, clock := newStore()
	must(t, s.Create(t.Context(), key(1), lasting(90*time.Second)))
	must(t, s.Create(t.Context(), key(2), lasting(time.Hour)))
	must(t, s.Delete(t.Context(), key(2)))
	for _, step := range []struct {
		advance time.Duration
		left    time.Duration
		ended   error
	}{
		{store.Grace - time.Millisecond, 30*time.Second + time.Millisecond, store.ErrEnded},
		{time.Millisecond, 30 * time.Second, store.ErrNotFound},
		{30*time.Second - time.Millisecond, time.Millisecond, store.ErrNotFound},
	} {
		clock.Advance(step.advance)
		rec, err := s.Load(t.Context(), key(1))
		must(t, err)
		if rec.TTL != step.left {
			t.Errorf("%s to live, want %s", rec.TTL, step.left)
		}
		_, err = s.Load(t.Context(), key(2))
		wantErr(t, err, step.ended, "load of the deleted record")
	}
	clock.Advance(time.Millisecond)
	_, err := s.Load(t.Context(), key(1))
	wantErr(t, err, store.ErrNotFound, "load at the moment of expiry")
}

// C4: whatever becomes of the machine's clock, a record lives for the time that
// passes.
func TestC4_TheDefaultClockIsNoWallClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		must(t, s.Create(t.Context(), key(1), lasting(time.Hour)))
		time.Sleep(time.Hour - time.Millisecond)
		rec, err := s.Load(t.Context(), key(1))
		must(t, err)
		if rec.TTL != time.Millisecond {
			t.Errorf("%s to live, want 1ms", rec.TTL)
		}
		time.Sleep(time.Millisecond)
		_, err = s.Load(t.Context(), key(1))
		wantErr(t, err, store.ErrNotFound, "load at the moment of expiry")
		if got := s.Clock(); got != time.Hour.Milliseconds() {
			t.Errorf("an hour after its beginning the clock shows %d ms", got)
		}
	})
}

func TestAFullStoreTakesNothingNewAndEvictsNothing(t *testing.T) {
	t.Parallel()
	const bound = 50
	s, _ := newStore(memstore.WithMaxSessions(bound))
	for i := range bound {
		must(t, s.Create(t.Context(), key(i), lasting(time.Hour)))
	}
	for range 3 {
		wantErr(t, s.Create(t.Context(), key(bound), lasting(time.Hour)), store.ErrFull, "create at the bound")
	}
	wantErr(t, s.Create(t.Context(), key(0), lasting(time.Hour)), store.ErrDuplicateKey, "create over a live key at the bound")
	must(t, s.Update(t.Context(), key(0), store.Change{TTL: time.Minute}))
	must(t, s.ChangeKey(t.Context(), key(0), key(1000), store.Change{}))
	for i := 1; i < bound; i++ {
		_, err := s.Load(t.Context(), key(i))
		must(t, err)
	}
	wantErr(t, s.Create(t.Context(), key(bound), lasting(time.Hour)), store.ErrFull, "create after a change of key")
	must(t, s.Delete(t.Context(), key(1)))
	must(t, s.Create(t.Context(), key(bound), lasting(time.Hour)))
	wantErr(t, s.Create(t.Context(), key(bound+1), lasting(time.Hour)), store.ErrFull, "create after a delete and a create")
}

func TestExpiredRecordsMakeRoomWithoutASweeper(t *testing.T) {
	t.Parallel()
	const bound = 50
	s, clock := newStore(memstore.WithMaxSessions(bound))
	for i := range bound {
		must(t, s.Create(t.Context(), key(i), lasting(time.Duration(1+i)*time.Minute)))
	}
	for i := range bound {
		wantErr(t, s.Create(t.Context(), key(1000), lasting(time.Hour)), store.ErrFull, "create while all are live")
		clock.Advance(time.Minute)
		must(t, s.Create(t.Context(), key(bound+i), lasting(24*time.Hour)))
	}
	if records, _ := s.Held(); records != bound {
		t.Errorf("%d records are held, want %d", records, bound)
	}
}

// The count must survive every way in which a record can go.
func TestTheBoundIsExactAfterEveryKindOfReplacement(t *testing.T) {
	t.Parallel()
	s, clock := newStore(memstore.WithMaxSessions(2))
	short, long := lasting(time.Second), lasting(time.Hour)
	for i := range 10 {
		must(t, s.Create(t.Context(), key(1), short)) // over the expired one
		must(t, s.Create(t.Context(), key(2), short))
		clock.Advance(2 * time.Second)
		if i%2 == 0 {
			n, err := s.DeleteExpired(t.Context(), 0)
			must(t, err)
			if n != 2 {
				t.Fatalf("a sweep removed %d, want 2", n)
			}
		}
	}
	must(t, s.Create(t.Context(), key(1), short))
	must(t, s.Create(t.Context(), key(2), long))
	clock.Advance(2 * time.Second)
	must(t, s.ChangeKey(t.Context(), key(2), key(1), store.Change{})) // onto the expired one
	must(t, s.Create(t.Context(), key(3), long))
	wantErr(t, s.Create(t.Context(), key(4), long), store.ErrFull, "create of a third")
	must(t, s.Delete(t.Context(), key(1)))
	must(t, s.Create(t.Context(), key(4), long))
	wantErr(t, s.Create(t.Context(), key(5), long), store.ErrFull, "create of a third, again")

	s, clock = newStore(memstore.WithMaxSessions(3))
	must(t, s.Create(t.Context(), key(1), short))
	clock.Advance(2 * time.Second)
	for i := 1; i <= 3; i++ { // the first over the expired one, which is not counted twice
		must(t, s.Create(t.Context(), key(i), long))
	}
}

func TestConcurrentCreatesStopAtTheBound(t *testing.T) {
	t.Parallel()
	const bound, attempts = 100, 400
	s, _ := newStore(memstore.WithMaxSessions(bound))
	var created atomic.Int64
	var all sync.WaitGroup
	for i := range attempts {
		all.Go(func() {
			switch err := s.Create(t.Context(), key(i), lasting(time.Hour)); {
			case err == nil:
				created.Add(1)
			case !errors.Is(err, store.ErrFull):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if records, _ := s.Held(); created.Load() != bound || records != bound {
		t.Errorf("%d were created and %d are held, want %d", created.Load(), records, bound)
	}
}

func TestNoBoundWhereNoneIsSet(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, -1, math.MinInt} {
		s, _ := newStore(memstore.WithMaxSessions(n))
		for i := range 10 {
			must(t, s.Create(t.Context(), key(i), lasting(time.Hour)))
		}
	}
}

// Two shards are always locked in one order.
func TestC6_ChangesOfKeyInOppositeDirectionsDoNotDeadlock(t *testing.T) {
	t.Parallel()
	s, _ := newStore()
	must(t, s.Create(t.Context(), key(1), lasting(time.Hour)))
	must(t, s.Create(t.Context(), key(2), lasting(time.Hour)))
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 10_000 {
				_ = s.ChangeKey(t.Context(), key(1+i%2), key(2-i%2), store.Change{})
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("they are still at it after half a minute")
	}
}

// C7: a sweep in steps reaches every shard.
func TestC7_SweepsInStepsReachEverything(t *testing.T) {
	t.Parallel()
	const records = 3 * memstore.Shards
	s, clock := newStore()
	for i := range records {
		must(t, s.Create(t.Context(), key(i), lasting(time.Second)))
	}
	must(t, s.Create(t.Context(), key(records), lasting(time.Hour)))
	clock.Advance(time.Second)
	steps := 0
	for removed := 0; removed < records; steps++ {
		n, err := s.DeleteExpired(t.Context(), 100)
		must(t, err)
		if n == 0 || n > 100 {
			t.Fatalf("step %d removed %d after %d of %d, want 1 to 100", steps, n, removed, records)
		}
		removed += n
	}
	if steps != (records+99)/100 {
		t.Errorf("%d steps of 100 for %d records", steps, records)
	}
	if held, _ := s.Held(); held != 1 {
		t.Errorf("%d records are left, want the live one", held)
	}
}

// C7: what a sweep leaves in a shard is found when its time comes.
func TestC7_EachSweepFindsWhatHasExpiredSinceTheLast(t *testing.T) {
	t.Parallel()
	s, clock := newStore()
	const records = 20
	for i := range records { // all in one shard
		must(t, s.Create(t.Context(), key(i*memstore.Shards), lasting(time.Duration(1+i)*time.Second)))
	}
	must(t, s.Update(t.Context(), key(19*memstore.Shards), store.Change{TTL: time.Second}))
	for i, want := range []int{2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0} {
		clock.Advance(time.Second)
		n, err := s.DeleteExpired(t.Context(), 0)
		must(t, err)
		if n != want {
			t.Errorf("after %d s, a sweep removed %d, want %d", i+1, n, want)
		}
	}
}

func TestC8_ASweepStopsWhenItsContextIsDone(t *testing.T) {
	t.Parallel()
	s, clock := newStore()
	for i := range memstore.Shards {
		must(t, s.Create(t.Context(), key(i), lasting(time.Second)))
	}
	clock.Advance(time.Second)
	ctx := &countdown{Context: t.Context(), left: 10}
	n, err := s.DeleteExpired(ctx, 0)
	wantErr(t, err, context.Canceled, "sweep")
	if n != 10 {
		t.Errorf("%d records were removed before the context was done, want 10", n)
	}
}

// countdown is a context that is done after it was asked left times.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left == 0 {
		return context.Canceled
	}
	c.left--
	return nil
}

// Marks go by themselves: what is written sweeps what is over.
func TestMarksDoNotPileUpWithoutASweeper(t *testing.T) {
	t.Parallel()
	s, clock := newStore()
	const perMinute = 4 * memstore.Shards
	worst := 0
	for minute := range 10 {
		for i := range perMinute {
			n := minute*perMinute + i
			must(t, s.Create(t.Context(), key(2*n), lasting(time.Hour)))
			must(t, s.ChangeKey(t.Context(), key(2*n), key(2*n+1), store.Change{}))
			must(t, s.Delete(t.Context(), key(2*n+1)))
		}
		_, marks := s.Held()
		worst = max(worst, marks)
		clock.Advance(store.Grace)
	}
	if worst > 2*2*perMinute {
		t.Errorf("%d marks at once, where %d are made in a minute", worst, 2*perMinute)
	}
	_, err := s.DeleteExpired(t.Context(), 0)
	must(t, err)
	if records, marks := s.Held(); records+marks != 0 {
		t.Errorf("%d records and %d marks are left of nothing", records, marks)
	}
}

// C3: a mark stays for its minute, whatever else comes to its shard and is over.
func TestC3_AMarkOutlastsTheBusiestMinute(t *testing.T) {
	t.Parallel()
	s, clock := newStore()
	must(t, s.Create(t.Context(), key(0), lasting(time.Second)))
	must(t, s.Create(t.Context(), key(memstore.Shards), lasting(time.Hour)))
	clock.Advance(time.Second)
	must(t, s.Delete(t.Context(), key(memstore.Shards)))
	clock.Advance(store.Grace - time.Millisecond)
	for i := range 1000 {
		must(t, s.Create(t.Context(), key((2+i)*memstore.Shards), lasting(time.Hour)))
	}
	_, err := s.Load(t.Context(), key(memstore.Shards))
	wantErr(t, err, store.ErrEnded, "load of the deleted record")
}

// C3: what somebody has seen expire does not come back by a write that has begun
// before.
func TestC3_AWriteThatWaitsDoesNotBringBackWhatExpires(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(s *memstore.Store) error{
		"update": func(s *memstore.Store) error { return s.Update(t.Context(), key(1), store.Change{TTL: time.Hour}) },
		"change key": func(s *memstore.Store) error {
			return s.ChangeKey(t.Context(), key(1), key(2), store.Change{TTL: time.Hour})
		},
		"delete": func(s *memstore.Store) error { return s.Delete(t.Context(), key(1)) },
	} {
		clock := newClock()
		var looks atomic.Pointer[func()] // what happens before the next look at the clock is over
		s := memstore.New(memstore.WithClock(func() time.Time {
			now := clock.Now()
			if f := looks.Swap(nil); f != nil {
				(*f)()
			}
			return now
		}))
		must(t, s.Create(t.Context(), key(1), lasting(time.Second)))
		clock.Advance(999 * time.Millisecond)
		loaded := make(chan error, 1)
		meanwhile := func() {
			clock.Advance(time.Millisecond)
			go func() {
				_, err := s.Load(t.Context(), key(1))
				loaded <- err
			}()
			select {
			case err := <-loaded:
				loaded <- err
			case <-time.After(20 * time.Millisecond): // it waits for the write
			}
		}
		looks.Store(&meanwhile)
		written, read := write(s), <-loaded
		if written == nil && errors.Is(read, store.ErrNotFound) {
			t.Errorf("%s: done after a read has found that the record had expired", name)
		}
	}
}

// C9: whatever byte of a block is lost, it is ErrCorrupt or a record, and no panic.
func TestC9_ABlockThatIsCutAnywhereIsCorrupt(t *testing.T) {
	t.Parallel()
	s, _ := newStore()
	rec := lasting(time.Hour)
	rec.Subject = "user-1"
	must(t, s.Create(t.Context(), key(1), rec))
	var whole string
	s.SetBlock(key(1), func(block string) string { whole = block; return block })
	for i := range whole {
		s.SetBlock(key(1), func(string) string { return whole[:i] })
		_, err := s.Load(t.Context(), key(1))
		wantErr(t, err, store.ErrCorrupt, fmt.Sprintf("load of the first %d bytes", i))
		wantErr(t, s.Update(t.Context(), key(1), store.Change{}), store.ErrCorrupt, "update")
		wantErr(t, s.ChangeKey(t.Context(), key(1), key(2), store.Change{}), store.ErrCorrupt, "change key")
	}
	s.SetBlock(key(1), func(string) string { return whole + "x" })
	_, err := s.Load(t.Context(), key(1))
	wantErr(t, err, store.ErrCorrupt, "load of a byte too many")
	s.SetBlock(key(1), func(string) string { return whole })
	_, err = s.Load(t.Context(), key(1))
	must(t, err)
}

func TestAllocations(t *testing.T) {
	s, _ := newStore()
	ctx := context.Background()
	must(t, s.Create(ctx, key(1), fiveKeys()))
	if got := testing.AllocsPerRun(100, func() { _, _ = s.Load(ctx, key(1)) }); got > 5 {
		t.Errorf("Load of five keys and a subject: %v allocations, want at most 5", got)
	}
	// A chunk now and then, and sometimes one to copy what is needed to.
	ch := store.Change{Set: map[string]json.RawMessage{"theme": json.RawMessage(`"light"`)}}
	if got := testing.AllocsPerRun(10, func() {
		for range 100 {
			_ = s.Update(ctx, key(1), ch)
		}
	}); got > 40 {
		t.Errorf("100 Updates of one key: %v allocations, want at most 40", got)
	}
}

func fiveKeys() store.Record {
	return store.Record{
		State: map[string]json.RawMessage{
			"user":  json.RawMessage(`{"id":42,"name":"someone"}`),
			"cart":  json.RawMessage(`[101,202,303]`),
			"theme": json.RawMessage(`"dark"`),
			"csrf":  json.RawMessage(`"0123456789abcdef"`),
			"seen":  json.RawMessage(`1700000000`),
		},
		Subject:   "user-42",
		CreatedAt: time.UnixMilli(1_700_000_000_000),
		TTL:       time.Hour,
	}
}

func TestANilClockIsTheDefault(t *testing.T) {
	t.Parallel()
	s := memstore.New(memstore.WithClock(nil))
	if err := s.Create(t.Context(), store.Key{1}, store.Record{TTL: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), store.Key{1}); err != nil {
		t.Error(err)
	}
}
