package driver

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

// script runs a part of the recipe with bash, which stops at the first command that fails. What it exports becomes the
// environment of the steps after it.
func (r *run) script(what, text, dir string) error {
	fmt.Printf("==> %s\n", what)
	file, exported := filepath.Join(job.Home, "script"), filepath.Join(job.Home, "exported")
	if err := os.WriteFile(file, []byte(text+"\nenv -0 >"+exported+"\n"), 0o644); err != nil {
		return err
	}
	if err := os.RemoveAll(exported); err != nil {
		return err
	}
	if err := r.command(dir, "/bin/bash", "-e", file); err != nil {
		return fail(record.ScriptFailed, "the recipe's %s failed: %s", what, err)
	}
	data, err := os.ReadFile(exported)
	if os.IsNotExist(err) {
		return nil // it ended with `exit 0`
	}
	if err != nil {
		return err
	}
	r.env = parseEnvironment(string(data))
	return nil
}

var variableName = regexp.MustCompile(`^\w+$`)

// parseEnvironment reads what `env -0` writes. Exported functions, which have names that are no variable's, stay
// behind, and so does what bash sets for itself.
func parseEnvironment(text string) map[string]string {
	env := map[string]string{}
	for entry := range strings.SplitSeq(text, "\x00") {
		name, v, ok := strings.Cut(entry, "=")
		if ok && variableName.MatchString(name) && name != "_" && name != "SHLVL" && name != "PWD" && name != "OLDPWD" {
			env[name] = v
		}
	}
	return env
}
