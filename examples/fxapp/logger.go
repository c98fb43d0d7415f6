package main

import (
	"go.uber.org/fx/fxevent"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLogger logs to stderr.
func newLogger() (*zap.Logger, error) {
	cfg := zap.NewDevelopmentConfig()
	cfg.Level = zap.NewAtomicLevelAt(zap.InfoLevel)
	cfg.DisableStacktrace, cfg.DisableCaller = true, true
	return cfg.Build()
}

// newEventLogger keeps what fx does out of the log, but for its errors.
func newEventLogger(log *zap.Logger) fxevent.Logger {
	events := &fxevent.ZapLogger{Logger: log}
	events.UseLogLevel(zapcore.DebugLevel)
	return events
}
