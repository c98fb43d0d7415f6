package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.uber.org/fx"
)

// Metrics serves what the MeterProvider of the graph has counted, in the form
// of Prometheus.
type Metrics http.Handler

type newMetricsResult struct {
	fx.Out

	Provider metric.MeterProvider // which the sessions find in the graph
	Handler  Metrics
}

func newMetrics(lc fx.Lifecycle) (newMetricsResult, error) {
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
	if err != nil {
		return newMetricsResult{}, err
	}
	provider := sdk.NewMeterProvider(sdk.WithReader(reader))
	lc.Append(fx.Hook{OnStop: provider.Shutdown})
	return newMetricsResult{Provider: provider, Handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{})}, nil
}

// showMetrics is for Prometheus, not for visitors: a proxy in front of the shop
// keeps it to those who run it.
func showMetrics(w http.ResponseWriter, r *http.Request, metrics Metrics) { metrics.ServeHTTP(w, r) }
