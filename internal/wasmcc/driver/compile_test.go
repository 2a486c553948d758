package driver

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// noted is a file as the wrapper leaves it, among what package code may have written there.
func noted(t *testing.T, lines string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "noted.jsonl")
	if err := os.WriteFile(file, []byte("rubbish\n"+lines), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWhatWasLinked(t *testing.T) {
	all, failed, err := links(noted(t, `{"output":"/work/src/b.so"}
{"output":"/work/src/a.so","failed":true}
{"output":"/work/src/build/again.so","failed":true}
{"output":"/work/src/build/again.so"}
`))
	if diff := cmp.Diff([][]string{{"a.so", "again.so", "b.so"}, {"a.so"}}, [][]string{all, failed}); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if all, failed, err := links(filepath.Join(t.TempDir(), "absent")); len(all)+len(failed) > 0 || err != nil {
		t.Errorf("nothing was linked: %v, %v, %v", all, failed, err)
	}
}

func TestWhereHeadersWere(t *testing.T) {
	got, err := headers(noted(t, `{"dirs":["/env/lib/b","/env/include"]}
{"dirs":["/env/include","/etc","/env/../etc"]}
`))
	if diff := cmp.Diff([]string{"include", "lib/b"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
