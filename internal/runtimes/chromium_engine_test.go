//go:build engine

package runtimes_test

import (
	"os"
	"testing"

	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/runtimes/runtimestest"
)

// TestChromium runs in pages what TestPyodide runs under node.
func TestChromium(t *testing.T) {
	l := newLab(t)
	l.name, l.browser = "chrome", browserImage(t)
	l.Runtime = runtimes.Chromium{Pyodide: l.Pyodide}
	runtimestest.Test(t, l.Runtime, l.image, l.browser)
	t.Run("pytest-pyodide", func(t *testing.T) { pytestPyodide(t, l) })
	t.Run("suite", func(t *testing.T) { suite(t, l) })
	t.Run("outcomes", func(t *testing.T) {
		outcomes(t, l, "kinds of outcomes", "an import that ends the process", "a test that aborts", "too much memory", "endless output")
	})
	t.Run("dependencies", func(t *testing.T) { dependencies(t, l) })
}

// browserImage is the image with Chromium.
func browserImage(t *testing.T) string {
	t.Helper()
	image := os.Getenv("WASMILL_BROWSER_IMAGE")
	if image == "" {
		t.Skip("WASMILL_BROWSER_IMAGE does not name an image with Chromium; `make test` sets it")
	}
	return image
}
