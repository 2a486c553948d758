package static

import (
	"fmt"
	"path"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// Linker is the clang of a toolchain's image, as it links an interpreter with packages. It starts nothing: Script is for a container of
// that image.
type Linker struct {
	LLVM       string   // the folder of clang
	ClangFlags []string // for any source and link
	LinkFlags  []string // what every program of the target is linked with
	Python     string   // 3.13
}

// Program is one interpreter to be linked. All paths are the container's.
type Program struct {
	Python  string   // the folder with what the interpreter's recipe installed
	Modules []Module // their Archive is a path
	Sources []string // in C: one has main, one is Table's. Each is compiled beside Out.
	Options []string // more for the link, as -Wl,--strip-debug
	Out     string
}

// Main is a program that is nothing but Python, with the modules of Table.
const Main = "#include <Python.h>\nvoid wasmill_modules(void);\nint main(int count, char **words) {\n\twasmill_modules();\n\treturn Py_BytesMain(count, words);\n}\n"

// Table is C code with one function, void wasmill_modules(void), to be called before Python is initialized: it adds the modules to those that
// are built in. Two modules of one name are fault.Invalid: one program has room for one.
func Table(modules []Module) (string, error) {
	var declared, added strings.Builder
	seen := map[string]bool{}
	for i, m := range modules {
		if seen[m.Name] {
			return "", fault.Errorf(fault.Invalid, "two packages have a module %s, and a program can hold one", m.Name)
		}
		seen[m.Name] = true
		fmt.Fprintf(&declared, "extern PyObject *init%d(void) __asm__(\"%s\");\n", i, m.Init)
		fmt.Fprintf(&added, "\tPyImport_AppendInittab(\"%s\", init%d);\n", m.Name, i)
	}
	return "#include <Python.h>\n" + declared.String() + "void wasmill_modules(void) {\n" + added.String() + "}\n", nil
}

// stack is the interpreter's stack in linear memory, as CPython's own build for WASI has it. It comes first, so that an overflow traps instead
// of overwriting data.
const stack = 8 << 20

// Script are the commands that compile and link p, for bash -euc. What they leave is to be fitted (Fit).
func (l Linker) Script(p Program) string {
	var script strings.Builder
	line := func(words ...string) {
		for i, w := range words {
			if i > 0 {
				script.WriteByte(' ')
			}
			script.WriteString("'" + strings.ReplaceAll(w, "'", `'\''`) + "'")
		}
		script.WriteByte('\n')
	}
	var objects []string
	for _, source := range p.Sources {
		object := path.Join(path.Dir(p.Out), strings.TrimSuffix(path.Base(source), path.Ext(source))+".o")
		compile := append([]string{l.LLVM + "/clang"}, l.ClangFlags...)
		line(append(compile, "-O2", "-c", source, "-o", object, "-I"+p.Python+"/include/python"+l.Python)...)
		objects = append(objects, object)
	}
	// clang++ brings the C++ library for the modules that want it; nothing of it is in a program without them.
	link := append([]string{l.LLVM + "/clang++"}, l.ClangFlags...)
	link = append(link, "-z", fmt.Sprintf("stack-size=%d", stack), "-Wl,--stack-first", "-o", p.Out)
	link = append(link, objects...)
	for _, m := range p.Modules {
		link = append(link, m.Archive)
	}
	// CPython's configure finds dlopen, which fails, in a library of its own.
	link = append(link, p.Python+"/lib/libpython"+l.Python+".a", "-ldl")
	link = append(append(link, l.LinkFlags...), p.Options...)
	line(link...)
	return script.String()
}
