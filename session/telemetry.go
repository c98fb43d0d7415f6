package session

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/fxsession/sessions/store"
)

// telemetry counts what goes wrong without any response saying so; a nil
// *telemetry counts nothing.
type telemetry struct {
	cookiesRejected metric.Int64Counter
	recordsLost     metric.Int64Counter
	events          metric.Int64Counter
	conflicts       metric.Int64Counter
}

func newTelemetry(meters metric.MeterProvider) *telemetry {
	if meters == nil {
		return nil
	}
	// The names and units are constants, so that no error can occur; the
	// instruments are usable in any case.
	meter := meters.Meter("github.com/fxsession/sessions/session")
	rejected, _ := meter.Int64Counter("session.cookies.rejected", metric.WithUnit("{cookie}"),
		metric.WithDescription("Session cookies that did not open: tampered with, truncated, or sealed for another name or with another key."))
	lost, _ := meter.Int64Counter("session.records.lost", metric.WithUnit("{record}"),
		metric.WithDescription("Sessions whose record was missing, corrupt, ended or over when it was asked for, by cause."))
	events, _ := meter.Int64Counter("session.events", metric.WithUnit("{event}"),
		metric.WithDescription("What happened to sessions, by kind of event."))
	conflicts, _ := meter.Int64Counter("session.conflicts", metric.WithUnit("{conflict}"),
		metric.WithDescription("Saves that began anew because another request had changed what a Field.Update was based on."))
	return &telemetry{rejected, lost, events, conflicts}
}

// Observe counts an event.
func (t *telemetry) Observe(ctx context.Context, e Event) {
	t.events.Add(ctx, 1, metric.WithAttributes(attribute.String("event", e.Kind.String())))
}

func (t *telemetry) conflict(ctx context.Context) {
	if t != nil {
		t.conflicts.Add(ctx, 1)
	}
}

func (t *telemetry) rejected() {
	if t != nil {
		t.cookiesRejected.Add(context.Background(), 1)
	}
}

func (t *telemetry) lost(cause error) {
	if t == nil {
		return
	}
	name := "missing"
	switch {
	case errors.Is(cause, store.ErrCorrupt):
		name = "corrupt"
	case ended(cause):
		name = "ended"
	case errors.Is(cause, errOver):
		name = "over"
	}
	t.recordsLost.Add(context.Background(), 1, metric.WithAttributes(attribute.String("cause", name)))
}
