package build_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

// object is a relocatable object that defines one function, if that has a name, and wants others.
func object(defined string, wanted ...string) string {
	const undefinedWithName = 0x50
	var table []byte
	n := uint64(len(wanted))
	symbol := func(flags, index byte, name string) {
		table = append(append(table, 0, flags, index), append(binary.AppendUvarint(nil, uint64(len(name))), name...)...)
	}
	if defined != "" {
		n++
		symbol(0, 9, defined)
	}
	for i, name := range wanted {
		symbol(undefinedWithName, byte(i), name)
	}
	section := func(id byte, body []byte) []byte {
		return append(binary.AppendUvarint([]byte{id}, uint64(len(body))), body...)
	}
	linking := append([]byte("\x07linking\x02"), section(8, append(binary.AppendUvarint(nil, n), table...))...)
	return "\x00asm\x01\x00\x00\x00" + string(section(0, linking))
}

// Where nothing is loaded, a package comes without what it can do without, if the target lacks what that needs, and with a note. All else
// is no package.
func TestAPackageForWASIWithoutAModule(t *testing.T) {
	const header, other = "src/b.c:1:10: fatal error: 'sys/wait.h' file not found\n", "src/b.c:1:10: fatal error: 'yaml.h' file not found\n"
	good := object("PyInit__a", "malloc")
	for _, c := range []struct {
		story    string
		modules  map[string]string // those inside
		optional []string
		log      string
		want     string // beginning of the failure, with its kind; or what is left out
	}{
		{"with all of them", map[string]string{"_a": good, "_b": object("PyInit__b")}, nil, "", ""},
		{"that did not compile", map[string]string{"_a": good}, nil, header, "story._b: left-out: src/b.c:1:10: fatal error: 'sys/wait.h' file not found (WASI has nothing"},
		{"that did not compile for another reason", map[string]string{"_a": good}, nil, other, "silent-fallback: the wheel lacks the extension module story._b"},
		{"for two reasons", map[string]string{"_a": good}, nil, header + other, "unsupported: the wheel lacks the extension module story._b"},
		{"and with no other", nil, nil, header, "unsupported: the wheel lacks the extension module story._a, story._b"},
		{"that can't be linked", map[string]string{"_a": good, "_b": object("PyInit__b", "fork")}, nil, "", "unsupported: it can't be linked for wasm32-wasip1: story._b want fork (processes"},
		{"that can't be linked, and is optional", map[string]string{"_a": good, "_b": object("PyInit__b", "fork")}, []string{"story._b"}, "", "story._b: left-out: story._b want fork (processes"},
		{"that is none", map[string]string{"_a": good, "_b": object("multiply")}, nil, "", "unsupported: story/_b.cpython-313-wasm32-wasi.so is a shared library, no module of Python"},
		{"of another name", map[string]string{"_a": good, "_b": object("PyInit_c")}, nil, "", "audit-failed: story/_b.cpython-313-wasm32-wasi.so defines no PyInit__b"},
	} {
		t.Run(c.story, func(t *testing.T) {
			s := newStage(t, func(_ context.Context, j job.Job, work string, out io.Writer) (job.Result, engine.Result) {
				if j.Kind != job.Build {
					return job.Result{}, engine.Result{}
				}
				fmt.Fprint(out, c.log)
				spec := wheeltest.Spec{Name: "story", Version: "1.0", Tag: "cp313-cp313-wasi_wasm32", Files: map[string]string{"story/__init__.py": ""}}
				for name, data := range c.modules {
					spec.Files["story/"+name+".cpython-313-wasm32-wasi.so"] = data
				}
				made := []string{"story._a", "story._b"}
				return job.Result{Wheel: filepath.Base(wheeltest.Write(t, filepath.Join(work, "dist"), spec)), Modules: made, Optional: c.optional}, engine.Result{}
			})
			facts := &s.job.Toolchain.Facts
			facts.Target, facts.Python, facts.PythonTag, facts.PlatformTag, facts.ExtSuffix = "wasm32-wasip1", "3.13", "cp313", "wasi_wasm32", ".cpython-313-wasm32-wasi.so"
			s.job.Toolchain.Symbols = &audit.Runtime{Functions: map[string]wasm.Signature{"malloc": ""}}
			s.job.Recipe.Wasmill.Pure = false
			out, err := s.build()
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if f := out.Record.Failure; f != nil {
				fmt.Fprintf(&got, "%s: %s", f.Kind, f.Message)
			}
			for _, f := range out.Record.Audit {
				got.WriteString(f.String())
			}
			if text := got.String(); !strings.HasPrefix(text, c.want) || c.want == "" && text != "" {
				t.Errorf("%s\nwant %s", text, c.want)
			}
			if passed := !strings.Contains(c.want, ": ") || strings.Contains(c.want, "left-out"); passed != (out.Record.Outcome == record.Passed) {
				t.Errorf("it is %s", out.Record.Outcome)
			}
		})
	}
}
