package redisstore_test

import (
	"context"
	"log"

	"github.com/redis/rueidis"

	"github.com/fxsession/sessions/store"
	"github.com/fxsession/sessions/store/redisstore"
)

// With a URL, the Store makes a client of its own and closes it.
func ExampleOpen() {
	backend, err := redisstore.Open(context.Background(), redisstore.Connection{
		URL: "redis://localhost:6379",
	})
	if err != nil {
		log.Fatal(err) // names the address, never the password
	}
	sessions := store.New(backend)
	defer sessions.Close()
}

// With a client of the application, the Store leaves it open.
func ExampleNew() {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{"localhost:6379"},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	sessions := store.New(redisstore.New(client, redisstore.WithNamespace("shop:session:")))
	if err := sessions.Ping(context.Background()); err != nil {
		log.Fatal(err)
	}
}
