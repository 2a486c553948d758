package audit

import (
	"strings"
	"testing"
	"testing/iotest"
)

func scan(t testing.TB, chunk int, text string) *pathScanner {
	t.Helper()
	s := &pathScanner{}
	for len(text) > 0 {
		n := min(chunk, len(text))
		if _, err := s.Write([]byte(text[:n])); err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
	_, _ = s.Write([]byte{0}) // as behind each segment
	return s
}

func TestPathsOfTheBuilder(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		first string // empty: none is found
	}{
		"__FILE__":                    {"x\x00/build/pkg/src/mod.c\x00", "/build/pkg/src/mod.c"},
		"cargo's registry":            {"\x01/home/runner/.cargo/registry/src/x-1.0/src/lib.rs", "/home/runner/.cargo/registry/src/x-1.0/src/lib.rs"},
		"a folder for temporary ones": {"\x00/tmp/pip-install-x/pkg/data", "/tmp/pip-install-x/pkg/data"},
		"a Mac":                       {"\x00/Users/me/src/x.txt\x00", "/Users/me/src/x.txt"},
		"in quotes":                   {`assertion failed in "/work/a/b.cpp"`, "/work/a/b.cpp"},
		"only a URL":                  {"https://example.org/home/me/x.c\x00", ""},
		"Emscripten's own":            {"\x00/emsdk/emscripten/system/lib/libcxx/src/new.cpp\x00", ""},
		"Rust's own":                  {"\x00/rustc/4b06a43a1c7bf6ae79a1a4d0ad0a1f0e8fd1ee01/library/core/src/str/mod.rs\x00", ""},
		"relative":                    {"\x00src/mod.c\x00./src/mod.c\x00../x/y.c\x00", ""},
		"what the program means":      {"\x00/usr/share/zoneinfo/\x00/dev/urandom\x00/etc/localtime\x00/tmp\x00/tmp/x\x00/\x00//\x00", ""},
		"a division":                  {"\x00a/b/c.h/d\x00", ""},
		"a home in the runtime":       {"\x00/home/pyodide/x.py\x00", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, chunk := range []int{1, 7, 1 << 20} {
				s := scan(t, chunk, c.text)
				if s.first != c.first || (s.count > 0) != (c.first != "") {
					t.Errorf("in pieces of %d: %d found, the first is %q, want %q", chunk, s.count, s.first, c.first)
				}
			}
		})
	}
	if s := scan(t, 100, strings.Repeat("/home/me/x.c\x00", 3)); s.count != 3 {
		t.Errorf("counts %d, not 3", s.count)
	}
}

func FuzzPaths(f *testing.F) {
	f.Add("x\x00/build/pkg/src/mod.c\x00")
	f.Add("C:\\Users\\me\\x.c\x00\\\\")
	f.Fuzz(func(t *testing.T, text string) {
		whole, pieces := scan(t, 1<<20, text), scan(t, 1, text)
		if whole.count != pieces.count || whole.first != pieces.first {
			t.Fatalf("%d, %q in one piece; %d, %q in many", whole.count, whole.first, pieces.count, pieces.first)
		}
		if len(whole.first) > maxPath || len(whole.path) > maxPath {
			t.Fatal("keeps more than a path")
		}
	})
}

// A disk that fails is not the wheel's fault.
func TestAFileThatCannotBeReadIsNoFinding(t *testing.T) {
	f := &file{name: "x.so", size: 100, library: true}
	if err := f.contents(iotest.ErrReader(iotest.ErrTimeout)); err != iotest.ErrTimeout {
		t.Errorf("got %v", err)
	}
}
