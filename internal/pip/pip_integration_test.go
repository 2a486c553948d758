//go:build integration

package pip_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/index"
	"github.com/wasmill/wasmill/internal/index/indextest"
	"github.com/wasmill/wasmill/internal/python/pythontest"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
	"github.com/wasmill/wasmill/internal/wheel/wasm/wasmtest"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

func TestMain(m *testing.M) {
	pythontest.Main()
	dir, err := os.MkdirTemp("", "wasmill-pip-")
	if err != nil {
		panic(err)
	}
	scratch = dir
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// scratch is a folder that outlives single tests.
var scratch string

// farm is an index of wheels made on the spot.
type farm struct {
	indextest.Catalog
	address string // of its simple API
	stop    func()
	spoil   func(w http.ResponseWriter, r *http.Request) (done bool)
}

func openFarm(t *testing.T, specs ...wheeltest.Spec) *farm {
	t.Helper()
	f := &farm{}
	for _, spec := range specs {
		f.Publish(t, spec, nil)
	}
	handler := index.NewHandler(f, index.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.spoil == nil || !f.spoil(w, r) {
			handler.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	f.address, f.stop = server.URL+"/simple/", server.Close
	return f
}

type result struct {
	out, err string
	status   int
}

func (r result) String() string { return fmt.Sprintf("status %d\n%s%s", r.status, r.out, r.err) }

// command runs a program with the environment that makes the test program python-wasm, also behind links and `#!`.
func command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env = pythontest.Environ()
	return cmd
}

func do(t *testing.T, cmd *exec.Cmd) (r result) {
	t.Helper()
	r.out, r.err, r.status = pythontest.Run(t, cmd)
	return r
}

func self(t *testing.T) string { return pythontest.Program(t) }

// One environment serves all tests, which tell by its contents whether they were left in peace.
var environment = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(scratch, "venv")
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	out, err := command(program, "-m", "venv", "--prompt", "here", dir).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

func venv(t *testing.T) string {
	t.Helper()
	dir, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// pip runs the environment's own.
func pip(t *testing.T, args ...string) result {
	t.Helper()
	return do(t, command(venv(t)+"/bin/pip", args...))
}

// contents are the names and sizes of all files.
func contents(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == ".lock" || e.Name() == ".wasmill-lock" || strings.HasSuffix(e.Name(), ".pyc") {
			return err
		}
		info, err := e.Info()
		if err == nil {
			out[strings.TrimPrefix(path, dir)] = info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wants(t *testing.T, r result, status int, words ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("not %d: %s", status, r)
	}
	for _, w := range words {
		if !strings.Contains(r.out+r.err, w) {
			t.Errorf("%q is missing: %s", w, r)
		}
	}
}

const program = "[console_scripts]\ngreet = greet:main\n"

func greet(version string) wheeltest.Spec {
	return wheeltest.Spec{Name: "greet", Version: version, Requires: []string{"iniconfig>=2", "extra-words; extra == 'loud'"}, Files: map[string]string{
		"greet.py": "import iniconfig, sys\ndef main():\n    print('hello', *sys.argv[1:])\n    sys.exit(5)\nif __name__ == '__main__': main()\n",
		"greet-" + version + ".dist-info/entry_points.txt": program,
	}}
}

// The way of a package through an environment, with a farm's index and PyPI together.
func TestThroughAnEnvironment(t *testing.T) {
	dir := venv(t)
	f := openFarm(t, greet("1.0"), greet("1.1"), wheeltest.Spec{Name: "extra_words", Version: "3"})
	wants(t, pip(t, "--version"), 0, "(python 3.15)")
	r := pip(t, "install", "--extra-index-url", f.address, "greet[loud]<1.1")
	wants(t, r, 0, "Successfully installed", "greet-1.0", "extra-words-3", "iniconfig-2")
	r = do(t, command(dir+"/bin/greet", "you", "two"))
	if r.out != "hello you two\n" || r.status != 5 {
		t.Errorf("its program: %s", r)
	}
	wants(t, pip(t, "install", "greet"), 0, "Requirement already satisfied: greet")
	r = do(t, func() *exec.Cmd {
		cmd := command(dir+"/bin/pip", "install", "-U", "greet")
		cmd.Env = append(cmd.Env, "WASMILL_INDEX_URL="+f.address)
		return cmd
	}())
	wants(t, r, 0, "Successfully installed greet-1.1")
	if r = pip(t, "freeze"); !strings.Contains(r.out, "greet==1.1\niniconfig==2") || r.err != "" {
		t.Error(r)
	}
	var installed []struct{ Name, Version string }
	if r = pip(t, "list", "--format=json"); json.Unmarshal([]byte(r.out), &installed) != nil || len(installed) != 3 {
		t.Error(r)
	}
	wants(t, pip(t, "show", "greet"), 0, "Version: 1.1", "Requires: iniconfig")
	wants(t, pip(t, "check"), 0)
	wants(t, pip(t, "uninstall", "-y", "iniconfig"), 0)
	wants(t, pip(t, "check"), 1, "iniconfig")
	wants(t, pip(t, "uninstall", "-y", "greet", "extra-words"), 0)
	if r = pip(t, "freeze"); r.out != "" {
		t.Error(r)
	}
}

// What is installed without an environment is there for the next command.
func TestWithoutAnEnvironment(t *testing.T) {
	t.Setenv("WASMILL_PYTHON_PREFIX", t.TempDir())
	f := openFarm(t, greet("1.0"))
	wants(t, do(t, command(self(t), "-m", "pip", "install", "--extra-index-url", f.address, "greet")), 0, "Successfully installed")
	wants(t, do(t, command(self(t), "-m", "pip", "install", "--user", "--extra-index-url", f.address, "greet")), 0, "already satisfied")
	wants(t, pip(t, "install", "--user", "greet"), 1, "Can not perform a '--user' install.")
	if r := do(t, command(self(t), "-m", "greet", "all")); r.out != "hello all\n" || r.status != 5 {
		t.Error(r)
	}
	if r := do(t, command(os.Getenv("WASMILL_PYTHON_PREFIX")+"/bin/greet", "all")); r.out != "hello all\n" || r.status != 5 {
		t.Error(r)
	}
	wants(t, do(t, command(self(t), "-m", "pip", "--require-virtualenv", "list")), 1, "require-virtualenv")
}

// What was installed once can be installed where nobody answers any more; what was not is refused at once, in words.
func TestOffline(t *testing.T) {
	f := openFarm(t,
		wheeltest.Spec{Name: "app", Version: "1.0", Requires: []string{"lib>=2", "native"}}, wheeltest.Spec{Name: "app", Version: "1.1", Requires: []string{"lib>=2"}},
		wheeltest.Spec{Name: "lib", Version: "2.0"},
		wheeltest.Spec{Name: "native", Version: "3", Tag: "cp315-cp315-pyemscripten_2026_5_wasm32", Files: map[string]string{
			"native.so": string(wasmtest.Module{Exports: []wasm.Export{{Name: "PyInit_native", Kind: wasm.Func, Signature: ":i"}}}.Bytes()),
		}})
	venv(t)
	wants(t, pip(t, "install", "-i", f.address, "app<1.1"), 0, "app-1.0", "lib-2.0", "native-3")
	wants(t, pip(t, "uninstall", "-y", "app", "lib", "native"), 0)
	f.stop()
	began := time.Now()
	r := pip(t, "install", "-i", f.address, "app<1.1")
	wants(t, r, 1, "can't be reached", "--offline", "Nothing was changed.")
	if took := time.Since(began); took > 9*time.Second {
		t.Errorf("%s until it was said: uv's own ten seconds", took)
	}
	wants(t, pip(t, "install", "-i", f.address, "--offline", "app<1.1"), 0, "app-1.0", "lib-2.0", "native-3")
	wants(t, pip(t, "install", "-i", f.address, "app<1.1"), 0, "Requirement already satisfied")
	wants(t, pip(t, "install", "-i", f.address, "--offline", "other"), 1, "other was not found in the cache", "--offline takes what", "Nothing was changed.")
	// The pages that are kept tell of versions of which nothing else is kept.
	wants(t, pip(t, "uninstall", "-y", "app"), 0)
	wants(t, pip(t, "install", "-i", f.address, "--offline", "app"), 0, "WARNING: taking app 1.0, the newest is 1.1.", "Successfully installed app-1.0")
	wants(t, pip(t, "uninstall", "-y", "app", "lib", "native"), 0)
}

const elsewhere = "cp315-cp315-manylinux_2_17_x86_64"

// A resolver takes an ancient version where the newest has no wheel, and calls it a success.
func TestNoSilentOldVersion(t *testing.T) {
	f := openFarm(t,
		wheeltest.Spec{Name: "model", Version: "2.0", Requires: []string{"model-core==2.5"}}, wheeltest.Spec{Name: "model", Version: "1.0"},
		wheeltest.Spec{Name: "model_core", Version: "2.5", Tag: elsewhere}, wheeltest.Spec{Name: "model_core", Version: "0.0.1"})
	dir := venv(t)
	before := contents(t, dir)
	wants(t, pip(t, "install", "-i", f.address, "model"), 1,
		"no wheel for pyemscripten_2026_5_wasm32 of\n  model-core 2.5 (needed by model 2.0): only wheels for other platforms",
		"model 1.0 instead of 2.0", "wasmill build model-core==2.5", "--allow-older model-core", "Nothing was changed.")
	wants(t, pip(t, "install", "-i", f.address, "model==2.0"), 1, "model-core 2.5 (needed by model 2.0)", "Nothing was changed.")
	if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
		t.Error(diff)
	}
	wants(t, pip(t, "install", "-i", f.address, "--allow-older", "model-core", "--dry-run", "model"), 0,
		"WARNING: taking model 1.0, the newest is 2.0.", "Would install model-1.0")
	wants(t, pip(t, "install", "-i", f.address, "--dry-run", "model-core<1"), 0, "Would install model-core-0.0.1")
	wants(t, pip(t, "install", "-i", f.address, "--dry-run", "--allow-older", ":all:", "model==2.0"), 1, "No solution found")
}

// The true case, on PyPI.
func TestNoSilentOldVersionOfPyPI(t *testing.T) {
	wants(t, pip(t, "install", "pydantic"), 1, "pydantic-core", "(needed by pydantic 2.", "pydantic 1.", "Nothing was changed.")
}

// The runtime's collector trapped on what SQLAlchemy leaves behind, when all that the program had to do was done.
func TestProgramsEndAsTheySay(t *testing.T) {
	python := venv(t) + "/bin/python"
	wants(t, pip(t, "install", "sqlalchemy==2.1.9"), 0)
	for code, status := range map[string]int{"import sqlalchemy": 0, "import sqlalchemy, sys; sys.exit(3)": 3} {
		if r := do(t, command(python, "-c", code)); r.status != status || r.err != "" {
			t.Errorf("%s: %s", code, r)
		}
	}
}

// A wheel that the runtime can't load is refused before anything is written.
func TestModulesThatCantBeLoaded(t *testing.T) {
	module := wasmtest.Module{
		Needed: []string{"libnowhere.so"}, Exports: []wasm.Export{{Name: "PyInit_broken", Kind: wasm.Func, Signature: ":i"}},
	}
	spec := wheeltest.Spec{Name: "broken", Version: "1", Tag: "cp315-cp315-pyemscripten_2026_5_wasm32", Files: map[string]string{
		"broken.cpython-315-wasm32-emscripten.so": string(module.Bytes()), "pure.py": "",
	}}
	f := openFarm(t, spec)
	before := contents(t, venv(t))
	wants(t, pip(t, "install", "-i", f.address, "broken"), 1, "can't be loaded by pyodide", "libnowhere.so", "Nothing was changed.")
	wants(t, pip(t, "install", "--no-index", wheeltest.Write(t, t.TempDir(), spec)), 1, "libnowhere.so")
	local := t.TempDir()
	wheeltest.Write(t, local, spec)
	wants(t, pip(t, "install", "--no-index", "-f", local, "broken"), 1, "libnowhere.so")
	if diff := cmp.Diff(before, contents(t, venv(t))); diff != "" {
		t.Error(diff)
	}
}

// What the runtime could load, but not this machine's node.
func TestModulesThatThisNodeCantLoad(t *testing.T) {
	module := wasmtest.Module{Shared: true, Exports: []wasm.Export{{Name: "PyInit_threads", Kind: wasm.Func, Signature: ":i"}}}
	f := openFarm(t, wheeltest.Spec{Name: "threads", Version: "1", Tag: "cp315-cp315-pyemscripten_2026_5_wasm32", Files: map[string]string{
		"threads.cpython-315-wasm32-emscripten.so": string(module.Bytes()),
	}})
	wants(t, pip(t, "install", "-i", f.address, "threads"), 1, "can't be loaded by pyodide", "lacks wasm.shared-memory", "Nothing was changed.")
}

func TestFilesOfRequirements(t *testing.T) {
	f := openFarm(t, greet("1.0"), greet("1.1"), greet("1.2"))
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sum := strings.TrimPrefix(string(f.Files[1].Digest), "sha256:")
	hashed := write("hashed.txt", "--extra-index-url "+f.address+"\ngreet==1.1 --hash=sha256:"+sum+"\n")
	wants(t, pip(t, "install", "--no-deps", "--require-hashes", "--dry-run", "-r", hashed), 0, "Would install greet-1.1")
	wants(t, pip(t, "install", "--no-deps", "-r", write("wrong.txt", "-i "+f.address+"\ngreet==1.1 --hash=sha256:"+strings.Repeat("0", 64)+"\n")), 1, "ash")
	wants(t, pip(t, "install", "--no-deps", "--require-hashes", "-i", f.address, "--dry-run", "greet"), 1, "hash")
	wants(t, pip(t, "install", "--dry-run", "--extra-index-url", f.address, "-c", write("constraints.txt", "greet<1.2\n"), "greet", "nothing; sys_platform == 'win32'"), 0, "greet-1.1")
	lock := write("pylock.toml", fmt.Sprintf("lock-version = \"1.0\"\ncreated-by = \"test\"\n[[packages]]\nname = \"greet\"\nversion = \"1.1\"\nwheels = [{url = %q, hashes = {sha256 = %q}}]\n",
		strings.TrimSuffix(f.address, "simple/")+"files/"+sum+"/"+f.Files[1].Filename, sum))
	wants(t, pip(t, "install", "--dry-run", "-r", lock), 0, "Would install greet-1.1")
	t.Setenv("PIP_CONSTRAINT", filepath.Join(dir, "constraints.txt"))
	wants(t, pip(t, "install", "--dry-run", "--extra-index-url", f.address, "greet"), 0, "greet-1.1")
}

func TestDownload(t *testing.T) {
	f := openFarm(t, greet("1.0"))
	dest := t.TempDir() + "/new"
	wants(t, pip(t, "download", "-d", dest, "--extra-index-url", f.address, "greet"), 0, "Saved")
	files, _ := filepath.Glob(dest + "/*")
	if len(files) != 2 || filepath.Base(files[0]) != "greet-1.0-py3-none-any.whl" || !strings.HasPrefix(filepath.Base(files[1]), "iniconfig-2") {
		t.Error(files)
	}
	wants(t, pip(t, "install", "--no-index", "-f", dest, "--dry-run", "greet"), 0, "greet-1.0")
	f.spoil = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, ".whl") {
			fmt.Fprint(w, "something else")
			return true
		}
		return false
	}
	// Other bytes under the same name: another farm's, so that no cache has them.
	other := openFarm(t, greet("7.0"))
	other.spoil = f.spoil
	dest = t.TempDir() + "/new"
	wants(t, pip(t, "download", "-d", dest, "-i", other.address, "--no-deps", "greet"), 1, "greet-7.0", "Nothing was written")
	if files, _ := filepath.Glob(dest + "/*"); len(files) != 0 {
		t.Error(files)
	}
}

// Passwords come with the address, or from ~/.netrc.
func TestPrivateIndex(t *testing.T) {
	f := openFarm(t, greet("1.0"))
	f.spoil = func(w http.ResponseWriter, r *http.Request) bool {
		if name, password, _ := r.BasicAuth(); name == "me" && password == "secret" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="farm"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	args := []string{"install", "--dry-run", "--no-deps", "greet", "-i"}
	wants(t, pip(t, append(args, f.address)...), 1, "401 Unauthorized", "Nothing was changed.")
	wants(t, pip(t, append(args, strings.Replace(f.address, "//", "//me:secret@", 1))...), 0, "greet-1.0")
	netrc := filepath.Join(t.TempDir(), "netrc")
	if err := os.WriteFile(netrc, []byte("machine 127.0.0.1 login me password secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NETRC", netrc)
	wants(t, pip(t, append(args, f.address)...), 0, "greet-1.0")
}

// Whatever goes wrong: words, a status, and the environment as it was.
func TestNothingHalfInstalled(t *testing.T) {
	dir := venv(t)
	good := openFarm(t, greet("1.0"))
	wants(t, pip(t, "install", "--extra-index-url", good.address, "greet"), 0)
	t.Cleanup(func() { pip(t, "uninstall", "-y", "greet", "iniconfig") })
	before := contents(t, dir)
	unchanged := func(t *testing.T) {
		t.Helper()
		if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
			t.Error(diff)
		}
	}
	corrupt := func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "-2.0-py3-none-any.whl") {
			fmt.Fprint(w, "something else")
			return true
		}
		return false
	}
	for _, c := range []struct {
		name  string
		spoil func(http.ResponseWriter, *http.Request) bool
		words string
	}{
		{"a file of another hash", corrupt, "greet-2.0"},
		{"an index that fails", func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}, "500"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := openFarm(t, greet("2.0"), wheeltest.Spec{Name: "added", Version: "1", Files: map[string]string{"added.py": ""}})
			f.spoil = c.spoil
			wants(t, pip(t, "--retries", "0", "install", "-i", f.address, "--no-deps", "added", "greet>=2"), 1, c.words)
			unchanged(t)
		})
	}
	t.Run("no network", func(t *testing.T) {
		cmd := command(dir+"/bin/pip", "--retries", "0", "install", "-i", "http://127.0.0.1:1/simple/", "added")
		wants(t, do(t, cmd), 1, "127.0.0.1:1")
		unchanged(t)
	})
	t.Run("Ctrl-C", func(t *testing.T) {
		f := openFarm(t, greet("3.0"))
		reached := make(chan struct{})
		ended := make(chan struct{})
		f.spoil = func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, ".whl") && r.Method == http.MethodGet {
				close(reached)
				<-ended
				return true
			}
			return false
		}
		cmd := command(dir+"/bin/pip", "install", "-i", f.address, "--no-deps", "-U", "greet")
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-reached
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		close(ended)
		if cmd.ProcessState.ExitCode() != 130 || !strings.Contains(said.String(), "is as it was before") {
			t.Error(cmd.ProcessState, said.String())
		}
		unchanged(t)
	})
}

// On a small disk of its own.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("this machine lets nobody mount a small disk here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	wants(t, do(t, command(self(t), "-m", "venv", dir+"/venv")), 0)
	before := contents(t, dir)
	large := wheeltest.Spec{Name: "large", Version: "1", Files: map[string]string{"first.py": "", "large.py": strings.Repeat("x = 1\n", 1<<20)}}
	f := openFarm(t, large)
	wants(t, do(t, command(dir+"/venv/bin/pip", "install", "-i", f.address, "large")), 1, "No space left", "is as it was before")
	if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
		t.Error(diff)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	r := do(t, command(dir+"/venv/bin/pip", "install", "-i", f.address, "large"))
	wants(t, r, 2, "nothing was changed", "read-only")
}

// Projects on this machine are built inside the runtime, and so are source archives with nothing to compile.
func TestProjects(t *testing.T) {
	project := t.TempDir()
	for name, text := range map[string]string{
		"pyproject.toml":   "[build-system]\nrequires = ['flit_core>=3.4']\nbuild-backend = 'flit_core.buildapi'\n[project]\nname = 'mine'\nversion = '1.2'\ndescription = 'x'\n[project.scripts]\nmine = 'mine:main'\n",
		"mine/__init__.py": "def main(): print('first')\n",
	} {
		path := filepath.Join(project, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { pip(t, "uninstall", "-y", "mine") })
	r := pip(t, "install", "-e", project)
	wants(t, r, 0, "Successfully installed mine")
	if strings.Contains(r.err, "warning") {
		t.Error(r)
	}
	if err := os.WriteFile(project+"/mine/__init__.py", []byte("def main(): print('second')\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := do(t, command(venv(t)+"/bin/mine")); r.out != "second\n" {
		t.Error(r)
	}
	wants(t, pip(t, "install", "git+https://example.org/x.git"), 1, "version control")
}

// uv works with this Python by itself.
func TestUVUnwrapped(t *testing.T) {
	uv, err := filepath.Glob(filepath.Join(cache(t), "downloads", "tools", "*", "uv"))
	if err != nil || len(uv) == 0 {
		t.Fatal("the environment's tests have left no uv in the cache", err)
	}
	dir := t.TempDir()
	f := openFarm(t, greet("1.0"))
	wants(t, do(t, command(uv[0], "venv", "--no-config", "--python", self(t), dir+"/venv")), 0)
	wants(t, do(t, command(uv[0], "pip", "install", "--no-config", "--python", dir+"/venv/bin/python", "--index", f.address, "greet")), 0, "greet==1.0")
	if r := do(t, command(dir+"/venv/bin/greet", "uv")); r.out != "hello uv\n" {
		t.Error(r)
	}
	cmd := command(uv[0], "run", "--no-config", "--no-project", "--python", dir+"/venv/bin/python", "--with", "iniconfig", "python", "-c", "import iniconfig, sys; print(sys.platform)")
	if r := do(t, cmd); r.out != "emscripten\n" {
		t.Error(r)
	}
}

func cache(t *testing.T) string {
	t.Helper()
	venv(t)
	return pythontest.Cache()
}

// pip upgrades itself in many scripts, and comes as a library with some packages; bin/pip stays what it is.
func TestPipStaysWhatItIs(t *testing.T) {
	wants(t, pip(t, "install", "--upgrade", "pip"), 0, "already satisfied: pip")
	list := filepath.Join(t.TempDir(), "requirements.txt")
	if err := os.WriteFile(list, []byte("pip\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	wants(t, pip(t, "install", "-r", list), 0, "Successfully installed pip-")
	wants(t, pip(t, "--version"), 0, "+uv")
	wants(t, pip(t, "uninstall", "-y", "pip"), 0)
	wants(t, pip(t, "--version"), 0, "+uv")
}

func TestVenvs(t *testing.T) {
	dir := t.TempDir()
	wants(t, do(t, command(self(t), "-m", "venv")), 2, "ENV_DIR")
	wants(t, do(t, command(self(t), "-m", "venv", "--upgrade-deps", dir)), 2, "pip is part of python-wasm")
	wants(t, do(t, command(self(t), "-m", "venv", "--without-pip", dir+"/bare")), 0)
	if _, err := os.Stat(dir + "/bare/bin/pip"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("--without-pip", err)
	}
	r := do(t, command("/bin/sh", "-c", `. "`+venv(t)+`/bin/activate" && python -c 'import sys; print(sys.prefix)' && echo "$VIRTUAL_ENV_PROMPT"`))
	if r.out != venv(t)+"\nhere\n" {
		t.Error(r)
	}
	for _, name := range []string{"python", "python3", "python3.15", "pip", "pip3"} {
		if r := do(t, command(filepath.Join(venv(t), "bin", name), "--version")); r.status != 0 || !strings.Contains(strings.ToLower(r.out), "p") {
			t.Errorf("%s: %s", name, r)
		}
	}
}
