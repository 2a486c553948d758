package build_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/record"
)

// The package's own tests come out of the source under their paths there. Without patches no container is needed for it.
func TestSuite(t *testing.T) {
	s := newStage(t, passing(t))
	source := s.job.Recipe.Path(s.job.Recipe.Source.Path)
	writeFiles(t, source, map[string]string{"tests/test_a.py": "a", "tests/data/x": "x", "setup.cfg": "c", "story.py": ""})
	to := t.TempDir()
	failure, err := s.builder.Suite(t.Context(), s.job, []string{"tests", "setup.cfg"}, to)
	if err != nil || failure != nil {
		t.Fatal(failure, err)
	}
	var got []string
	err = fs.WalkDir(os.DirFS(to), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			got = append(got, name)
		}
		return err
	})
	if diff := cmp.Diff([]string{"setup.cfg", "tests/data/x", "tests/test_a.py"}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if n := s.fake.Calls("Run"); n != 0 {
		t.Errorf("%d containers", n)
	}

	failure, err = s.builder.Suite(t.Context(), s.job, []string{"test"}, filepath.Join(t.TempDir(), "to"))
	if err != nil || failure == nil || failure.Phase != record.PhaseTest || !strings.Contains(failure.Message, "names test, which the source does not have") {
		t.Errorf("a part that is not there: %+v, %v", failure, err)
	}
}
