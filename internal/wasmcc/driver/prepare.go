package driver

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

// prepare applies patches and extras, and checks that the programs are there that the recipe wants.
func (r *run) prepare() error {
	for _, name := range r.job.Executables {
		if _, err := wasmcc.LookUp(name, r.env["PATH"]); err != nil {
			return fail(record.Unsupported, "the recipe needs the program %s, which the toolchain image does not have", name)
		}
	}
	for _, dir := range []string{job.Home, job.Dist, job.Libs} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, p := range r.job.Patches {
		if err := r.patch(p); err != nil {
			return err
		}
	}
	for _, e := range r.job.Extras {
		fmt.Printf("==> extra: %s to %s\n", e[0], e[1])
		to := filepath.Join(r.job.Dir, e[1])
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := r.command(r.job.Dir, "/usr/bin/cp", "-rT", "--", filepath.Join(job.Recipe, e[0]), to); err != nil {
			return fail(record.PatchFailed, "copying the extra %s to %s: %s", e[0], e[1], err)
		}
	}
	return nil
}

func (r *run) patch(name string) error {
	fmt.Printf("==> patch: %s\n", name)
	cmd := exec.Command("/usr/bin/patch", "-p1", "--binary", "--forward", "--no-backup-if-mismatch", "-i", filepath.Join(job.Recipe, name))
	var said bytes.Buffer
	out := io.MultiWriter(os.Stdout, &said)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.job.Dir, list(r.env), out, out
	if err := cmd.Run(); err != nil {
		return fail(record.PatchFailed, "patch %s does not apply: %s", name, whyPatch(said.String()))
	}
	return nil
}

var (
	patchingFile = regexp.MustCompile(`^patching file '?(.+?)'?( \(.*\))?$`)
	failedHunk   = regexp.MustCompile(`^(Hunk #\d+) FAILED at (\d+)`)
)

// whyPatch finds the files and hunks in what GNU patch said.
func whyPatch(said string) string {
	var reasons []string
	file := ""
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if m := patchingFile.FindStringSubmatch(line); m != nil {
			file = m[1]
		} else if m := failedHunk.FindStringSubmatch(line); m != nil {
			reasons = append(reasons, fmt.Sprintf("%s, %s at line %s", file, strings.ToLower(m[1]), m[2]))
		} else if strings.HasPrefix(line, "Reversed (or previously applied) patch detected") {
			reasons = append(reasons, file+" has the change already")
		} else if strings.HasPrefix(line, "can't find file to patch") || strings.Contains(line, "malformed patch") || strings.Contains(line, "Only garbage was found") ||
			strings.HasPrefix(line, "|+++ ") {
			reasons = append(reasons, strings.TrimPrefix(line, "|"))
		}
	}
	if len(reasons) == 0 {
		reasons = append(reasons, strings.TrimSpace(said[strings.LastIndex(strings.TrimSpace(said), "\n")+1:]))
	}
	return strings.Join(reasons, "; ")
}
