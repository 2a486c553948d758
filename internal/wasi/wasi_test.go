package wasi_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wasi"
	"github.com/wasmill/wasmill/internal/wasi/assembler"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/world"
)

func engine(t *testing.T) *wasi.Engine {
	t.Helper()
	e, err := wasi.NewEngine("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func load(t *testing.T, module []byte) *wasi.Program {
	t.Helper()
	p, err := engine(t).Load(context.Background(), module)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func run(t *testing.T, module []byte, c wasi.Config) wasi.Result {
	t.Helper()
	r, err := load(t, module).Run(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A program copies its standard input, its arguments and its environment to its standard output, writes a file that it reads
// back, and ends with a status.
func TestRun(t *testing.T) {
	var p assembler.Program
	const counts, list, text, read = 100, 200, 300, 64
	iov, _ := p.Bytes("\x00\x02\x00\x00\x08\x00\x00\x00") // 8 bytes at 512
	out, _ := p.Bytes("\x2c\x01\x00\x00\x14\x00\x00\x00") // 20 bytes at 300
	module := p.Assemble(
		p.Call("fd_read", assembler.I32(0), assembler.I32(iov), assembler.I32(1), assembler.I32(read))+assembler.Drop,
		p.Call("fd_write", assembler.I32(1), assembler.I32(iov), assembler.I32(1), assembler.I32(read))+assembler.Drop,
		p.Call("args_get", assembler.I32(list), assembler.I32(text))+assembler.Drop,
		p.Call("fd_write", assembler.I32(1), assembler.I32(out), assembler.I32(1), assembler.I32(read))+assembler.Drop,
		p.Call("environ_get", assembler.I32(list), assembler.I32(text))+assembler.Drop,
		p.Call("fd_write", assembler.I32(2), assembler.I32(out), assembler.I32(1), assembler.I32(read))+assembler.Drop,
		p.Open("sub/made.txt", 1, true)+assembler.Drop,
		p.Call("fd_write", assembler.Load(assembler.Opened), assembler.I32(iov), assembler.I32(1), assembler.I32(read))+assembler.Drop,
		p.Exit(assembler.I32(7)),
	)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	r := run(t, module, wasi.Config{
		Args: []string{"spam", "--eggs"}, Env: []string{"A=1", "B=x=y"}, Stdin: strings.NewReader("12345678"), Stdout: &stdout, Stderr: &stderr,
		Folders: []wasi.Folder{{Host: dir, Guest: "/", Writable: true}},
	})
	if r.End != wasi.Exited || r.Status != 7 || r.OK() || r.ExitStatus() != 7 || r.String() != "exit status 7" || r.Written != 8 || r.Memory != 64<<10 {
		t.Errorf("it ended with %+v", r)
	}
	got := strings.ReplaceAll(stdout.String()+"|"+stderr.String(), "\x00", ".")
	if want := "12345678spam.--eggs.........|A=1.B=x=y.s........."; got != want {
		t.Errorf("it printed %q, want %q", got, want)
	}
	b, err := os.ReadFile(filepath.Join(dir, "sub", "made.txt"))
	if err != nil || string(b) != "12345678" {
		t.Errorf("it wrote %q, %v", b, err)
	}
	if info, _ := os.Stat(filepath.Join(dir, "sub", "made.txt")); info.Mode().Perm()&0o044 == 0 && umask() == 0o022 {
		t.Errorf("the file has mode %v: others can't read it", info.Mode())
	}
}

// A read of standard input to which nothing comes ends with the run.
func TestSilentInput(t *testing.T) {
	var p assembler.Program
	r, w := io.Pipe()
	defer w.Close()
	got := run(t, p.Assemble(p.Call("fd_read", assembler.I32(0), assembler.I32(0), assembler.I32(1), assembler.I32(64))+assembler.Drop,
		assembler.Forever("")), wasi.Config{Stdin: r, Limits: wasi.Limits{Time: 50 * time.Millisecond}})
	if got.End != wasi.OutOfTime {
		t.Errorf("it ended with %+v", got)
	}
}

func TestCanceled(t *testing.T) {
	var p assembler.Program
	program := load(t, p.Assemble(assembler.Forever("")))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if _, err := program.Run(ctx, wasi.Config{Limits: wasi.Limits{Time: time.Hour}}); fault.KindOf(err) != fault.Canceled {
		t.Errorf("%v, want an error of kind canceled", err)
	}
	// What was stopped can be run again.
	r, err := program.Run(context.Background(), wasi.Config{Limits: wasi.Limits{Time: time.Millisecond}})
	if err != nil || r.End != wasi.OutOfTime {
		t.Errorf("the second run ended with %+v, %v", r, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	var foreign, whole assembler.Program
	foreign.Imports = []wasm.Import{
		{Module: "env", Name: "PyLong_FromLong", Kind: wasm.Func, Signature: "i:i"},
		{Module: world.Preview1, Name: "sock_open", Kind: wasm.Func, Signature: ":"},
	}
	library := bytes.Replace(whole.Assemble(), []byte("_start"), []byte("_setup"), 1)
	large := assembler.Program{Table: "\x70\x00\xff\xff\xff\x3f"}
	for story, c := range map[string]struct {
		module []byte
		want   string
	}{
		"text":              {[]byte("print(1)\n"), "not a WebAssembly module"},
		"a component":       {[]byte("\x00asm\x0d\x00\x01\x00"), "only core modules"},
		"foreign imports":   {foreign.Assemble(), "imports what WASI preview 1 doesn't have: env.PyLong_FromLong, wasi_snapshot_preview1.sock_open"},
		"a library":         {library, "exports no function _start"},
		"a huge table":      {large.Assemble(), "tables have more than"},
		"cut off":           {whole.Assemble()[:60], "ends too early"},
		"unsound":           {whole.Assemble(assembler.Add), "wazero " + wasi.Version + " refuses the module"},
		"a type that lacks": {whole.Assemble("\x11\x09\x00"), "wazero " + wasi.Version + " refuses the module"},
	} {
		_, err := engine(t).Load(context.Background(), c.module)
		if fault.KindOf(err) != fault.Invalid || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error of kind invalid with %q", story, err, c.want)
		}
	}
}

func TestConfigRefuses(t *testing.T) {
	p := assembler.Program{MinPages: 33}
	program := load(t, p.Assemble())
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for story, c := range map[string]struct {
		wasi.Config
		want string
	}{
		"less memory than it starts with": {wasi.Config{Limits: wasi.Limits{Memory: 2 << 20}}, "starts with 2.1 MiB of memory, and may have 2.0 MiB"},
		"no such folder":                  {wasi.Config{Folders: []wasi.Folder{{Host: file + "s", Guest: "/"}}}, "there is no folder"},
		"a file":                          {wasi.Config{Folders: []wasi.Folder{{Host: file, Guest: "/"}}}, "not a directory"},
		"an environment of words":         {wasi.Config{Env: []string{"PATH"}}, "is not NAME=VALUE"},
		"a zero byte":                     {wasi.Config{Args: []string{"a\x00b"}}, "has a zero byte"},
	} {
		_, err := program.Run(context.Background(), c.Config)
		if k := fault.KindOf(err); k != fault.Invalid && k != fault.NotFound || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", story, err, c.want)
		}
	}
}

// Programs are taken from the folder by other engines; what is damaged there is made anew; a folder that others can write to
// is refused.
func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	var p assembler.Program
	module := p.Assemble(p.Exit(assembler.I32(3)))
	once := func(story string) {
		t.Helper()
		e, err := wasi.NewEngine(dir)
		if err != nil {
			t.Fatalf("%s: %v", story, err)
		}
		defer e.Close()
		program, err := e.Load(context.Background(), module)
		if err != nil {
			t.Fatalf("%s: %v", story, err)
		}
		defer program.Close()
		if r, err := program.Run(context.Background(), wasi.Config{}); err != nil || r.Status != 3 {
			t.Errorf("%s: %+v, %v", story, r, err)
		}
	}
	once("empty")
	once("full")
	files := 0
	walk := func(do func(path string, size int64)) {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				files++
				info, _ := d.Info()
				do(path, info.Size())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	walk(func(path string, size int64) { _ = os.Truncate(path, size/2) })
	if files == 0 {
		t.Fatal("nothing was kept")
	}
	once("cut off")
	walk(func(path string, _ int64) { _ = os.WriteFile(path, []byte("rubbish"), 0o600) })
	once("rubbish")
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := wasi.NewEngine(dir); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("a folder that all can write to: %v", err)
	}
}

// The table of functions is what wazero has, types included.
func TestPreview1(t *testing.T) {
	r := wazero.NewRuntime(context.Background())
	defer r.Close(context.Background())
	b := r.NewHostModuleBuilder("x")
	wasi_snapshot_preview1.NewFunctionExporter().ExportFunctions(b)
	m, err := b.Compile(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	letters := map[byte]string{0x7f: "i", 0x7e: "j"}
	got, want := map[string]wasm.Signature{}, map[string]wasm.Signature{}
	for name, f := range m.ExportedFunctions() {
		s := ""
		for _, p := range f.ParamTypes() {
			s += letters[p]
		}
		s += ":"
		for _, p := range f.ResultTypes() {
			s += letters[p]
		}
		got[name] = wasm.Signature(s)
	}
	for _, name := range world.Preview1Functions() {
		want[name] = world.Preview1Signature(name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-table +wazero):\n%s", diff)
	}
}

func TestVersion(t *testing.T) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Skip("the test was built without its modules' versions")
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/tetratelabs/wazero" && m.Version != "v"+wasi.Version {
			t.Errorf("go.mod has wazero %s, wasi.Version is %s", m.Version, wasi.Version)
		}
	}
}
