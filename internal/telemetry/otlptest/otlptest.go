// Package otlptest is an OpenTelemetry collector for tests: it takes what a program exports over HTTP, and keeps the spans.
package otlptest

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is a span that arrived.
type Span struct {
	Trace, ID, Parent string // hexadecimal; Parent is empty for a root
	Name, Service     string
	Attributes        map[string]string
	Failed            bool
}

// Collector takes spans until its test ends.
type Collector struct {
	URL string

	mu    sync.Mutex
	spans []Span
}

// New starts a collector.
func New(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.take(r); err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// Env is what tells a program to export here.
func (c *Collector) Env() []string { return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL} }

func (c *Collector) take(r *http.Request) error {
	if r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		return fmt.Errorf("not traces in protobuf, but %s", r.Header.Get("Content-Type"))
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return err
		}
		body = unpacked
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var told collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(text, &told); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range told.ResourceSpans {
		service := ""
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				span := Span{
					Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
					Name: s.Name, Service: service, Attributes: map[string]string{}, Failed: s.Status.GetCode() == 2,
				}
				for _, a := range s.Attributes {
					span.Attributes[a.Key] = a.Value.GetStringValue()
				}
				c.spans = append(c.spans, span)
			}
		}
	}
	return nil
}

// Trace is all spans of the trace that has a span of this name, and complains where there are several such traces.
func (c *Collector) Trace(t testing.TB, name string) (spans []Span) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	id := ""
	for _, s := range c.spans {
		switch {
		case s.Name != name || s.Trace == id:
		case id != "":
			t.Errorf("%s is in two traces, %s and %s", name, id, s.Trace)
		default:
			id = s.Trace
		}
	}
	for _, s := range c.spans {
		if s.Trace == id {
			spans = append(spans, s)
		}
	}
	return spans
}

// Tree demands that spans hang together, below one root, and returns each span's path of names from the root.
func Tree(t testing.TB, spans []Span) map[string]int {
	t.Helper()
	byID := map[string]Span{}
	for _, s := range spans {
		byID[s.ID] = s
	}
	roots, paths := 0, map[string]int{}
	for _, s := range spans {
		names := []string{s.Name}
		for at := s; at.Parent != ""; {
			parent, ok := byID[at.Parent]
			if !ok {
				t.Errorf("%s of %s has a parent that never arrived", strings.Join(names, " < "), s.Service)
				break
			}
			at = parent
			names = append([]string{at.Name}, names...)
		}
		if s.Parent == "" {
			roots++
		}
		paths[strings.Join(names, " > ")]++
	}
	if roots != 1 {
		t.Errorf("the trace has %d roots", roots)
	}
	return paths
}
