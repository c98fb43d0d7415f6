package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/fxsession/sessions/fxsession"
)

// largestBody is more than any form of the shop needs.
const largestBody = 64 << 10

// newServer makes the server. Its handler depends on the session store, so it
// starts when the store is ready, and on the way down its requests are
// answered before the store closes.
func newServer(
	lc fx.Lifecycle, stop fx.Shutdowner, settings Settings, handler fxsession.Handler, streams *Streams, log *zap.Logger,
) *http.Server {
	server := &http.Server{
		Handler:           http.MaxBytesHandler(handler, largestBody),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          zap.NewStdLog(log),
	}
	server.RegisterOnShutdown(streams.close) // Shutdown waits for what is under way
	lc.Append(fx.Hook{
		OnStart: func(ctx context.Context) error {
			listener, err := new(net.ListenConfig).Listen(ctx, "tcp", settings.Addr)
			if err != nil {
				return err
			}
			fmt.Println("listening on", browserURL(listener.Addr()))
			go func() {
				if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
					log.Error("the server broke off", zap.Error(err))
					_ = stop.Shutdown(fx.ExitCode(1))
				}
			}()
			return nil
		},
		OnStop: server.Shutdown,
	})
	return server
}

// browserURL gives the address for a browser on this machine.
func browserURL(addr net.Addr) string {
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}
