package store_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/fxsession/sessions/store"
)

// outcomes gives a backend's answer for each outcome that telemetry names.
var outcomes = map[string]error{
	"ok":            nil,
	"not_found":     store.ErrNotFound,
	"ended":         store.ErrRenewed,
	"conflict":      store.ErrConflict,
	"duplicate_key": store.ErrDuplicateKey,
	"corrupt":       store.ErrCorrupt,
	"full":          store.ErrFull,
	"unavailable":   errors.New("connection refused"),
}

func TestEveryOperationIsMeasuredByOutcome(t *testing.T) {
	t.Parallel()
	reader := metric.NewManualReader()
	meters := metric.NewMeterProvider(metric.WithReader(reader))
	want := map[[2]string]uint64{}
	for op, call := range operations {
		for outcome, answer := range outcomes {
			_ = call(t.Context(), store.New(answering(answer), store.WithMeterProvider(meters)))
			want[[2]string{op, outcome}] = 1
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = call(ctx, store.New(waits(), store.WithMeterProvider(meters)))
		want[[2]string{op, "canceled"}] = 1
	}

	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.ScopeMetrics) != 1 || len(all.ScopeMetrics[0].Metrics) != 1 {
		t.Fatalf("%d scopes, want one with one metric", len(all.ScopeMetrics))
	}
	got := all.ScopeMetrics[0].Metrics[0]
	if got.Name != "session.store.operation.duration" || got.Unit != "s" || got.Description == "" {
		t.Errorf("the metric is %q in %q: %q", got.Name, got.Unit, got.Description)
	}
	for _, point := range got.Data.(metricdata.Histogram[float64]).DataPoints {
		operation, _ := point.Attributes.Value("operation")
		outcome, _ := point.Attributes.Value("outcome")
		key := [2]string{operation.AsString(), outcome.AsString()}
		if point.Count != want[key] || point.Attributes.Len() != 2 {
			t.Errorf("%v: %d times, with %d attributes, want %d with two", key, point.Count, point.Attributes.Len(), want[key])
		}
		if point.Sum < 0 || point.Sum > 10 {
			t.Errorf("%v: took %v seconds", key, point.Sum)
		}
		delete(want, key)
	}
	if len(want) != 0 {
		t.Errorf("not measured: %v", want)
	}
}

func TestEveryOperationIsASpan(t *testing.T) {
	t.Parallel()
	for op, call := range operations {
		for outcome, answer := range outcomes {
			spans := tracetest.NewSpanRecorder()
			tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
			b := answering(answer)
			inner := b.answer
			var seen trace.SpanContext
			b.answer = func(ctx context.Context) error {
				seen = trace.SpanContextFromContext(ctx)
				return inner(ctx)
			}
			_ = call(t.Context(), store.New(b, store.WithTracerProvider(tracers)))

			ended := spans.Ended()
			if len(ended) != 1 {
				t.Fatalf("%s, %s: %d spans, want one", op, outcome, len(ended))
			}
			span := ended[0]
			if span.Name() != "session.store "+op || span.SpanKind() != trace.SpanKindClient {
				t.Errorf("%s: the span is %q, of kind %s", op, span.Name(), span.SpanKind())
			}
			if !seen.Equal(span.SpanContext()) {
				t.Errorf("%s: the backend was not called within the span", op)
			}
			want := []attribute.KeyValue{attribute.String("outcome", outcome)}
			if outcome == "unavailable" { // as the semantic conventions name what went wrong
				want = append(want, attribute.String("error.type", outcome))
			}
			if attrs := span.Attributes(); !slices.Equal(attrs, want) {
				t.Errorf("%s: attributes %v, want %v", op, attrs, want)
			}
			status := span.Status()
			if failed := status.Code == codes.Error; failed != (outcome == "unavailable") {
				t.Errorf("%s, %s: status %v", op, outcome, status)
			}
			if strings.Contains(status.Description, aKeyText) || strings.Contains(status.Description, "secret") {
				t.Errorf("%s: the status gives a key or a value away: %q", op, status.Description)
			}
		}
	}
}

func TestTelemetryChangesNoAnswer(t *testing.T) {
	t.Parallel()
	for op, call := range operations {
		for outcome, answer := range outcomes {
			plain := call(t.Context(), store.New(answering(answer)))
			measured := call(t.Context(), store.New(answering(answer),
				store.WithMeterProvider(metric.NewMeterProvider()), store.WithTracerProvider(sdktrace.NewTracerProvider())))
			if (plain == nil) != (measured == nil) || plain != nil && plain.Error() != measured.Error() {
				t.Errorf("%s, %s: error %v, want %v", op, outcome, measured, plain)
			}
		}
	}
}

// counting is a backend that knows how many records it has.
type counting struct {
	store.Backend
	n int
}

func (c counting) Count() int { return c.n }

func TestRecordsAreCountedWhereThatIsCheap(t *testing.T) {
	t.Parallel()
	reader := metric.NewManualReader()
	meters := metric.NewMeterProvider(metric.WithReader(reader))
	count := func() (points []metricdata.DataPoint[int64]) {
		t.Helper()
		var all metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &all); err != nil {
			t.Fatal(err)
		}
		for _, scope := range all.ScopeMetrics {
			for _, m := range scope.Metrics {
				if m.Name == "session.store.records" {
					points = append(points, m.Data.(metricdata.Sum[int64]).DataPoints...)
				}
			}
		}
		return points
	}
	bare := store.New(answering(nil), store.WithMeterProvider(meters))
	if points := count(); len(points) != 0 {
		t.Errorf("a backend that does not count: %v", points)
	}
	s := store.New(counting{answering(nil), 7}, store.WithMeterProvider(meters))
	if points := count(); len(points) != 1 || points[0].Value != 7 || points[0].Attributes.Len() != 0 {
		t.Errorf("got %v, want 7", points)
	}
	for _, s := range []*store.SessionStore{s, bare} {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if points := count(); len(points) != 0 {
		t.Errorf("after it was closed: %v", points)
	}
}
