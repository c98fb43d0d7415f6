package session_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxsession/sessions/config"
	"github.com/fxsession/sessions/internal/testbackends"
	"github.com/fxsession/sessions/session"
	"github.com/fxsession/sessions/store"
)

// crowd is how many subjects sign in and revoke, with how many devices each, and
// for how long; 0 is for some hundred requests. SESSIONS_CROWD=60s makes it many,
// for that long:
//
//	SESSIONS_CROWD=60s go test -run TestACrowd -timeout 30m -v ./session
func crowd(t *testing.T) (subjects, devices int, lasts time.Duration) {
	t.Helper()
	text := os.Getenv("SESSIONS_CROWD")
	if text == "" {
		return 20, 5, 0
	}
	lasts, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return 1000, 20, lasts
}

// Sign-ins, renewals, sign-outs and revocations race on two instances.
// Afterwards what was ended is dead, what was not is alive, and the lists hold
// all that is alive and nothing else.
func TestACrowd(t *testing.T) {
	t.Parallel()
	subjects, devices, lasts := crowd(t)
	testbackends.Each(t, func(t *testing.T, h testbackends.Harness) {
		c := newDeviceCrowd(t, h, subjects, devices)
		deadline := time.Now().Add(lasts)
		var requests atomic.Int64
		var workers sync.WaitGroup
		for range 8 {
			workers.Go(func() {
				for requests.Add(1) <= 400 || time.Now().Before(deadline) {
					c.act()
				}
			})
		}
		workers.Wait()
		c.check()
	})
}

// deviceCrowd is what is known of every device while it happens.
type deviceCrowd struct {
	t         *testing.T
	store     *store.SessionStore
	instances []*session.Manager
	subjects  []string
	devices   []*crowdDevice

	mu    sync.Mutex
	ended map[store.Key]session.EventKind // by an answer that said so
	acts  [7]atomic.Int64
}

// crowdDevice makes one request at a time.
type crowdDevice struct {
	mu      sync.Mutex
	subject string
	browser
}

func newDeviceCrowd(t *testing.T, h testbackends.Harness, subjects, devices int) *deviceCrowd {
	c := &deviceCrowd{t: t, ended: map[store.Key]session.EventKind{}}
	cfg := config.Default()
	cfg.Cookie.Keys = []config.Key{testKey}
	cfg.Store.Timeout = 30 * time.Second // the machine may be busy
	for range 2 {
		c.store = store.New(h.Open(t), store.WithTimeout(cfg.Store.Timeout))
		m, err := session.NewManager(cfg, c.store, session.WithObserver(c))
		if err != nil {
			t.Fatal(err)
		}
		c.instances = append(c.instances, m)
	}
	e := &env{T: t, Manager: c.instances[0]}
	var all sync.WaitGroup
	for i := range subjects {
		subject := fmt.Sprint("subject-", i)
		c.subjects = append(c.subjects, subject)
		for range devices {
			c.devices = append(c.devices, &crowdDevice{subject: subject, browser: browser{e: e, m: c.instances[0]}})
		}
	}
	for part := range 8 {
		all.Go(func() {
			for i := part; i < len(c.devices); i += 8 {
				c.devices[i].visit(signIn(c.devices[i].subject))
			}
		})
	}
	all.Wait()
	return c
}

// Observe notes what has ended.
func (c *deviceCrowd) Observe(_ context.Context, e session.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e.Kind {
	case session.EventRevoked, session.EventSignedOut:
		if was, twice := c.ended[e.Key]; twice {
			c.t.Errorf("a session was %s, and then %s", was, e.Kind)
		}
		c.ended[e.Key] = e.Kind
	case session.EventRenewed, session.EventSignedIn:
		if e.From != (store.Key{}) {
			c.ended[e.From] = e.Kind
		}
	}
}

// act lets a device do something.
func (c *deviceCrowd) act() {
	d := c.devices[rand.N(len(c.devices))]
	d.mu.Lock()
	defer d.mu.Unlock()
	d.m = c.instances[rand.N(len(c.instances))]
	kind := rand.N(100)
	switch {
	case d.cookie == nil || kind < 25:
		c.count(0)
		c.request(d, signIn(d.subject))
	case kind < 45:
		c.count(1)
		c.request(d, then(load, cycle))
	case kind < 60:
		c.count(2)
		c.request(d, invalidate)
	case kind < 80:
		c.count(3)
		c.request(d, func(ctx context.Context, _ *session.Session) error {
			list, err := d.m.Sessions(ctx, d.subject)
			if err != nil || len(list) == 0 {
				return err
			}
			err = d.m.Revoke(ctx, d.subject, list[rand.N(len(list))].Key)
			if gone(err) {
				return nil
			}
			return err
		})
	case kind < 98:
		c.count(4)
		c.request(d, write("k", "v"))
	case kind < 99:
		c.count(5)
		c.request(d, func(ctx context.Context, s *session.Session) error {
			_, err := d.m.RevokeOthers(ctx, s)
			if errors.Is(err, session.ErrNotSignedIn) || gone(err) {
				return nil
			}
			return err
		})
	default:
		c.count(6)
		c.request(d, func(ctx context.Context, _ *session.Session) error {
			return second(d.m.RevokeAll(ctx, d.subject))
		})
	}
}

func (c *deviceCrowd) count(act int) { c.acts[act].Add(1) }

// gone reports whether a session was not there any more.
func gone(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrEnded)
}

// request is one request of a device, which may find that it was signed out.
func (c *deviceCrowd) request(d *crowdDevice, handle handler) {
	res := d.visit(handle)
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusConflict {
		c.t.Errorf("status %d", res.StatusCode)
	}
}

// check compares the devices, the store and the lists.
func (c *deviceCrowd) check() {
	m := c.instances[0]
	listed := map[store.Key]string{}
	for _, subject := range c.subjects {
		list, err := m.Sessions(c.t.Context(), subject)
		if err != nil {
			c.t.Error(err)
		}
		for _, info := range list {
			listed[info.Key] = subject
			if kind, ended := c.ended[info.Key]; ended {
				c.t.Errorf("a session is in the list that was %s", kind)
			}
		}
	}
	alive := 0
	for _, d := range c.devices {
		if d.cookie == nil {
			continue
		}
		key := d.key()
		rec, err := c.store.Load(c.t.Context(), key)
		kind, ended := c.ended[key]
		switch {
		case err != nil && !gone(err):
			c.t.Error(err)
		case ended && err == nil:
			c.t.Errorf("a session is alive that was %s", kind)
		case !ended && err != nil:
			c.t.Errorf("a session is dead that nobody ended: %v", err)
		case err == nil && listed[key] != rec.Subject: // a write with a dead cookie begins a session of nobody
			c.t.Errorf("a live session is in no list")
		case err == nil:
			alive++
			delete(listed, key)
		}
	}
	if len(listed) > 0 {
		c.t.Errorf("%d sessions are in a list that no device has", len(listed))
	}
	c.t.Logf("%d devices, %d alive; sign-ins %d, renewals %d, sign-outs %d, revocations %d, writes %d, of others %d, of all %d",
		len(c.devices), alive, c.acts[0].Load(), c.acts[1].Load(), c.acts[2].Load(), c.acts[3].Load(), c.acts[4].Load(), c.acts[5].Load(), c.acts[6].Load())
}
