package memstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/memstore"
)

func ExampleNew() {
	ctx := context.Background()
	s := store.New(memstore.New(memstore.WithMaxSessions(1)))

	key := store.Key{1} // of a session ID, in an application
	record := store.Record{
		State:     map[string]json.RawMessage{"theme": json.RawMessage(`"dark"`)},
		CreatedAt: time.Now(),
		TTL:       time.Hour,
	}
	if err := s.Create(ctx, key, record); err != nil {
		fmt.Println(err)
	}
	loaded, err := s.Load(ctx, key)
	fmt.Printf("%s %v\n", loaded.State["theme"], err)

	err = s.Create(ctx, store.Key{2}, record)
	fmt.Println(errors.Is(err, store.ErrFull), err)
	// Output:
	// "dark" <nil>
	// true session store: create: the store is full
}
