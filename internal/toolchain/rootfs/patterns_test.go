package rootfs

import "testing"

func TestPatternsLeaveOut(t *testing.T) {
	p, err := ParsePatterns([]string{
		"usr/share/doc", "!usr/share/doc/*/copyright",
		"__pycache__", "*.a",
		"usr/lib/llvm/bin", "!usr/lib/llvm/bin/clang*", "usr/lib/llvm/bin/clang-scan",
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, out := range map[string]bool{
		"usr/share/doc":                 true,
		"usr/share/doc/libc6/changelog": true,
		"usr/share/doc/libc6/copyright": false,
		"usr/share/docs":                false,
		"usr/lib/x/__pycache__/a.pyc":   true,
		"usr/lib/x/__pycache__":         true,
		"usr/lib/libpython.a":           true,
		"usr/lib/libpython.a.txt":       false,
		"usr/lib/llvm/bin/opt":          true,
		"usr/lib/llvm/bin/clang-21":     false,
		"usr/lib/llvm/bin/clang-scan":   true,
		"usr/lib/llvm/lib/libLLVM.so":   false,
		"":                              false,
	} {
		if got := p.Match(name); got != out {
			t.Errorf("%q: left out is %v, want %v", name, got, out)
		}
	}
	if (*Patterns)(nil).Match("anything") {
		t.Error("no patterns leave something out")
	}
	if _, err := ParsePatterns([]string{"a[b"}); err == nil {
		t.Error("a pattern without its bracket is no error")
	}
}
