package store

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// scope names this package to OpenTelemetry.
const scope = "github.com/fxsession/sessions/store"

type operation int

const (
	opCreate operation = iota
	opLoad
	opUpdate
	opChangeKey
	opDelete
	opDeleteExpired
	opListBySubject
	opDeleteBySubject
	opPing
)

// String names the operation in errors, metrics and spans.
func (op operation) String() string {
	return [...]string{
		"create", "load", "update", "change key", "delete", "delete expired", "list by subject", "delete by subject", "ping",
	}[op]
}

// telemetry measures and traces; a nil *telemetry costs nothing.
type telemetry struct {
	duration metric.Float64Histogram
	tracer   trace.Tracer
}

func newTelemetry(meters metric.MeterProvider, tracers trace.TracerProvider) *telemetry {
	if meters == nil && tracers == nil {
		return nil
	}
	if meters == nil {
		meters = metricnoop.NewMeterProvider()
	}
	if tracers == nil {
		tracers = tracenoop.NewTracerProvider()
	}
	// The name and the unit are constants, so that the error cannot occur; the
	// instrument is usable in any case.
	duration, _ := meters.Meter(scope).Float64Histogram("session.store.operation.duration",
		metric.WithUnit("s"),
		metric.WithDescription("How long an operation of the session store took, by operation and outcome."),
		metric.WithExplicitBucketBoundaries(.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5))
	return &telemetry{duration: duration, tracer: tracers.Tracer(scope)}
}

func (t *telemetry) start(ctx context.Context, op operation) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, "session.store "+op.String(), trace.WithSpanKind(trace.SpanKindClient))
}

func (t *telemetry) end(ctx context.Context, span trace.Span, op operation, took time.Duration, err error) {
	outcome := attribute.String("outcome", outcomeOf(err))
	t.duration.Record(ctx, took.Seconds(), metric.WithAttributes(attribute.String("operation", op.String()), outcome))
	span.SetAttributes(outcome)
	if outcome.Value.AsString() == "unavailable" {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}
