package redisstore

import (
	"cmp"
	"context"
	"runtime"
	"sync"

	"github.com/redis/rueidis"
)

// batches make one command of the plain loads that come at about the same time:
// fewer goroutines are woken, and Redis has less to do, than with a command for
// each. No load waits for others to come.
type batches struct {
	mu   sync.Mutex
	open *batch // which loads may join; nil where there is none
}

// mostLoads is how many loads a batch may have: Redis does nothing else while it
// collects their records.
const mostLoads = 64

// batch is also the context of its command, and shows the client what [ending]
// does: that it has ended, which is when nobody waits for it any more. Its values are
// those of the first load.
type batch struct {
	loads []*plainLoad
	done  chan struct{} // closed when there is what follows
	now   int64         // see plainLoad
	values []rueidis.RedisMessage // what is under the names of the loads
	err    error
	ending
}

// do makes a load over client, with others. It returns when the context of the
// load ends. ok is false where there is nothing, or something that is no text: the
// load is to be made alone then, which tells one from the other.
func (b *batches) do(l *plainLoad, client rueidis.Client) (r reply, ok bool) {
	joined, place := b.join(l)
	if place == 0 {
		go b.send(joined, client)
	}
	if err := wait(l.ctx, joined.done); err != nil {
		return reply{err: err}, true
	}
	if joined.err != nil {
		return reply{err: joined.err}, true
	}
	l.now = joined.now
	return reply{message: joined.values[place]}, !joined.values[place].IsNil()
}

// join puts l into the batch that is open, and says at which place. Who is at the
// first has to send it.
func (b *batches) join(l *plainLoad) (joined *batch, place int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		b.open = &batch{done: make(chan struct{}), ending: ending{l.ctx}}
	}
	joined, place = b.open, len(b.open.loads)
	joined.loads = append(joined.loads, l)
	if len(joined.loads) == mostLoads {
		b.open = nil
	}
	return joined, place
}

// send closes a batch, after the goroutines that can run now, which may have
// something for it, and does it.
func (b *batches) send(closed *batch, client rueidis.Client) {
	runtime.Gosched()
	b.mu.Lock()
	if b.open == closed {
		b.open = nil
	}
	b.mu.Unlock()
	closed.do(client)
	close(closed.done)
}

func (b *batch) do(client rueidis.Client) {
	names := make([]string, len(b.loads))
	for i, l := range b.loads {
		names[i] = l.name
	}
	s := b.loads[0].store
	both := client.DoMulti(b, s.read("MGET", names[0], names[1:]...), s.time())
	if b.err = cmp.Or(newReply(both[0]).err, newReply(both[1]).err); b.err != nil {
		return
	}
	now, ok := readTime(both[1])
	values, _ := both[0].ToArray()
	if b.now, b.values = now, values; !ok || len(values) != len(names) {
		b.err = errNotPlain
	}
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
