//go:build integration

package python_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var chromium = testRuntime{name: "chromium"}

// Tests run in Chromium, and their report is on the machine; Ctrl-C reaches a loop, a sleep and a read.
func TestChromiumTests(t *testing.T) {
	needsChromium(t)
	packages := os.Getenv("TEST_PACKAGES")
	if packages == "" {
		t.Skip("TEST_PACKAGES names no folder with pytest and toolz: TestInChromium does")
	}
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
	cmd = chromium.command(t, "-m", "pytest", "-q", "-n", "2", "test_it.py")
	cmd.Dir, cmd.Env = dir, append(cmd.Env, "PYTHONPATH="+packages)
	if got := finish(t, cmd); got.status != 4 || !strings.Contains(got.err, "a program in Chromium can't start other runtimes") {
		t.Errorf("pytest -n: %+v", got)
	}
	for name, code := range map[string]string{
		"a loop":  "try:\n  while True: pass\nexcept KeyboardInterrupt: print('caught')",
		"a sleep": "import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('caught')",
		"a read":  "try: input()\nexcept KeyboardInterrupt: print('caught')",
	} {
		t.Run(name, func(t *testing.T) {
			cmd := chromium.command(t, "-c", "print('ready', flush=True)\n"+code)
			lines := startReady(t, cmd)
			_ = cmd.Process.Signal(syscall.SIGINT)
			lines.Scan()
			if err := cmd.Wait(); lines.Text() != "caught" || err != nil {
				t.Errorf("it prints %q, and ends with %v", lines.Text(), err)
			}
		})
	}
}
