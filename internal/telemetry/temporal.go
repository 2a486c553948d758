package telemetry

import (
	"fmt"

	"go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	temporalotel "go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// Temporal gives a client of Temporal's, and all workers that are made of it, the SDK's own metrics, temporal_…, and where
// traces are sent, one trace for all that a run makes happen.
func Temporal(r *Registry) (func(*client.Options), error) {
	metrics, err := r.temporalMetrics()
	if err != nil {
		return nil, err
	}
	var interceptors []interceptor.ClientInterceptor
	if tracing() {
		// A run that began under another program, or without traces, has no parent to go on with.
		i, err := temporalotel.NewTracingInterceptor(temporalotel.TracerOptions{Tracer: tracer(), AllowInvalidParentSpans: true})
		if err != nil {
			return nil, fmt.Errorf("preparing the traces of Temporal's client: %w", err)
		}
		interceptors = append(interceptors, i)
	}
	return func(o *client.Options) {
		o.MetricsHandler = metrics
		o.Interceptors = append(o.Interceptors, interceptors...)
	}, nil
}

// temporalMetrics is one for all clients of the process.
func (r *Registry) temporalMetrics() (client.MetricsHandler, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.temporal != nil {
		return r.temporal, nil
	}
	exporter, err := prometheus.New(prometheus.WithRegisterer(r), prometheus.WithoutScopeInfo(), prometheus.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("preparing the metrics of Temporal's client: %w", err)
	}
	latencies := sdkmetric.NewView(
		sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: append(requestBuckets[:len(requestBuckets):len(requestBuckets)], 300, 3600, 4*3600)}})
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithView(latencies))
	r.temporal = temporalotel.NewMetricsHandler(temporalotel.MetricsHandlerOptions{
		Meter: meters.Meter("temporal-sdk-go"), UseMonotonicCounters: true, OnError: func(error) {},
	})
	return r.temporal, nil
}
