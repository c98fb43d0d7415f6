package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/internal/testserver"
	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// interrupted is a client that lets somebody else come between two commands of
// a pipeline.
type interrupted struct {
	rueidis.Client
	after int // how many commands are done before
	do    func()
}

func (c *interrupted) DoMulti(ctx context.Context, multi ...rueidis.Completed) (results []rueidis.RedisResult) {
	for i, cmd := range multi {
		if i == c.after {
			c.do()
		}
		results = append(results, c.Client.Do(ctx, cmd))
	}
	return results
}

// Whatever comes between the commands of a load, it gives what there was at one
// moment, and how long it has to live.
func TestALoadIsOfOneMoment(t *testing.T) {
	t.Parallel()
	client := newClient(t, shared.Get(t).Addr())
	before := record("a", `1`)
	anew := store.Record{CreatedAt: before.CreatedAt.Add(time.Second), TTL: 3 * time.Hour, State: state("a", `3`)}
	for name, change := range map[string]struct {
		do   func(s *redisstore.Store) error
		want string // what there is afterwards
	}{
		"an update": {func(s *redisstore.Store) error {
			return s.Update(t.Context(), key(1), store.Change{Set: state("a", `2`), TTL: 2 * time.Hour})
		}, "version 2 for 2h: 2"},
		"an end": {func(s *redisstore.Store) error { return s.Delete(t.Context(), key(1)) }, "ended"},
		"a new record": {func(s *redisstore.Store) error {
			return errors.Join(s.Delete(t.Context(), key(1)), s.Create(t.Context(), key(1), anew))
		}, "version 1 for 3h: 3"},
	} {
		for after := range 3 {
			t.Run(fmt.Sprintf("%s after %d commands", name, after), func(t *testing.T) {
				t.Parallel()
				namespace := redisstore.WithNamespace(newNamespace())
				s := redisstore.New(client, namespace)
				if err := s.Create(t.Context(), key(1), before); err != nil {
					t.Fatal(err)
				}
				reader := redisstore.New(&interrupted{client, after, func() {
					if err := change.do(s); err != nil {
						t.Error(err)
					}
				}}, namespace)
				if got := shown(reader.Load(t.Context(), key(1))); got != change.want && got != "version 1 for 1h: 1" {
					t.Errorf("load: %s", got)
				}
			})
		}
	}
}

// A client that sends reads to replicas does not send loads there, nor what asks
// for the sessions of a subject: what has ended would be open, and what was begun
// would not be found, for as long as they do not know.
func TestALoadIsNotSentToAReplica(t *testing.T) {
	t.Parallel()
	server, behind := shared.Get(t), testserver.Redis(t)
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:    []string{server.Addr()},
		Standalone:     rueidis.StandaloneOption{ReplicaAddress: []string{behind.Addr()}},
		SendToReplicas: func(cmd rueidis.Completed) bool { return cmd.IsReadOnly() },
		DisableCache:   true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s := redisstore.New(client, redisstore.WithNamespace(newNamespace()))
	rec := record("a", `1`)
	rec.Subject = "ada"
	if err := s.Create(t.Context(), key(1), rec); err != nil {
		t.Fatal(err)
	}
	if got := shown(s.Load(t.Context(), key(1))); got != "version 1 for 1h: 1" {
		t.Errorf("load: %s", got)
	}
	if all, err := s.ListBySubject(t.Context(), "ada"); len(all) != 1 || err != nil {
		t.Errorf("%d sessions are listed, error %v", len(all), err)
	}
}

func shown(rec store.Record, err error) string {
	switch {
	case errors.Is(err, store.ErrEnded):
		return "ended"
	case err != nil:
		return err.Error()
	}
	return fmt.Sprintf("version %d for %.0fh: %s", rec.Version, rec.TTL.Hours(), rec.State["a"])
}
