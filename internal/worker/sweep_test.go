package worker

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/wasmcc/job"

	"github.com/wasmill/wasmill/internal/engine"
)

var today = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// leave puts something of a size into a cache, last used some hours ago.
func leave(t *testing.T, path string, size, hours int) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, size), 0o444); err != nil {
		t.Fatal(err)
	}
	at := today.Add(-time.Duration(hours) * time.Hour)
	for ; !strings.HasPrefix(filepath.Base(filepath.Dir(path)), "cache"); path = filepath.Dir(path) {
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasNotUsedForLongestGoes(t *testing.T) {
	for story, c := range map[string]struct {
		limit int64
		want  []string
		freed int64
	}{
		"all fits":                   {1000, []string{"busy", "d-new", "d-old", "fresh", "old", "old.lock", "older"}, 0},
		"the oldest is enough":       {900, []string{"busy", "d-new", "d-old", "fresh", "old", "old.lock"}, 200},
		"of both folders":            {700, []string{"busy", "d-new", "fresh", "old", "old.lock"}, 300},
		"never what was used lately": {0, []string{"d-new", "fresh", "old.lock"}, 700},
	} {
		t.Run(story, func(t *testing.T) {
			dir := t.TempDir()
			envs, downloads := filepath.Join(dir, "cache-environments"), filepath.Join(dir, "cache-downloads")
			leave(t, filepath.Join(envs, "older", "lib", "x"), 200, 50)
			leave(t, filepath.Join(downloads, "d-old"), 100, 40)
			leave(t, filepath.Join(envs, "busy", "x"), 100, 90) // made long ago, and used since
			leave(t, filepath.Join(envs, "old", "x"), 300, 90)
			leave(t, filepath.Join(envs, "old.lock"), 0, 30)
			leave(t, filepath.Join(envs, "fresh", "x"), 150, 0)
			leave(t, filepath.Join(downloads, "d-new"), 150, 0)
			at := today.Add(-2 * time.Hour)
			if err := os.Chtimes(filepath.Join(envs, "busy"), at, at); err != nil {
				t.Fatal(err)
			}
			freed, err := sweep([]string{envs, downloads, filepath.Join(dir, "none")}, c.limit, today.Add(-sweepGrace))
			if err != nil || freed != c.freed {
				t.Errorf("freed %d, want %d; %v", freed, c.freed, err)
			}
			var left []string
			for _, folder := range []string{envs, downloads} {
				list, err := os.ReadDir(folder)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range list {
					left = append(left, e.Name())
				}
			}
			slices.Sort(left)
			if diff := cmp.Diff(c.want, left); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// An environment that a build uses stays, however small the bound and however long the build; then it goes, and the
// next build makes it again.
func TestABuildInFlightKeepsWhatItUses(t *testing.T) {
	var s *stage
	later := time.Now().Add(100 * time.Hour)
	swept := 0
	plays := compiles(t)
	s = newStage(t, func(ctx context.Context, j job.Job, work string, out io.Writer) (job.Result, engine.Result) {
		s.sweep(later)
		swept++
		if len(s.environments()) != 1 {
			t.Error("the environment of this build is gone")
		}
		return plays(ctx, j, work, out)
	})
	s.cfg.Cache = 1
	s.mustBuild()
	if swept == 0 {
		t.Fatal("nothing was swept")
	}
	// An environment without packages has no bytes.
	for _, dir := range s.environments() {
		if err := os.WriteFile(filepath.Join(dir, "package.py"), []byte("x = 1\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.sweep(time.Now())
	if len(s.environments()) != 1 {
		t.Error("what was used a moment ago is gone")
	}
	s.sweep(later)
	if left := s.environments(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	s.mustBuild()
}

func (s *stage) environments() []string {
	list, err := filepath.Glob(filepath.Join(s.cfg.Dir.Environments(), "*[0-9a-f]"))
	if err != nil {
		s.Fatal(err)
	}
	return list
}
