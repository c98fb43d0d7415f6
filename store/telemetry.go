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
	records  metric.Registration // nil: the backend does not count them
	tracer   trace.Tracer
}

func newTelemetry(b Backend, meters metric.MeterProvider, tracers trace.TracerProvider) *telemetry {
	if meters == nil && tracers == nil {
		return nil
	}
	if meters == nil {
		meters = metricnoop.NewMeterProvider()
	}
	if tracers == nil {
		tracers = tracenoop.NewTracerProvider()
	}
	// Names and units are constants, so that no error can occur; the instruments
	// are usable in any case.
	meter := meters.Meter(scope)
	duration, _ := meter.Float64Histogram("session.store.operation.duration",
		metric.WithUnit("s"),
		metric.WithDescription("How long an operation of the session store took, by operation and outcome."),
		metric.WithExplicitBucketBoundaries(.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5))
	t := &telemetry{duration: duration, tracer: tracers.Tracer(scope)}
	if counter, ok := b.(Counter); ok {
		records, _ := meter.Int64ObservableUpDownCounter("session.store.records",
			metric.WithUnit("{record}"),
			metric.WithDescription("Records that the store holds, expired ones that are still to be swept among them."))
		t.records, _ = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
			o.ObserveInt64(records, int64(counter.Count()))
			return nil
		}, records)
	}
	return t
}

// close ends what was registered.
func (t *telemetry) close() {
	if t != nil && t.records != nil {
		_ = t.records.Unregister() // its callback is its own: the error is always nil
	}
}

func (t *telemetry) start(ctx context.Context, op operation) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, "session.store "+op.String(), trace.WithSpanKind(trace.SpanKindClient))
}

func (t *telemetry) end(ctx context.Context, span trace.Span, op operation, took time.Duration, err error) {
	outcome := attribute.String("outcome", outcomeOf(err))
	t.duration.Record(ctx, took.Seconds(), metric.WithAttributes(attribute.String("operation", op.String()), outcome))
	span.SetAttributes(outcome)
	if outcome.Value.AsString() == "unavailable" {
		span.SetAttributes(attribute.String("error.type", outcome.Value.AsString()))
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}
