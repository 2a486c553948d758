package runtimes_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/runtimes/runtimestest"
)

// chromium has the runtime and the tools of a page's container in folders.
func chromium(t *testing.T, e engine.Engine) runtimes.Chromium {
	t.Helper()
	p, tools := pyodide(t, e), t.TempDir()
	p.Tools = func(context.Context) (string, error) { return tools, nil }
	return runtimes.Chromium{Pyodide: p}
}

func TestChromiumOnAFakeEngine(t *testing.T) {
	runtimestest.Test(t, chromium(t, node(passing)), image, "browser@sha256:"+strings.Repeat("b", 64))
}

// All containers but the one that makes the snapshot are of the image with the browser, and have the runtime in them.
func TestPagesHaveAnImageOfTheirOwn(t *testing.T) {
	job := tiny(t)
	c := chromium(t, node(passing))
	if _, err := c.Test(t.Context(), job); fault.KindOf(err) != fault.Invalid {
		t.Errorf("without a browser: %v", err)
	}
	var seen []engine.Spec
	c = chromium(t, &engine.Fake{Container: func(_ context.Context, spec engine.Spec, _ io.Writer) engine.Result {
		seen = append(seen, spec)
		for _, m := range spec.Mounts {
			if m.Target == "/out" {
				tell(m.Source, `{"event": "runtime", "name": "a page"}`, `{"event": "done"}`)
			}
		}
		return engine.Result{}
	}})
	job.Browser = "browser@sha256:" + strings.Repeat("b", 64)
	job.TestDir = runtimestest.Tests(t, map[string]string{"test_tiny.py": "def test(selenium): pass\n"})
	job.Tests = []string{"test_tiny.py"}
	job.Suite = &runtimes.Suite{Commands: [][]string{{"pytest"}}, Native: &runtimes.Native{Site: t.TempDir()}}
	got, err := c.Test(t.Context(), job)
	if err != nil || got.Outcome != record.Passed || got.Native != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	var modes []string
	for _, spec := range seen[1:] {
		modes = append(modes, strings.Join(spec.Command[1:], " "))
		if spec.Image != job.Browser {
			t.Errorf("%q is run in %s", spec.Command, spec.Image)
		}
		var targets []string
		for _, m := range spec.Mounts {
			targets = append(targets, m.Target)
		}
		slices.Sort(targets)
		if want := "/job /opt/micropip /opt/pyodide /opt/pytest /out /snapshot /tools"; strings.Join(targets, " ") != want {
			t.Errorf("%q sees %q, want %s", spec.Command, targets, want)
		}
	}
	if want := []string{"/job/chromium.py test", "/job/chromium.py pyodide", "/job/chromium.py suite"}; !slices.Equal(modes, want) {
		t.Errorf("ran %q, want %q", modes, want)
	}
}
