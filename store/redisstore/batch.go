package redisstore

import (
	"context"
	"runtime"
	"sync"

	"github.com/redis/rueidis"
)

// batches make one pipeline of the plain loads that come at about the same time:
// fewer goroutines are woken, and Redis reads and writes less often, than with a
// pipeline for each. No load waits for others to come.
type batches struct {
	mu   sync.Mutex
	open *batch // which loads may join; nil where there is none
}

// batch is also the context of its pipeline, and shows the client what [ending]
// does: that it has ended, which is when nobody waits for it any more. Its values are
// those of the first load.
type batch struct {
	loads   []*plainLoad
	answers []rueidis.RedisResult // to the commands of all loads
	done    chan struct{}         // closed when there are answers
	ending
}

// do makes a load over client, with others. It returns when the context of the
// load ends.
func (b *batches) do(l *plainLoad, client rueidis.Client) reply {
	joined, place := b.join(l)
	if place == 0 {
		go b.send(client)
	}
	if err := wait(l.ctx, joined.done); err != nil {
		return reply{err: err}
	}
	return newReply(l.take(joined.answers[place*plainCommands:]))
}

// join puts l into the batch that is open, and says at which place. Who is at the
// first has to send it.
func (b *batches) join(l *plainLoad) (joined *batch, place int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		b.open = &batch{done: make(chan struct{}), ending: ending{l.ctx}}
	}
	b.open.loads = append(b.open.loads, l)
	return b.open, len(b.open.loads) - 1
}

// send closes the batch, after the goroutines that can run now: they may have
// something for it.
func (b *batches) send(client rueidis.Client) {
	runtime.Gosched()
	b.mu.Lock()
	closed := b.open
	b.open = nil
	b.mu.Unlock()
	commands := make([]rueidis.Completed, 0, plainCommands*len(closed.loads))
	for _, l := range closed.loads {
		commands = l.commands(commands)
	}
	closed.answers = client.DoMulti(closed, commands...)
	close(closed.done)
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
