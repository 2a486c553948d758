package driver

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/record"
)

func TestWhatCompilersTook(t *testing.T) {
	for story, c := range map[string]struct {
		noted string
		want  record.Compilers
	}{
		"nothing was compiled": {"", record.Compilers{}},
		"one after the other":  {`{"start":1000000000,"end":2000000000}` + "\n" + `{"start":5000000000,"end":7000000000}` + "\n", record.Compilers{Commands: 2, Seconds: 3}},
		// Noted at their end: the short one within the long one comes first.
		"at the same time": {
			`{"start":2000000000,"end":3000000000}` + "\n" + `{"start":1000000000,"end":4000000000}` + "\n" + `{"start":3500000000,"end":6000000000}` + "\n",
			record.Compilers{Commands: 3, Seconds: 5},
		},
		"nonsense": {"rubbish\n" + `{"start":9,"end":1}` + "\n" + `{"start":1000000000,"end":1500000000}`, record.Compilers{Commands: 1, Seconds: 0.5}},
	} {
		file := filepath.Join(t.TempDir(), "times.jsonl")
		if err := os.WriteFile(file, []byte(c.noted), 0o644); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, compilers(file)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", story, diff)
		}
	}
	if got := compilers(filepath.Join(t.TempDir(), "absent")); got != (record.Compilers{}) {
		t.Errorf("without a file: %+v", got)
	}
}
