package pip

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsLinkedInIsThere(t *testing.T) {
	p := &Python{Static: true, Linked: []string{"MarkupSafe==3.0.4"}}
	for story, c := range map[string]struct {
		said, want string
		fine       bool
	}{
		"uv misses what is linked in": {"Checked 1 package in 0.26ms\nFound 1 incompatibility\nThe package `jinja2` requires `markupsafe>=2.0`, but it's not installed\n",
			"Checked 1 package in 0.26ms\nAll packages that are installed or linked in are compatible\n", true},
		"another version is linked in": {"Found 1 incompatibility\nThe package `jinja2` requires `markupsafe<3`, but it's not installed\n",
			"Found 1 incompatibility\nThe package `jinja2` requires `markupsafe<3`, but `3.0.4` is linked into this Python\n", false},
		"others are missing, too": {"Found 3 incompatibilities\nThe package `a` requires `markupsafe`, but it's not installed\nThe package `a` requires `b`, but it's not installed\nThe package `a` requires `c>=2`, but `1.0` is installed\n",
			"Found 2 incompatibilities\nThe package `a` requires `b`, but it's not installed\nThe package `a` requires `c>=2`, but `1.0` is installed\n", false},
		"all is well": {"Checked 2 packages in 1ms\nAll installed packages are compatible\n", "Checked 2 packages in 1ms\nAll packages that are installed or linked in are compatible\n", true},
	} {
		text, fine := p.compatible(c.said)
		if diff := cmp.Diff(c.want, text); diff != "" || fine != c.fine {
			t.Errorf("%s: fine %v (-want +got):\n%s", story, fine, diff)
		}
	}
	if _, ok := p.linked("markupsafe"); !ok {
		t.Error("a package is known by any spelling of its name")
	}
}

func TestListsOfPackages(t *testing.T) {
	all := []listed{{Name: "jinja2", Version: "3.1.6"}, {Name: "MarkupSafe", Version: "3.0.4"}, {Name: "own", Version: "1", Editable: "/work/own"}}
	for format, want := range map[string]string{
		"columns": "Package    Version\n---------- -------\njinja2     3.1.6\nMarkupSafe 3.0.4\nown        1       /work/own\n",
		"freeze":  "jinja2==3.1.6\nMarkupSafe==3.0.4\n-e file:///work/own\n",
		"json":    `[{"name":"jinja2","version":"3.1.6"},{"name":"MarkupSafe","version":"3.0.4"},{"name":"own","version":"1","editable_project_location":"/work/own"}]` + "\n",
	} {
		var out strings.Builder
		if err := writeList(&out, format, all); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
}
