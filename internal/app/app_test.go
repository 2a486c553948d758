package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/app"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/static"
	"github.com/wasmill/wasmill/internal/wasi/assembler"
)

func TestAProgramSaysWhatIsInsideIt(t *testing.T) {
	var p assembler.Program
	program := p.Assemble(p.Exit(assembler.I32(0)))
	if _, err := app.Read(program); err == nil || fault.KindOf(err) != fault.NotFound {
		t.Errorf("of a program that is no app: %v", err)
	}
	want := app.Contents{Schema: app.Schema, Name: "story", Root: app.Root, Entry: "a:b", Packages: []app.Part{{Name: "a", Version: "1", Digest: "sha256:0", Modules: []string{"a._b"}}}}
	described, err := app.Describe(program, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := app.Read(described)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if !bytes.HasPrefix(described, program) {
		t.Error("the program itself is changed")
	}
	if _, err := app.Read([]byte("\x7fELF")); err == nil || fault.KindOf(err) != fault.Invalid {
		t.Errorf("of no program: %v", err)
	}
	later, _ := app.Describe(program, app.Contents{Schema: 99})
	if _, err := app.Read(later); err == nil || fault.KindOf(err) != fault.Invalid {
		t.Errorf("of a later form: %v", err)
	}
}

func TestTheCommandsOfALink(t *testing.T) {
	l := app.Link{Out: "/out", Exclude: []string{"a", "c._d"}, Packages: []app.LinkedPackage{
		{Folder: "/p/a", About: static.Package{Modules: []static.Module{{Name: "a._x", Init: "PyInit_a._x", Archive: "lib/a._x.a"}}}},
		{Folder: "/p/b", About: static.Package{Modules: []static.Module{{Name: "ab", Init: "PyInit_ab", Archive: "lib/ab.a"}}}},
	}}
	script, err := l.Commands(static.Linker{LLVM: "/llvm", Python: "3.13"}, "/work/linker", "/work/linker/app.json", "/py")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"/usr/bin/python3.13 -I /work/linker/link.py /work/linker/app.json\nif [ -e /out/problems ]; then exit 0; fi\n",
		"'/work/linker/main.c'", "'/work/linker/data.c'", "'/p/b/lib/ab.a'", "'-o' '/out/app.wasm'",
		"'-Wl,--wrap=__wasi_fd_read'", "'-Wl,--wrap=__wasi_path_open'", "'-Wl,--wrap=__wasi_path_rename'",
	} {
		if !strings.Contains(script, want) {
			t.Errorf("no %s in\n%s", want, script)
		}
	}
	if strings.Contains(script, "a._x.a") {
		t.Error("a module that is left out is linked")
	}
}

// The linker is in the keys of apps: its digest is that of what is written.
func TestTheLinkerIsWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "linker")
	if err := app.WriteLinker(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link.py", "main.c", "files.c", "files.h"} {
		want, err := os.ReadFile(filepath.Join("link", name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d := app.LinkerDigest(); d == "" || d != app.LinkerDigest() {
		t.Errorf("its digest is %q", d)
	}
}
