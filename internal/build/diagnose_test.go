package build

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestDiagnosis: of each log in testdata, the line and the detail that a person is shown.
func TestDiagnosis(t *testing.T) {
	logs, err := filepath.Glob("testdata/logs/*.log")
	if err != nil || len(logs) == 0 {
		t.Fatal("no logs", err)
	}
	for _, file := range logs {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var d diagnosis
			for line := range strings.Lines(string(text)) {
				d.add(strings.TrimRight(line, "\n"))
			}
			got := fmt.Sprintf("first: %s\nnetwork: %s\n%s\n", d.first(), d.network, d.detail())
			golden := strings.TrimSuffix(file, ".log") + ".want"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDiagnosisStaysSmall(t *testing.T) {
	var d diagnosis
	d.add("Traceback (most recent call last):")
	for i := range 10_000 {
		d.add(fmt.Sprintf("  File %d, %s", i, strings.Repeat("é", 100)))
	}
	d.add("ValueError: the end")
	if got := d.detail(); len(got) > maxDetail || !strings.HasSuffix(got, "ValueError: the end") {
		t.Errorf("%d bytes, ends with %q", len(got), got[max(0, len(got)-40):])
	}
	for i := range 100 {
		d.add(fmt.Sprintf("%s.c:%d:1: error: %s", strings.Repeat("a", 300), i, strings.Repeat("x", 3000)))
	}
	if got := d.detail(); len(got) > maxDetail || !strings.Contains(got, ".c:0:1: error") {
		t.Errorf("%d bytes; the first error must be in it", len(got))
	}
}
