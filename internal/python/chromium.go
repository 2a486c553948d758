package python

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// browsers are the names under which machines have Chromium, and others that are made of it. The first ones have no window at all, and start
// sooner.
var browsers = []string{"chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "brave-browser"}

const macChrome = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"

// findChromium is the option's, or one that is on PATH.
func findChromium(o options) (string, error) {
	if o.chromium != "" {
		program, err := exec.LookPath(o.chromium)
		if err != nil {
			return "", fault.Errorf(fault.Invalid, "--chromium %s: %w", o.chromium, errors.Unwrap(err))
		}
		return program, nil
	}
	for _, name := range browsers {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	if _, err := os.Stat(macChrome); err == nil && runtime.GOOS == "darwin" {
		return macChrome, nil
	}
	return "", fault.Errorf(fault.NotFound, "there is no Chromium here (%s): install one (Debian: apt-get install chromium-headless-shell, or chromium), or name one with --chromium PROGRAM or %s (there is none from npm for this system)",
		strings.Join(browsers, ", "), envChromium)
}

func chromiumVersion(ctx context.Context, program string) (string, error) {
	cmd := exec.CommandContext(ctx, program, "--version")
	cmd.Env = withLibraries(program, os.Environ())
	out, err := cmd.Output()
	if err != nil {
		return "", fault.Errorf(fault.Invalid, "asking %s for its version: %w", program, err)
	}
	return strings.TrimSpace(string(out)), nil
}
