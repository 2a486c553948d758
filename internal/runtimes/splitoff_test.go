package runtimes_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/runtimes"
)

// Tests that were split off a wheel come with it, for the tests alone, and are verified as it is.
func TestSplitOffTests(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "tiny-tests-1.0.tar.gz")
	if err := os.WriteFile(archive, []byte("tests"), 0o644); err != nil {
		t.Fatal(err)
	}
	type described struct {
		Name    string
		File    string
		Depends []string
		Tests   bool
	}
	var saw struct{ Wheels []described }
	e := node(func(ctx context.Context, job, out string, log io.Writer) engine.Result {
		text, err := os.ReadFile(filepath.Join(job, "job.json"))
		if err != nil || json.Unmarshal(text, &saw) != nil {
			t.Error(err)
		}
		return passing(ctx, job, out, log)
	})
	job := tiny(t)
	job.SplitOff = &runtimes.Wheel{Path: archive, Digest: "sha256:59830ebc3a4184110566bf1a290d08473dfdcbd492ce498b14cd1a5e2fa2e441"}
	if _, err := pyodide(t, e).Test(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if len(saw.Wheels) != 2 || saw.Wheels[0].Tests || saw.Wheels[0].Depends[0] != "tiny-tests" {
		t.Fatalf("%+v", saw.Wheels)
	}
	if got := saw.Wheels[1]; got.Name != "tiny-tests" || got.File != "tiny-tests-1.0.tar.gz" || !got.Tests {
		t.Errorf("%+v", got)
	}
	job.SplitOff.Digest = record.Digest("sha256:" + strings.Repeat("0", 64))
	if _, err := pyodide(t, e).Test(t.Context(), job); fault.KindOf(err) != fault.Invalid {
		t.Errorf("error %v", err)
	}
}
