// Package runtimestest is the contract of runtimes.Runtime as tests, and what such tests need: small wheels made on
// the spot, and the Runtime image that the engine's tests run in.
package runtimestest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

// Image is the Runtime image, "host:port/repository@sha256:…", that `make test` bakes and names in
// WASMILL_RUNTIME_IMAGE. Without it the test is skipped.
func Image(t *testing.T) string {
	t.Helper()
	image := os.Getenv("WASMILL_RUNTIME_IMAGE")
	if image == "" {
		t.Skip("WASMILL_RUNTIME_IMAGE does not name a Runtime image; `make test` sets it")
	}
	return image
}

// Wheel writes a pure wheel with these files into a folder.
func Wheel(t *testing.T, dir, name, version string, files map[string]string) runtimes.Wheel {
	t.Helper()
	path := wheeltest.Write(t, dir, wheeltest.Spec{Name: name, Version: version, Files: files})
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return runtimes.Wheel{Path: path, Digest: record.Digest("sha256:" + hex.EncodeToString(sum[:]))}
}

// Tests writes a recipe's folder with these files.
func Tests(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Test runs the contract: what every Runtime does with a good package, a bad job and an impatient caller. browser is empty for
// a runtime that needs none.
func Test(t *testing.T, r runtimes.Runtime, image, browser string) {
	job := func(t *testing.T) runtimes.Job {
		return runtimes.Job{
			Image:    image,
			Browser:  browser,
			Artifact: Wheel(t, t.TempDir(), "tiny", "1.0", map[string]string{"tiny.py": "answer = 42\n"}),
			Imports:  []string{"tiny"},
			TestDir:  Tests(t, map[string]string{"test_tiny.py": "import tiny\n\ndef test():\n    assert tiny.answer == 42\n"}),
			Tests:    []string{"test_tiny.py"},
		}
	}
	t.Run("a good package passes", func(t *testing.T) {
		job := job(t)
		var log bytes.Buffer
		job.Log = &log
		got, err := r.Test(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		if got.Outcome != record.Passed || got.Failure != nil || len(got.Imports) != 1 || got.Passed != 1 || got.Runtime == "" {
			t.Errorf("got %+v", got)
		}
		if got.Cases[0].Name != "test_tiny.py::test" || log.Len() == 0 {
			t.Errorf("cases %+v, log %q", got.Cases, &log)
		}
	})
	t.Run("a file that is no wheel is refused", func(t *testing.T) {
		job := job(t)
		job.Artifact.Path = filepath.Join(job.TestDir, "test_tiny.py")
		if _, err := r.Test(t.Context(), job); fault.KindOf(err) != fault.Invalid {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a caller who has gone is told so", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Test(ctx, job(t)); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}
