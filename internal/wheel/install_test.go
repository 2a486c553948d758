package wheel_test

import (
	"io/fs"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

// Two wheels that share a namespace lie in one folder; what belongs elsewhere than in site-packages does not come along.
func TestInstall(t *testing.T) {
	site, wheels := t.TempDir(), t.TempDir()
	for _, spec := range []wheeltest.Spec{
		{Name: "one", Version: "1", Files: map[string]string{"space/one.py": "1", "one-1.data/scripts/run": "#!", "one-1.data/purelib/kept.py": "2"}},
		{Name: "two", Version: "1", Files: map[string]string{"space/two.py": "3"}},
	} {
		w, err := wheel.Open(wheeltest.Write(t, wheels, spec))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if err := w.Install(site); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	err := fs.WalkDir(os.DirFS(site), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			got = append(got, name)
		}
		return err
	})
	want := []string{
		"kept.py", "one-1.dist-info/METADATA", "one-1.dist-info/RECORD", "one-1.dist-info/WHEEL", "space/one.py", "space/two.py",
		"two-1.dist-info/METADATA", "two-1.dist-info/RECORD", "two-1.dist-info/WHEEL",
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}
