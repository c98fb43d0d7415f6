package main

import (
	"context"
	"net/http"
	"time"

	"github.com/redis/rueidis"
)

const (
	rueidisModule  = "github.com/redis/rueidis"
	bareHandler    = "bare handler"
	rueidisGet     = "rueidis GET"
	rueidisDoCache = "rueidis DoCache"
)

// floors are what no session library can go below: a handler that has no
// session, and one that reads a text from Redis and does nothing with it.
func floors() []library {
	return []library{
		{bareHandler, "", "none", []scenario{s1, s2}, func(string) (*site, error) {
			handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, nil) })
			return &site{Handler: handler, Close: func() {}}, nil
		}},
		{rueidisGet, rueidisModule, "redis", []scenario{s3}, func(address string) (*site, error) {
			return openRueidis(address, func(ctx context.Context, c rueidis.Client) rueidis.RedisResult {
				return c.Do(ctx, c.B().Get().Key(floorKey).Build())
			})
		}},
		{rueidisDoCache, rueidisModule, "redis", []scenario{s3}, func(address string) (*site, error) {
			return openRueidis(address, func(ctx context.Context, c rueidis.Client) rueidis.RedisResult {
				return c.DoCache(ctx, c.B().Get().Key(floorKey).Cache(), time.Minute)
			})
		}},
	}
}

const floorKey = "floor"

func openRueidis(address string, get func(context.Context, rueidis.Client) rueidis.RedisResult) (*site, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{address}})
	if err != nil {
		return nil, err
	}
	if err := client.Do(context.Background(), client.B().Set().Key(floorKey).Value(initial.json()).Build()).Error(); err != nil {
		client.Close()
		return nil, err
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, get(r.Context(), client).Error())
	})
	return &site{Handler: handler, Close: client.Close}, nil
}
