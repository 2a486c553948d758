package python

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// browser is a headless Chromium with one page. It ends with this process, however that ends: Chromium ends when nobody holds the other
// end of a pipe, and where the system can do it, it is killed as well.
type browser struct {
	cmd      *exec.Cmd
	commands *os.File // nothing is written; it is held
	said     *tail
	gone     chan struct{} // closed when it has ended
}

func startBrowser(program string, p *profile, address string) (*browser, error) {
	// Everybody on the machine sees a program's arguments; the address is in a file that only this user can read.
	start := filepath.Join(p.dir, "start.html")
	if err := os.WriteFile(start, []byte("<!doctype html><meta http-equiv=refresh content='0; url="+address+"'>"), 0o600); err != nil {
		return nil, profileError(err)
	}
	theirs, commands, err := os.Pipe()
	if err != nil {
		return nil, fault.Errorf(fault.Exhausted, "starting %s: %w", program, err)
	}
	defer theirs.Close()
	answers, last, err := os.Pipe()
	if err != nil {
		return nil, fault.Errorf(fault.Exhausted, "starting %s: %w", program, errors.Join(err, commands.Close()))
	}
	defer last.Close()
	// Chromium's own sandbox, which containers and root have none of, would protect the user's files from a program that is given them.
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-breakpad", "--no-default-browser-check",
		"--disable-default-apps", "--metrics-recording-only", "--mute-audio", "--password-store=basic", "--use-mock-keychain",
		"--remote-debugging-pipe", "--user-data-dir="+p.dir, "file://"+start)
	cmd.ExtraFiles = []*os.File{theirs, last}
	cmd.Env = withLibraries(program, os.Environ())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the terminal's Ctrl-C is for Python
	endWithParent(cmd.SysProcAttr)
	b := &browser{cmd: cmd, commands: commands, said: &tail{}, gone: make(chan struct{})}
	cmd.Stderr = b.said
	cmd.WaitDelay = time.Second // its helpers may hold the stream for longer
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // Linux takes the thread that starts a process for its parent
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // its state says all
			close(b.gone)
		}
	}()
	if err := <-started; err != nil {
		return nil, fault.Errorf(fault.Unavailable, "starting %s: %w", program, errors.Join(err, commands.Close(), answers.Close()))
	}
	go func() {
		_, _ = io.Copy(io.Discard, answers)
		answers.Close()
	}()
	return b, nil
}

// stop ends it and its helpers.
func (b *browser) stop() {
	select {
	case <-b.gone:
	default:
		_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL)
		<-b.gone
	}
	_ = b.commands.Close()
}

// profile is a folder for one browser.
type profile struct {
	dir  string
	held *os.File // locked for as long as the command runs
}

const (
	profilePrefix = "python-wasm-chromium-"
	profileLock   = "python-wasm.lock"
)

func newProfile() (*profile, error) {
	removeLeftProfiles()
	for {
		dir, err := os.MkdirTemp("", profilePrefix)
		if err != nil {
			return nil, profileError(err)
		}
		held, err := os.OpenFile(filepath.Join(dir, profileLock), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, profileError(errors.Join(err, os.RemoveAll(dir)))
		}
		if syscall.Flock(int(held.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			return &profile{dir, held}, nil
		}
		held.Close() // another command took it for one that was left
	}
}

// removeLeftProfiles removes those of commands that were killed.
func removeLeftProfiles() {
	found, _ := filepath.Glob(filepath.Join(os.TempDir(), profilePrefix+"*"))
	for _, dir := range found {
		if file, err := os.OpenFile(filepath.Join(dir, profileLock), os.O_RDWR|syscall.O_NOFOLLOW, 0); err == nil {
			if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
				(&profile{dir, file}).remove()
			}
			file.Close()
		}
	}
}

// remove may be called again. Helpers of the browser may still be writing.
func (p *profile) remove() {
	// The browser's own socket is in a folder beside.
	if socket, err := os.Readlink(filepath.Join(p.dir, "SingletonSocket")); err == nil {
		if beside := filepath.Dir(socket); filepath.Dir(beside) == filepath.Clean(os.TempDir()) {
			_ = os.RemoveAll(beside)
		}
	}
	for range 100 {
		if os.RemoveAll(p.dir) == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	_ = p.held.Close()
}

func profileError(err error) error {
	kind := fault.Unavailable
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		kind = fault.Exhausted
	}
	return fault.Errorf(kind, "making a profile for Chromium (TMPDIR names another folder for it): %w", err)
}

// tail keeps the last of what a program says.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const most = 2 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-most):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
