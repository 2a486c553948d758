//go:build engine || integration

package audit_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/wasmill/wasmill/internal/audit"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/pyodide"
)

// fetcher keeps what the tests download from one run to the next.
var fetcher = &fetch.Fetcher{Cache: filepath.Join(os.TempDir(), "wasmill-audit-test")}

var published = struct {
	sync.Mutex
	targets map[string]audit.Target
}{targets: map[string]audit.Target{}}

// on is an ABI with the runtime that npm has for it.
func on(t *testing.T, name string) audit.Target {
	t.Helper()
	abi, err := audit.FindABI(name)
	if err != nil {
		t.Fatal(err)
	}
	published.Lock()
	defer published.Unlock()
	if target, ok := published.targets[name]; ok {
		return target
	}
	release, ok := pyodide.For(abi.PlatformTag)
	if !ok {
		t.Fatalf("no release implements %s", abi.PlatformTag)
	}
	runtime, err := release.Runtime(t.Context(), fetcher)
	if err != nil {
		t.Fatal(err)
	}
	published.targets[name] = audit.Target{ABI: abi, Runtime: runtime}
	return published.targets[name]
}
