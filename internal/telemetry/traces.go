package telemetry

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/version"
)

// flushTime is how long the end of a program waits for a collector.
const flushTime = 5 * time.Second

// StartTraces sends this process's traces where OpenTelemetry's own variables say (OTEL_EXPORTER_OTLP_ENDPOINT and its
// like), and nowhere where they say nothing. name is the service's, unless OTEL_SERVICE_NAME gives another. stop sends what
// is left.
func StartTraces(ctx context.Context, name string) (stop func(), err error) {
	if !wanted() {
		return func() {}, nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "preparing traces (see the variables OTEL_*): %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", name), attribute.String("service.version", version.Version)),
		resource.WithHost(), resource.WithProcessPID(), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "preparing traces (see OTEL_RESOURCE_ATTRIBUTES): %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		defer cancel()
		_ = provider.Shutdown(ctx) // a collector that does not answer must not fail a build
	}, nil
}

func wanted() bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	for _, name := range []string{"OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}

// tracing says whether traces are sent.
func tracing() bool {
	_, on := otel.GetTracerProvider().(*sdktrace.TracerProvider)
	return on
}

func tracer() trace.Tracer { return otel.Tracer("github.com/wasmill/wasmill") }

// Span begins a span; end tells how it ended.
func Span(ctx context.Context, name string, attributes ...attribute.KeyValue) (_ context.Context, end func(error)) {
	ctx, span := tracer().Start(ctx, name, trace.WithAttributes(attributes...))
	return ctx, func(err error) {
		if err != nil {
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// Steps are spans that follow each other below the same one. The zero Steps has begun none. It is safe for concurrent
// use.
type Steps struct {
	mu      sync.Mutex
	current trace.Span
}

// Enter ends the current step and begins the next; the empty name only ends.
func (s *Steps) Enter(ctx context.Context, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		s.current.End()
		s.current = nil
	}
	if name != "" {
		_, s.current = tracer().Start(ctx, name)
	}
}

// Describe adds to the span that the caller is in.
func Describe(ctx context.Context, attributes ...attribute.KeyValue) {
	trace.SpanFromContext(ctx).SetAttributes(attributes...)
}

// traced says which requests are worth a span: those that change something. Who follows a run asks every second, and logs
// are sent piece by piece.
func traced(r *http.Request) bool {
	return r.Method == http.MethodPost && !strings.HasPrefix(r.URL.Path, "/api/v1/logs/")
}

// ServeTraces goes on with the traces of those who ask.
func ServeTraces(next http.Handler) http.Handler {
	return otelhttp.NewHandler(next, "api", otelhttp.WithFilter(traced), otelhttp.WithSpanNameFormatter(spanName))
}

// AskTraced lets requests carry the trace that they are part of.
func AskTraced(next http.RoundTripper) http.RoundTripper {
	return otelhttp.NewTransport(next, otelhttp.WithFilter(traced), otelhttp.WithSpanNameFormatter(spanName))
}

func spanName(_ string, r *http.Request) string { return r.Method + " " + r.URL.Path }
