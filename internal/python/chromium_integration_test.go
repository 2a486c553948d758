//go:build integration

package python_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Tests run in Chromium, and their report is on the machine; Ctrl-C reaches a loop, a sleep and a read.
func TestChromiumTests(t *testing.T) {
	needsChromium(t)
	packages := os.Getenv("TEST_PACKAGES")
	if packages == "" {
		t.Skip("TEST_PACKAGES names no folder with pytest and toolz: TestInChromium does")
	}
	chromium := testRuntime{name: "chromium"}
	dir := t.TempDir()
	test := "import toolz\ndef test_sum(tmp_path, capfd):\n    (tmp_path / 'x').write_text('1')\n    print('x')\n    assert capfd.readouterr().out == 'x\\n'\ndef test_wrong(): assert toolz.first([1]) == 2\n"
	if err := os.WriteFile(filepath.Join(dir, "test_it.py"), []byte(test), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := chromium.command(t, "-m", "pytest", "-q", "test_it.py", "--junitxml=out.xml")
	cmd.Dir, cmd.Env = dir, append(cmd.Env, "PYTHONPATH="+packages)
	got := finish(t, cmd)
	report, err := os.ReadFile(filepath.Join(dir, "out.xml"))
	if got.status != 1 || !strings.Contains(got.out, "1 failed, 1 passed") || err != nil || !strings.Contains(string(report), `tests="2"`) {
		t.Errorf("%+v\n%s %v", got, report, err)
	}
	for name, code := range map[string]string{
		"a loop":  "try:\n  while True: pass\nexcept KeyboardInterrupt: print('caught')",
		"a sleep": "import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('caught')",
		"a read":  "try: input()\nexcept KeyboardInterrupt: print('caught')",
	} {
		t.Run(name, func(t *testing.T) {
			cmd := chromium.command(t, "-c", "print('ready', flush=True)\n"+code)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			pipe, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			late := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
			defer late.Stop()
			lines := bufio.NewScanner(pipe)
			if !lines.Scan() || lines.Text() != "ready" {
				t.Fatalf("it begins with %q", lines.Text())
			}
			time.Sleep(500 * time.Millisecond) // into what follows
			_ = cmd.Process.Signal(syscall.SIGINT)
			lines.Scan()
			if err := cmd.Wait(); lines.Text() != "caught" || err != nil {
				t.Errorf("it prints %q, and ends with %v", lines.Text(), err)
			}
		})
	}
}
