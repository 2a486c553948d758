package runtimes_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/runtimes"
)

// onHost gives a fake engine the method that only the real one has.
type onHost struct{ *engine.Fake }

func (o onHost) RunOnHost(ctx context.Context, spec engine.Spec, out io.Writer) (engine.Result, error) {
	return o.Run(ctx, spec, out)
}

func TestClientReport(t *testing.T) {
	report := `{"client": "pyodide", "tag": "t", "installed": [{"name": "a", "version": "1"}], "error": ""}`
	var asked string
	e := node(func(_ context.Context, job, out string, log io.Writer) engine.Result {
		text, err := os.ReadFile(filepath.Join(job, "client.json"))
		if err != nil {
			t.Error(err)
		}
		asked = string(text)
		if report == "" {
			io.WriteString(log, "Segmentation fault")
			return engine.Result{ExitStatus: 139}
		}
		os.WriteFile(filepath.Join(out, "report.json"), []byte(report), 0o600)
		return engine.Result{}
	})
	c := runtimes.Client{Engine: onHost{e}, Image: image, Work: t.TempDir()}

	got, err := c.Micropip(t.Context(), "http://127.0.0.1:1/simple", []string{"a"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &runtimes.Installation{Client: "pyodide", Tag: "t", Installed: []runtimes.Distribution{{Name: "a", Version: "1"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(`{"index":"http://127.0.0.1:1/simple","lock":"","names":["a"],"imports":[]}`, asked); diff != "" {
		t.Error(diff)
	}

	report = ""
	_, err = c.LoadPackage(t.Context(), "http://127.0.0.1:1/pyodide-lock.json", []string{"a"}, nil)
	if fault.KindOf(err) != fault.Internal || !strings.Contains(err.Error(), "139: Segmentation fault") {
		t.Errorf("error %v", err)
	}
}
