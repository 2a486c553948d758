package pip

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
)

// uvVersion is the pinned one; its answers' form belongs to it.
const uvVersion = "0.13.9"

const envUV = "WASMILL_UV"

// uvWheels are PyPI's wheels of it, by Go's names of system and processor. They hold one program, for Linux linked statically.
var uvWheels = map[string]struct{ folder, tags, sha256 string }{
	"linux/amd64":  {"fe/fe/794884de0efd3ac77a427cab21aa72c0483e100c55a42cd5cbb02c141b84", "musllinux_1_1_x86_64", "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25"},
	"linux/arm64":  {"57/15/94b6cd62ac3ff6550288328e8035288875197cbc183f51554b266a69877b", "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64", "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe"},
	"darwin/amd64": {"1e/db/08e9ef4879bd667e6d7b4705e594e5bd3e4585f10fc63cb16b9fa2fac63e", "macosx_10_12_x86_64", "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5"},
	"darwin/arm64": {"f3/a7/a8d7b074798c7fb3b26b37584b8fe2e29df2ccdc24ce7902caab2a53edbf", "macosx_11_0_arm64", "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63"},
}

// uv is the program, ready to be started for one Python.
type uv struct {
	program string
	python  string // as uv is told
	p       *Python
}

func (p *Python) uv(ctx context.Context) (*uv, error) {
	program := p.lookup(envUV)
	if program == "" {
		w, ok := uvWheels[runtime.GOOS+"/"+runtime.GOARCH]
		if !ok {
			return nil, fault.Errorf(fault.NotFound, "no uv is known for %s/%s: install version %s and name it in %s", runtime.GOOS, runtime.GOARCH, uvVersion, envUV)
		}
		file := "uv-" + uvVersion + "-py3-none-" + w.tags + ".whl"
		var err error
		program, err = p.fetcher().Tool(ctx, fetch.Source{
			Package: "uv", URL: "https://files.pythonhosted.org/packages/" + w.folder + "/" + file, SHA256: w.sha256,
		}, "uv-*.data/scripts/uv")
		if err != nil {
			return nil, &fault.Error{Kind: fault.KindOf(err), Err: errors.Join(errors.New("getting uv, which resolves and installs ("+envUV+" names one that is here already)"), err)}
		}
	}
	python, err := p.interpreter()
	if err != nil {
		return nil, err
	}
	return &uv{program, python, p}, nil
}

// common are the options of every command.
func (u *uv) common(r *request) []string {
	args := []string{"--python", u.python, "--no-config", "--no-python-downloads", "--system-certs"}
	switch {
	case r.noCache:
		args = append(args, "--no-cache")
	case r.cacheDir != "":
		args = append(args, "--cache-dir", r.cacheDir)
	default:
		args = append(args, "--cache-dir", u.cache())
	}
	if r.noColor {
		args = append(args, "--color", "never")
	}
	if r.noProgress {
		args = append(args, "--no-progress")
	}
	return args
}

func (u *uv) cache() string { return filepath.Join(u.p.Cache, "uv") }

// environ is what uv sees of ours: not its own settings, which whoever calls pip does not mean.
func (u *uv) environ(r *request) []string {
	var env []string
	for _, e := range u.p.Environ {
		if !strings.HasPrefix(e, "UV_") && !strings.HasPrefix(e, "VIRTUAL_ENV=") && !strings.HasPrefix(e, "CONDA_PREFIX=") {
			env = append(env, e)
		}
	}
	return append(env, r.env...)
}

func (u *uv) command(r *request, args ...string) *exec.Cmd {
	cmd := exec.Command(u.program, args...)
	cmd.Env = u.environ(r)
	return cmd
}

// pass runs uv with our own standard streams; its failure is ours. What uv says of its own work is passed over unless asked for.
func (u *uv) pass(ctx context.Context, r *request, args ...string) error {
	cmd := u.command(r, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = u.p.Stdout, u.p.Stderr
	if r.verbose == 0 {
		cmd.Stderr = &said
	}
	err := run(ctx, cmd)
	_, _ = io.WriteString(u.p.Stderr, withoutUsing(said.String()))
	return status(err, "")
}

// withoutUsing drops the line that tells which Python uv works for: here it is always this one.
func withoutUsing(said string) string {
	var out strings.Builder
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(line, "Using Python ") {
			out.WriteString(line)
		}
	}
	return out.String()
}

// status makes uv's end ours: its 2 is for any error, and pip's is 1.
func status(err error, words string) error {
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		return &failure{1, words}
	}
	return err
}
