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

// eventLogger logs what goes wrong while the shop starts and stops.
type eventLogger struct{ fxevent.ZapLogger }

func newEventLogger(log *zap.Logger) fxevent.Logger {
	events := &eventLogger{fxevent.ZapLogger{Logger: log}}
	events.UseLogLevel(zapcore.DebugLevel) // all but errors
	return events
}

// LogEvent leaves out errors from before the start: main prints those.
func (l *eventLogger) LogEvent(event fxevent.Event) {
	switch event.(type) {
	case *fxevent.Provided, *fxevent.Supplied, *fxevent.Replaced, *fxevent.Decorated, *fxevent.Run, *fxevent.Invoked:
	default:
		l.ZapLogger.LogEvent(event)
	}
}
