package redisstore

import (
	"cmp"
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// batches make one command of the plain loads that come at about the same time:
// fewer goroutines are woken, and Redis has less to do, than with a command for
// each. None is held back for others to come: a batch is sent when the goroutines
// that could run at its beginning, and those that they have woken, have done so.
type batches struct {
	underWay atomic.Int64 // loads

	mu   sync.Mutex
	open *batch      // which loads may join; nil where there is none
	most int         // how many loads may be in the next one; 0 for mostLoads
	late *time.Timer // sends what is open where processors are busy; nil before the first
}

// latest is for how long a batch may be open: where processors are busy, goroutines
// that wake each other may keep on running before the one that is to send it.
const latest = 250 * time.Microsecond

// A batch has no more loads than mostLoads, and no more than fit into mostBytes if
// each were as long as the longest record of the last one: Redis does nothing else
// while it collects them, and they have to arrive in the time that one answer may take.
const (
	mostLoads = 64
	mostBytes = 256 << 10
)

// batch is also the context of its command, and shows the client what [ending]
// does: that it has ended, which is when nobody waits for it any more. Its values are
// those of the first load.
type batch struct {
	loads []*plainLoad
	sent  bool
	done  chan struct{} // closed when there is what follows
	lone  reply         // where there is one load
	// values are what is under the names of several, and now is as in plainLoad.
	// They are none where Redis did not give them.
	values []rueidis.RedisMessage
	now    int64
	ending
}

// do makes a load over client, with others. It returns when the context of the
// load ends. ok is false where it has to be made alone after all: what fails for
// many may not fail for each, and where there is no text for one of several there may
// be nothing, or something of another type.
func (b *batches) do(l *plainLoad, client rueidis.Client) (r reply, ok bool) {
	others := b.underWay.Add(1) > 1
	defer b.underWay.Add(-1)
	joined, place, full := b.join(l)
	switch {
	case full: // there is nothing to wait for
		go b.send(joined, client)
	case place > 0: // who is at the first place sends it, or who is at the last
	case others:
		b.arm(client)
		go func() {
			runtime.Gosched()
			runtime.Gosched()
			b.send(joined, client)
		}()
	default:
		go b.send(joined, client)
	}
	if err := wait(l.ctx, joined.done); err != nil {
		return reply{err: err}, true
	}
	switch {
	case len(joined.loads) == 1:
		return joined.lone, true
	case joined.values == nil || joined.values[place].IsNil():
		return reply{}, false
	}
	l.now = joined.now
	return reply{message: joined.values[place]}, true
}

// arm sees to it that what is open is sent, at the latest.
func (b *batches) arm(client rueidis.Client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.late != nil {
		b.late.Reset(latest)
		return
	}
	b.late = time.AfterFunc(latest, func() {
		b.mu.Lock()
		open := b.open
		b.mu.Unlock()
		if open != nil {
			b.send(open, client)
		}
	})
}

// join puts l into the batch that is open, says at which place, and whether that is
// full now. Who is at the first place has to send it, and who is at the last.
func (b *batches) join(l *plainLoad) (joined *batch, place int, full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		b.open = &batch{done: make(chan struct{}), ending: ending{l.ctx}}
	}
	joined, place = b.open, len(b.open.loads)
	joined.loads = append(joined.loads, l)
	if full = len(joined.loads) >= cmp.Or(b.most, mostLoads); full {
		b.open = nil
	}
	return joined, place, full
}

// send closes a batch, and does it, unless that was done.
func (b *batches) send(closed *batch, client rueidis.Client) {
	b.mu.Lock()
	sent := closed.sent
	closed.sent = true
	if b.open == closed {
		b.open = nil
	}
	b.mu.Unlock()
	if sent {
		return
	}
	longest := closed.do(client)
	b.mu.Lock()
	b.most = max(1, min(mostLoads, mostBytes/max(longest, 1)))
	b.mu.Unlock()
	close(closed.done)
}

// do makes the loads, and says how many bytes the longest record has, or may have.
func (b *batch) do(client rueidis.Client) (longest int) {
	if len(b.loads) == 1 {
		if b.lone = newReply(b.loads[0].over(b, client)); b.lone.err != nil {
			return mostBytes
		}
		return len(text(b.lone.message))
	}
	names := make([]string, len(b.loads))
	for i, l := range b.loads {
		names[i] = l.name
	}
	s := b.loads[0].store
	both := client.DoMulti(b, s.read("MGET", names[0], names[1:]...), s.time())
	now, ok := s.hearTime(both[1])
	values, _ := both[0].ToArray()
	if !ok || len(values) != len(names) {
		return mostBytes
	}
	b.now, b.values = now, values
	for _, value := range values {
		longest = max(longest, len(text(value)))
	}
	return longest
}

// Err is nil as long as somebody waits.
func (b *batch) Err() error {
	for _, l := range b.loads {
		if l.ctx.Err() == nil {
			return nil
		}
	}
	return context.Canceled
}
