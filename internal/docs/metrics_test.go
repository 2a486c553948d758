package docs_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/telemetry"
)

// The page is what the metrics say of themselves, behind a head that is written by hand.
func TestMetricsReference(t *testing.T) {
	page := bytes.NewBufferString(read(t, "internal/docs/testdata/metrics-head.md"))
	seen := 0
	part := func(heading string, r *telemetry.Registry) {
		fmt.Fprintf(page, "## %s\n\n| metric | type | labels | |\n|---|---|---|---|\n", heading)
		for _, s := range r.Specs()[seen:] {
			labels := ""
			if len(s.Labels) > 0 {
				labels = "`" + strings.Join(s.Labels, "`, `") + "`"
			}
			fmt.Fprintf(page, "| `%s` | %s | %s | %s |\n", s.Name, s.Type, labels, strings.TrimSuffix(s.Help, "."))
		}
		page.WriteString("\n")
	}
	r := telemetry.NewRegistry()
	part("Of every process", r)
	seen = len(r.Specs())
	farm := telemetry.NewRegistry()
	telemetry.NewFarm(farm, nil)
	part("Of an orchestrator", farm)
	worker := telemetry.NewRegistry()
	telemetry.NewWorker(worker)
	part("Of a worker", worker)
	golden(t, "docs/reference/metrics.md", strings.TrimSuffix(page.String(), "\n"))
}
