package build_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fetch/fetchtest"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

// crateArchive is a crate as crates.io has it.
func crateArchive(t *testing.T, name, version string) []byte {
	t.Helper()
	return fetchtest.TarGz(t, map[string]string{
		name + "-" + version + "/Cargo.toml": fmt.Sprintf("[package]\nname = %q\nversion = %q\n", name, version),
	})
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// locked is a Cargo.lock's entry.
func locked(name, version, sha256 string) string {
	return fmt.Sprintf("[[package]]\nname = %q\nversion = %q\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = %q\n\n", name, version, sha256)
}

// rustStage is a stage for a recipe in Rust with crates at hand. files are in the recipe's folder, the source in src.
func rustStage(t *testing.T, p play, meta string, files map[string]string) (*stage, *atomic.Int64) {
	t.Helper()
	s := newStage(t, p)
	var asked atomic.Int64
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		if len(parts) != 2 || !strings.HasPrefix(parts[1], parts[0]+"-") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(crateArchive(t, parts[0], strings.TrimSuffix(strings.TrimPrefix(parts[1], parts[0]+"-"), ".crate")))
	}))
	t.Cleanup(registry.Close)
	s.builder.Fetcher.Crates = registry.URL
	dir := filepath.Join(t.TempDir(), "story")
	files["meta.yaml"] = "package: {name: story, version: '1.0'}\nsource: {path: src}\nrequirements: {executable: [cargo]}\nwasmill: {pure: true}\n" + meta
	files["src/pyproject.toml"] = "[build-system]\nrequires = [\"setuptools\"]\n[project]\nname = \"story\"\nversion = \"1.0\"\n"
	files["src/Cargo.toml"] = "[package]\nname = \"story\"\n"
	writeFiles(t, dir, files)
	r, err := recipe.Load(filepath.Join(dir, recipe.MetaFile))
	if err != nil {
		t.Fatal(err)
	}
	s.job.Recipe = r
	return s, &asked
}

// The build has no network: crates of all workspaces lie there when it starts, and cargo is told to look nowhere else.
func TestCratesAreThereBeforeTheBuild(t *testing.T) {
	a, b := sum(crateArchive(t, "a", "1.0.0")), sum(crateArchive(t, "b-b", "0.2.0-rc.1"))
	var saw map[string]string
	s, asked := rustStage(t, func(ctx context.Context, j job.Job, work string, out io.Writer) (job.Result, engine.Result) {
		if j.Kind == job.Build {
			saw = readTree(t, filepath.Join(work, filepath.Base(job.Cargo)))
		}
		return passing(t)(ctx, j, work, out)
	}, "", map[string]string{
		"src/Cargo.lock":            locked("a", "1.0.0", a) + "[[package]]\nname = \"story\"\nversion = \"1.0.0\"\n",
		"src/inner/Cargo.lock":      locked("a", "1.0.0", a) + locked("b-b", "0.2.0-rc.1", b),
		"src/fuzz/Cargo.lock":       "[[package]]\nname = \"g\"\nversion = \"1.0.0\"\nsource = \"git+https://example.org/g\"\n",
		"src/vendor/x/Cargo.lock":   locked("x", "1.0.0", strings.Repeat("0", 64)),
		"src/inner/deep/Cargo.toml": "",
	})
	out, err := s.build()
	if err != nil || out.Record.Outcome != record.Passed {
		t.Fatalf("%v, %+v", err, out.Record.Failure)
	}
	want := map[string]string{
		"config.toml":                                "[source.crates-io]\nreplace-with = \"vendored\"\n\n[source.vendored]\ndirectory = \"/work/cargo/vendor\"\n\n[net]\noffline = true\n",
		"vendor/a-1.0.0/Cargo.toml":                  "[package]\nname = \"a\"\nversion = \"1.0.0\"\n",
		"vendor/b-b-0.2.0-rc.1/Cargo.toml":           "[package]\nname = \"b-b\"\nversion = \"0.2.0-rc.1\"\n",
		"vendor/a-1.0.0/.cargo-checksum.json":        `{"files":{},"package":"` + a + `"}`,
		"vendor/b-b-0.2.0-rc.1/.cargo-checksum.json": `{"files":{},"package":"` + b + `"}`,
	}
	if diff := cmp.Diff(want, saw); diff != "" {
		t.Errorf("$CARGO_HOME (-want +got):\n%s", diff)
	}
	if asked.Load() != 2 {
		t.Errorf("%d downloads of 2 crates", asked.Load())
	}
	var crates []string
	for _, in := range out.Record.Inputs {
		if in.Kind == "crate" {
			crates = append(crates, in.Name+" "+string(in.Digest))
		}
	}
	if diff := cmp.Diff([]string{"a-1.0.0 sha256:" + a, "b-b-0.2.0-rc.1 sha256:" + b}, crates); diff != "" {
		t.Errorf("the record's crates (-want +got):\n%s", diff)
	}
}

// readTree reads all files below a folder.
func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return files
}

// A release may lack its lock. Then the recipe brings it, and only a container knows the source with it.
func TestARecipeBringsTheLock(t *testing.T) {
	a := sum(crateArchive(t, "a", "1.0.0"))
	built := false
	s, _ := rustStage(t, func(ctx context.Context, j job.Job, work string, out io.Writer) (job.Result, engine.Result) {
		switch j.Kind {
		case job.Install:
			writeFiles(t, filepath.Join(work, "src", "story-1.0"), map[string]string{"Cargo.lock": locked("a", "1.0.0", a)})
			return job.Result{Requires: []string{"setuptools"}}, engine.Result{}
		case job.Build:
			_, err := os.Stat(filepath.Join(work, "cargo", "vendor", "a-1.0.0", "Cargo.toml"))
			built = err == nil
		}
		return passing(t)(ctx, j, work, out)
	}, "build: {script: 'cp $PKGDIR/lock Cargo.lock'}\n", map[string]string{"lock": "the recipe's"})
	out, err := s.build()
	if err != nil || out.Record.Outcome != record.Passed || !built {
		t.Errorf("%v, %+v; the crate was there: %v", err, out.Record.Failure, built)
	}
}

func TestWhatIsWrongWithCrates(t *testing.T) {
	a := sum(crateArchive(t, "a", "1.0.0"))
	for story, c := range map[string]struct {
		lock    string
		kind    record.FailureKind
		message string
	}{
		"no lock":                       {"", record.Requirements, "the source has Cargo.toml but no Cargo.lock"},
		"a git dependency":              {locked("a", "1.0.0", a) + "[[package]]\nname = \"g\"\nversion = \"1.0.0\"\nsource = \"git+https://example.org/g#1\"\n", record.Requirements, "the lock also names g 1.0.0 (git+https://example.org/g#1)"},
		"another crate than the lock's": {locked("a", "1.0.0", strings.Repeat("0", 64)), record.HashMismatch, "a-1.0.0.crate"},
		"no lock file":                  {"x", record.Requirements, "Cargo.lock: "},
	} {
		t.Run(story, func(t *testing.T) {
			files := map[string]string{}
			if c.lock != "" {
				files["src/Cargo.lock"] = c.lock
			}
			s, _ := rustStage(t, passing(t), "", files)
			out, err := s.build()
			if err != nil || out.Record.Failure == nil {
				t.Fatalf("%v, %+v", err, out)
			}
			if f := out.Record.Failure; f.Kind != c.kind || f.Phase != record.PhaseFetch || !strings.Contains(f.Message, c.message) {
				t.Errorf("the failure is %+v, want %s with %q", f, c.kind, c.message)
			}
		})
	}
}
