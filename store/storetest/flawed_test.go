package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxsession/sessions/store"
)

// flawed is the plainest backend there can be, a lock and two maps, with one
// flaw built in, or none. It is its own harness.
type flawed struct {
	flaw    string
	mu      sync.Mutex
	now     time.Duration
	records map[store.Key]kept
	marks   map[store.Key]modelMark
	stalled chan struct{} // while it is open, nothing is answered
}

type kept struct {
	store.Record               // its TTL is the one that it was given last
	expires      time.Duration // by flawed.now
	firstExpires time.Duration
	firstSubject string
	previous     store.Key // the key that it had before
	corrupt      bool
}

var errFlaw = errors.New("an error that no contract knows")

func newFlawed(flaw string) *flawed {
	return &flawed{flaw: flaw, records: map[store.Key]kept{}, marks: map[store.Key]modelMark{}}
}

func (b *flawed) has(flaw string) bool { return b.flaw == flaw }

func (b *flawed) Open(testing.TB) store.Backend { return b }

func (b *flawed) Advance(_ testing.TB, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now += d
}

func (b *flawed) Corrupt(_ testing.TB, key store.Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.records[key]
	k.corrupt = true
	b.records[key] = k
}

func (b *flawed) Stall(testing.TB) func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stalled = make(chan struct{})
	return sync.OnceFunc(func() { close(b.stalled) })
}

// enter takes the lock, unless ctx is done before it can.
func (b *flawed) enter(ctx context.Context) error {
	b.mu.Lock()
	stalled := b.stalled
	b.mu.Unlock()
	if b.has("ignores its context") {
		ctx = context.Background()
	}
	if stalled != nil {
		select {
		case <-stalled:
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	return nil
}

// yield lets others in between two steps of what should be one.
func (b *flawed) yield() {
	b.mu.Unlock()
	for range 20 {
		runtime.Gosched()
	}
	b.mu.Lock()
}

func (b *flawed) key(key store.Key) store.Key {
	if b.has("compares keys without case") {
		copy(key[:], bytes.ToLower(key[:]))
	}
	return key
}

func (b *flawed) find(key store.Key) (kept, error) {
	k, ok := b.records[key]
	immortal := b.has("expires only what is swept") || b.has("keeps corrupt records for ever") && k.corrupt
	switch {
	case !ok:
		return kept{}, b.marked(key)
	case b.has("takes a corrupt record for none") && k.corrupt:
		return kept{}, store.ErrNotFound
	case b.has("marks what expires") && k.expires <= b.now:
		return kept{}, store.ErrEnded
	case k.expires <= b.now && !immortal:
		if b.has("keeps the mark under a record") {
			return kept{}, b.marked(key)
		}
		return kept{}, store.ErrNotFound
	case b.has("ends a record with the mark that was there before") && b.marks[key].over != 0 && b.marks[key].over <= b.now:
		return kept{}, store.ErrNotFound
	case b.has("takes an empty record for none") && len(k.State) == 0:
		return kept{}, store.ErrNotFound
	}
	return k, nil
}

func (b *flawed) marked(key store.Key) error {
	mark, ok := b.marks[key]
	if !ok || mark.over <= b.now && !b.has("keeps marks for ever") {
		return store.ErrNotFound
	}
	if b.has("prolongs a mark with each refusal") {
		mark.over = b.now + store.Grace
		b.marks[key] = mark
	}
	return mark.err
}

// put files k under key in the way that the flaw allows.
func (b *flawed) put(key store.Key, k kept) {
	switch {
	case b.has("keeps the maps of its arguments"):
	default:
		k.State = cloneState(k.State)
	}
	for name, text := range k.State {
		switch {
		case b.has("compacts JSON"):
			var compact bytes.Buffer
			if json.Compact(&compact, text) == nil {
				k.State[name] = compact.Bytes()
			}
		case b.has("reads numbers as floats"):
			var v any
			if json.Unmarshal(text, &v) == nil {
				k.State[name], _ = json.Marshal(v)
			}
		case b.has("drops null values") && string(text) == "null":
			delete(k.State, name)
		case b.has("trims state keys") && strings.TrimSpace(name) != name:
			delete(k.State, name)
			k.State[strings.TrimSpace(name)] = text
		case b.has("compares state keys without case") && strings.ToLower(name) != name:
			delete(k.State, name)
			k.State[strings.ToLower(name)] = text
		case b.has("cuts values at 64 KiB"):
			k.State[name] = text[:min(len(text), 64<<10)]
		case b.has("keeps 255 state keys") && len(k.State) > 255:
			delete(k.State, name)
		}
	}
	if b.has("trims subjects") {
		k.Subject = strings.TrimSpace(k.Subject)
	}
	if !b.has("keeps the mark under a record") && !b.has("keeps the first mark of a key") &&
		!b.has("ends a record with the mark that was there before") {
		delete(b.marks, key)
	}
	b.records[key] = k
}

// end takes the record under key away and leaves a mark.
func (b *flawed) end(key store.Key, k kept, err error) {
	delete(b.records, key)
	over := b.now + store.Grace
	switch {
	case b.has("leaves no mark on delete") && err == store.ErrEnded, b.has("leaves no mark on rename") && err == store.ErrRenewed:
		return
	case b.has("marks a renewed key as deleted"):
		err = store.ErrEnded
	case b.has("marks for what is left of the TTL"):
		over = k.expires
	case b.has("keeps the first mark of a key") && b.marks[key].over > b.now:
		return
	case b.has("remembers one previous key"):
		delete(b.marks, k.previous)
	case b.has("takes the mark away with the record") && err == store.ErrEnded:
		delete(b.marks, k.previous)
	}
	b.marks[key] = modelMark{err, over}
}

// ttl gives a TTL as the flaw makes it.
func (b *flawed) ttl(d time.Duration) time.Duration {
	if b.has("counts twice a TTL, with overflow") && 2*d < d {
		return time.Millisecond
	}
	if b.has("keeps TTLs to the second") {
		return d.Truncate(time.Second)
	}
	return d
}

func (b *flawed) Create(ctx context.Context, key store.Key, rec store.Record) error {
	if err := b.enter(ctx); err != nil {
		return err
	}
	defer b.mu.Unlock()
	key = b.key(key)
	old, err := b.find(key)
	_, there := b.records[key]
	switch {
	case b.has("refuses TTLs below a second") && rec.TTL < time.Second:
		return errFlaw
	case b.has("claims to have created") && err == nil:
		return nil
	case b.has("looks before it creates"):
		b.yield()
	}
	switch {
	case err == nil && !b.has("creates over a live record") && !(b.has("writes over a corrupt record") && old.corrupt),
		there && b.has("lets an expired record stand in the way"),
		is(err, store.ErrEnded) && b.has("lets a mark stand in the way"):
		return store.ErrDuplicateKey
	}
	if rec.Version == 0 || !b.has("keeps the version that Create is given") {
		rec.Version = 1
	}
	if b.has("forgets the subject") {
		rec.Subject = ""
	}
	if b.has("keeps times to the second") {
		rec.CreatedAt = rec.CreatedAt.Truncate(time.Second)
	}
	if there && b.has("merges into an expired record") {
		rec = store.Merge(b.records[key].Record, store.Change{Set: rec.State})
	}
	expires := b.now + b.ttl(rec.TTL)
	b.put(key, kept{Record: rec, expires: expires, firstExpires: expires, firstSubject: rec.Subject})
	return nil
}

func (b *flawed) Load(ctx context.Context, key store.Key) (store.Record, error) {
	if err := b.enter(ctx); err != nil {
		return store.Record{}, err
	}
	defer b.mu.Unlock()
	k, err := b.find(b.key(key))
	if err != nil {
		return store.Record{}, err
	}
	if k.corrupt {
		return store.Record{}, store.ErrCorrupt
	}
	rec := k.Record
	rec.TTL = k.expires - b.now
	switch {
	case b.has("hands out its own maps"):
	case b.has("hands out values with room behind them"):
		var all []byte
		state := cloneState(rec.State)
		for _, text := range state {
			all = append(all, text...)
		}
		for name, text := range rec.State {
			i := bytes.Index(all, text)
			state[name] = all[i : i+len(text)]
		}
		rec.State = state
	default:
		rec.State = cloneState(rec.State)
	}
	return rec, nil
}

// change gives what ch makes of k, in the way that the flaw does it.
func (b *flawed) change(k kept, ch store.Change) (kept, error) {
	ttlAlone := ch.TTL != 0 && ch.Set == nil && ch.Remove == nil && !ch.Clear && ch.Subject == nil
	ignored := b.has("ignores IfVersion") || b.has("ignores IfVersion when the TTL alone changes") && ttlAlone
	switch {
	case k.corrupt && b.has("updates a corrupt record blindly"):
	case k.corrupt && b.has("extends a corrupt record") && ttlAlone:
	case k.corrupt:
		return k, store.ErrCorrupt
	case ch.IfVersion != 0 && ch.IfVersion != k.Version && !ignored:
		return k, store.ErrConflict
	}
	if b.has("ignores Clear") {
		ch.Clear = false
	}
	if b.has("ignores Remove") {
		ch.Remove = nil
	}
	if b.has("ignores Subject") || b.has("cannot sign out") && ch.Subject != nil && *ch.Subject == "" {
		ch.Subject = nil
	}
	if b.has("only ever extends") && k.expires > b.now+ch.TTL {
		ch.TTL = 0
	}
	if b.has("merges nested objects") {
		ch.Set = cloneState(ch.Set)
		for name, text := range ch.Set {
			both := map[string]any{}
			if json.Unmarshal(k.State[name], &both) == nil && json.Unmarshal(text, &both) == nil {
				ch.Set[name], _ = json.Marshal(both)
			}
		}
	}
	before := k.Version
	k.Record = store.Merge(k.Record, ch)
	if b.has("removes after it sets") {
		for _, name := range ch.Remove {
			delete(k.State, name)
		}
	}
	if b.has("keeps the version when the TTL alone changes") && ttlAlone {
		k.Version = before
	}
	switch {
	case ch.TTL != 0:
		k.expires = b.now + b.ttl(ch.TTL)
	case b.has("starts the TTL again with every change"):
		k.expires = b.now + k.TTL
	case b.has("forgets the TTL in a change"):
		k.expires = math.MaxInt64
	}
	return k, nil
}

func (b *flawed) Update(ctx context.Context, key store.Key, ch store.Change) error {
	if err := b.enter(ctx); err != nil {
		return err
	}
	defer b.mu.Unlock()
	key = b.key(key)
	k, err := b.find(key)
	if b.has("inserts on update") && err != nil {
		b.put(key, kept{Record: store.Merge(store.Record{}, ch), expires: b.now + hour})
		return nil
	}
	if b.has("calls a missing record a conflict") && err != nil && ch.IfVersion != 0 {
		return store.ErrConflict
	}
	if err != nil {
		return err
	}
	changed, err := b.change(k, ch)
	if err != nil {
		return err
	}
	switch {
	case b.has("looks at the version before it writes"):
		b.yield()
		ch.IfVersion = 0
		if k, err = b.find(key); err != nil {
			return err
		}
		changed, _ = b.change(k, ch)
	case b.has("writes back what it read"):
		b.yield()
	case b.has("stops half-way"):
		k.State = cloneState(k.State)
		delete(k.State, "a")
		b.put(key, k)
		b.mu.Unlock()
		select {
		case <-ctx.Done():
			b.mu.Lock()
			return ctx.Err()
		case <-time.After(500 * time.Microsecond):
			b.mu.Lock()
		}
	}
	b.put(key, changed)
	return nil
}

func (b *flawed) ChangeKey(ctx context.Context, from, to store.Key, ch store.Change) error {
	if err := b.enter(ctx); err != nil {
		return err
	}
	defer b.mu.Unlock()
	from, to = b.key(from), b.key(to)
	k, err := b.find(from)
	if b.has("inserts on change key") && err != nil {
		b.put(to, kept{Record: store.Merge(store.Record{}, ch), expires: b.now + hour})
		return nil
	}
	if err != nil {
		return err
	}
	if b.has("ignores IfVersion in a change of key") {
		ch.IfVersion = 0
	}
	if b.has("ignores the TTL of a change of key") {
		ch.TTL = 0
	}
	if b.has("starts the TTL again in a change of key") && ch.TTL == 0 {
		ch.TTL = k.TTL
	}
	changed, err := b.change(k, ch)
	if err != nil {
		if b.has("ends what it refuses to rename") {
			b.end(from, k, store.ErrRenewed)
		}
		return err
	}
	target, err := b.find(to)
	_, there := b.records[to]
	switch {
	case err == nil && from == to && b.has("renames onto itself"),
		err == nil && from != to && b.has("renames over a live record"),
		err == nil && target.corrupt && b.has("writes over a corrupt record"):
	case err == nil,
		there && b.has("lets an expired record stand in the way"),
		is(err, store.ErrEnded) && b.has("lets a mark stand in the way"):
		return store.ErrDuplicateKey
	}
	changed.previous = from
	switch {
	case b.has("leaves the old key alive"):
		b.put(to, changed)
		return nil
	case b.has("renames what it read before"):
		b.yield()
	case b.has("renames in two steps, the new key first"):
		b.put(to, changed)
		b.yield()
		b.end(from, k, store.ErrRenewed)
		return nil
	case b.has("renames in two steps, the old key first"):
		b.end(from, k, store.ErrRenewed)
		b.yield()
		b.put(to, changed)
		return nil
	}
	b.end(from, k, store.ErrRenewed)
	b.put(to, changed)
	return nil
}

func (b *flawed) Delete(ctx context.Context, key store.Key) error {
	if err := b.enter(ctx); err != nil {
		return err
	}
	defer b.mu.Unlock()
	key = b.key(key)
	k, err := b.find(key)
	if err != nil {
		return err
	}
	if b.has("refuses to delete a corrupt record") && k.corrupt {
		return store.ErrCorrupt
	}
	b.end(key, k, store.ErrEnded)
	return nil
}

func (b *flawed) DeleteExpired(ctx context.Context, limit int) (int, error) {
	if err := b.enter(ctx); err != nil {
		return 0, err
	}
	defer b.mu.Unlock()
	if b.has("never sweeps") {
		return 0, nil
	}
	if b.has("sweeps marks away") {
		clear(b.marks)
	}
	if limit == 0 || b.has("ignores the limit of a sweep") {
		limit = math.MaxInt
	}
	removed := 0
	for key, k := range maps.Clone(b.records) {
		expires := k.expires
		switch {
		case b.has("sweeps by the first TTL"):
			expires = k.firstExpires
		case b.has("sweeps what lives"):
			expires = 0
		case b.has("cannot sweep past a corrupt record") && k.corrupt:
			return removed, errFlaw
		}
		if expires > b.now || removed == limit {
			continue
		}
		if b.has("counts what another one removed") {
			b.yield()
		}
		delete(b.records, key)
		removed++
		if b.has("leaves a sweep undone") {
			break
		}
	}
	return removed, nil
}

func cloneState(state map[string]json.RawMessage) map[string]json.RawMessage {
	cloned := make(map[string]json.RawMessage, len(state))
	for key, text := range state {
		cloned[key] = bytes.Clone(text)
	}
	return cloned
}
