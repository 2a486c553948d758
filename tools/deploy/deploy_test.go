// Package deploy tries what is in the folder deploy: alerts and dashboards against the metrics that exist, and manifests on
// Kubernetes' own API server. It is a module of its own, for what it needs the farm does not; `make test-deploy` runs it.
package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// metric is one of the page docs/reference/metrics.md, which a test of the farm itself holds to the program.
type metric struct {
	kind   string
	labels map[string]bool
}

var metricRow = regexp.MustCompile("(?m)^\\| `(wasmill_\\w+)` \\| (\\w+) \\| ([^|]*) \\|")

func metrics(t *testing.T) map[string]metric {
	t.Helper()
	found := map[string]metric{}
	for _, m := range metricRow.FindAllStringSubmatch(read(t, "docs/reference/metrics.md"), -1) {
		// What Prometheus itself puts on each series.
		labels := map[string]bool{"__name__": true, "job": true, "instance": true}
		for _, l := range strings.Split(m[3], ",") {
			labels[strings.Trim(l, " `")] = true
		}
		found[m[1]] = metric{m[2], labels}
		if m[2] == "histogram" {
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				found[m[1]+part] = metric{m[2], labels}
			}
			labels["le"] = true
		}
	}
	if len(found) < 20 {
		t.Fatalf("docs/reference/metrics.md has %d metrics", len(found))
	}
	return found
}
