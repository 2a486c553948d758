package telemetry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/telemetry"
	"github.com/wasmill/wasmill/internal/telemetry/otlptest"
)

func TestOneTraceFromTheClientToTheSteps(t *testing.T) {
	collector := otlptest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Cleanup(func() { otel.SetTracerProvider(noop.NewTracerProvider()) })
	stop, err := telemetry.StartTraces(t.Context(), "wasmill-test")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(telemetry.ServeTraces(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx, end := telemetry.Span(r.Context(), "submit")
		var steps telemetry.Steps
		steps.Enter(ctx, "fetch")
		steps.Enter(ctx, "compile")
		steps.Enter(ctx, "")
		end(errors.New("it did not work"))
	})))
	defer server.Close()
	client := http.Client{Transport: telemetry.AskTraced(http.DefaultTransport)}
	for _, r := range []struct{ method, path string }{
		{http.MethodPost, "/api/v1/runs"}, {http.MethodGet, "/quiet"}, {http.MethodPost, "/api/v1/logs/quiet"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), r.method, server.URL+r.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	stop()
	spans := collector.Trace(t, "POST /api/v1/runs")
	const served = "POST /api/v1/runs > POST /api/v1/runs"
	want := map[string]int{
		"POST /api/v1/runs": 1, served: 1, served + " > submit": 1, served + " > submit > fetch": 1, served + " > submit > compile": 1,
	}
	if diff := cmp.Diff(want, otlptest.Tree(t, spans)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, s := range spans {
		if s.Service != "wasmill-test" || s.Failed != (s.Name == "submit") {
			t.Errorf("%+v", s)
		}
	}
}

func TestTracesAreOffUnlessAskedFor(t *testing.T) {
	for story, env := range map[string]map[string]string{
		"nothing is said":   {},
		"the exporter none": {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
		"all disabled":      {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
	} {
		t.Run(story, func(t *testing.T) {
			for _, name := range []string{"OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SDK_DISABLED"} {
				t.Setenv(name, env[name])
			}
			before := otel.GetTracerProvider()
			stop, err := telemetry.StartTraces(context.Background(), "wasmill-test")
			if err != nil {
				t.Fatal(err)
			}
			stop()
			if otel.GetTracerProvider() != before {
				t.Error("a provider was set")
			}
		})
	}
}

func TestAnExporterThatThereIsNot(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "carrier-pigeon")
	if _, err := telemetry.StartTraces(t.Context(), "wasmill-test"); err == nil || fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
}
