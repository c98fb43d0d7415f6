package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v3"
	"github.com/redis/rueidis"
)

const (
	rueidisModule  = "github.com/redis/rueidis"
	bareHandler    = "bare handler"
	bareGin        = "bare gin"
	bareFiber      = "bare fiber"
	rueidisGet     = "rueidis GET"
	rueidisOwn     = "rueidis GET, own connection"
	rueidisDoCache = "rueidis DoCache"
)

// floors are what no session library can go below: handlers that have no
// session, and some that read a text from Redis and do nothing with it.
func floors() []library {
	return []library{
		{bareHandler, "", "none", []scenario{s1, s2}, func(string) (*site, error) {
			handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, nil) })
			return &site{Handler: handler, Close: func() {}}, nil
		}},
		{bareGin, ginModule, "none", []scenario{s1, s2}, func(string) (*site, error) {
			engine := newGin()
			engine.GET("/:scenario", func(c *gin.Context) { answer(c.Writer, nil) })
			return &site{Handler: engine, Close: func() {}}, nil
		}},
		{bareFiber, fiberModule, "none", []scenario{s1, s2}, func(string) (*site, error) {
			app := fiber.New()
			app.Get("/:scenario", func(c fiber.Ctx) error { return c.Send(okBody) })
			return &site{Fiber: app, Close: func() {}}, nil
		}},
		// The client puts the requests of all its callers into one pipeline.
		{rueidisGet, rueidisModule, "redis", []scenario{s3}, func(address string) (*site, error) {
			return openRueidis(address, false, func(ctx context.Context, c rueidis.Client) rueidis.RedisResult {
				return c.Do(ctx, c.B().Get().Key(floorKey).Build())
			})
		}},
		// Each call takes a connection, and writes and reads in its own
		// goroutine, which the client does only where the call cannot be
		// cancelled: the least that it takes to ask Redis.
		{rueidisOwn, rueidisModule, "redis", []scenario{s3}, func(address string) (*site, error) {
			return openRueidis(address, true, func(ctx context.Context, c rueidis.Client) rueidis.RedisResult {
				return c.Do(context.WithoutCancel(ctx), c.B().Get().Key(floorKey).Build())
			})
		}},
		{rueidisDoCache, rueidisModule, "redis", []scenario{s3}, func(address string) (*site, error) {
			return openRueidis(address, false, func(ctx context.Context, c rueidis.Client) rueidis.RedisResult {
				return c.DoCache(ctx, c.B().Get().Key(floorKey).Cache(), time.Minute)
			})
		}},
	}
}

const floorKey = "floor"

// floorCookie is sent to a floor, which has no sessions. It is as long as that of
// this library, so that the requests differ in nothing but who answers them.
var floorCookie = "__Host-session=" + strings.Repeat("0", 96)

func openRueidis(address string, ownConnections bool, get func(context.Context, rueidis.Client) rueidis.RedisResult) (*site, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{address}, DisableAutoPipelining: ownConnections})
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
