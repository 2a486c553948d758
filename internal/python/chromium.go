package python

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// browsers are the names under which machines have Chromium, and others that are made of it.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "brave-browser"}

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
	return "", fault.Errorf(fault.NotFound, "there is no Chromium here (%s): install one, as by apt-get install chromium, or name one with --chromium PROGRAM or %s",
		strings.Join(browsers, ", "), envChromium)
}

func chromiumVersion(ctx context.Context, program string) (string, error) {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "", fault.Errorf(fault.Invalid, "asking %s for its version: %w", program, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// runChromium has a page of a headless Chromium do a job. What the page needs of this machine it asks a server that only it can find.
func runChromium(ctx context.Context, program, scripts string, j job) (int, error) {
	secret := strings.ToLower(rand.Text())
	host := newBrowserHost(secret, j.Runtime, scripts)
	j.Runtime = "/" + secret + "/runtime"
	line, err := json.Marshal(j)
	if err != nil {
		return 0, err
	}
	host.job = append(line, '\n')
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fault.Errorf(fault.Exhausted, "starting a server for Chromium: %w", err)
	}
	server := &http.Server{Handler: host, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()

	profile, err := os.MkdirTemp("", "python-wasm-chromium-")
	if err != nil {
		return 0, fault.Errorf(fault.Unavailable, "making a profile for Chromium: %w", err)
	}
	defer os.RemoveAll(profile)
	// Everybody on the machine sees a program's arguments; the address is in a file that only this user can read.
	start := filepath.Join(profile, "start.html")
	address := fmt.Sprintf("http://%s/%s/boot/browser/page.html", listener.Addr(), secret)
	if err := os.WriteFile(start, []byte("<!doctype html><meta http-equiv=refresh content='0; url="+address+"'>"), 0o600); err != nil {
		return 0, fault.Errorf(fault.Unavailable, "making a profile for Chromium: %w", err)
	}
	// Chromium's own sandbox, which containers and root have none of, would protect the user's files from a program that is given them.
	args := []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-background-networking", "--user-data-dir=" + profile}
	cmd := exec.Command(program, append(args, "file://"+start)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the terminal's Ctrl-C is for Python
	said := &tail{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		return 0, fault.Errorf(fault.Unavailable, "starting %s: %w", program, err)
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its state says all
		close(gone)
	}()
	stop := func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-gone
	}
	signals := make(chan os.Signal, 16)
	for _, s := range passed {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	for {
		select {
		case s := <-signals:
			host.pass(s.(syscall.Signal))
		case e := <-host.end:
			stop()
			os.RemoveAll(profile)
			switch {
			case e.signal != 0:
				return die(e.signal), nil
			case e.words != "":
				return 0, fault.Errorf(fault.Internal, "the page died: %s", e.words)
			}
			return e.status, nil
		case <-gone:
			return 0, fault.Errorf(fault.Unavailable, "%s ended before the program did (%s): %s", program, cmd.ProcessState, said)
		}
	}
}

// pass gives a signal to the page; a read that waits ends once the page has it.
func (b *browserHost) pass(s syscall.Signal) {
	b.signals <- byte(s)
	for _, after := range []time.Duration{50 * time.Millisecond, 500 * time.Millisecond} {
		time.AfterFunc(after, b.input.leave)
	}
}

// tail keeps the last of what a program says.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 2 << 10
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-most):]
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.text)) }
