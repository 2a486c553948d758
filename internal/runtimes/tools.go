package runtimes

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/wheel"
)

// toolsLock locks pytest-pyodide and what it needs for tests in node and Chromium, by hash. Playwright, another driver of
// browsers, is left out: it is imported where it is asked for. pytest is the last that pytest-pyodide 0.59 works with. All but
// hypothesis are for any machine, and its wheel is for every CPython from 3.11 on.
//
//go:embed tools.json
var toolsLock []byte

// Tools is the test tooling of the native side: it is no part of the images, so that they need not be baked again for it.
type Tools struct {
	Fetcher *fetch.Fetcher
	Dir     string // a folder for what is installed; what is in it may be deleted while no test runs

	mu sync.Mutex
}

// Folder is where pytest-pyodide is installed, with what it needs. It is made once.
func (t *Tools) Folder(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lock fetch.Lock
	if err := json.Unmarshal(toolsLock, &lock); err != nil {
		return "", fmt.Errorf("reading the lock of pytest-pyodide: %w", err)
	}
	folder := filepath.Join(t.Dir, "pytest-pyodide-"+strings.TrimPrefix(lock.Digest(), "sha256:")[:32])
	if _, err := os.Stat(folder); err == nil {
		used(folder)
		return folder, nil
	}
	wheels, err := t.Fetcher.Wheels(ctx, &lock)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(t.Dir, 0o755); err != nil {
		return "", staging(err)
	}
	aside, err := os.MkdirTemp(t.Dir, ".making-")
	if err != nil {
		return "", staging(err)
	}
	defer os.RemoveAll(aside)
	for _, p := range lock.Packages {
		if err := InstallWheel(filepath.Join(wheels, p.File), aside); err != nil {
			return "", err
		}
	}
	if err := os.Chmod(aside, 0o755); err != nil {
		return "", staging(err)
	}
	// Another process may have been faster; the same lock is the same folder.
	if err := os.Rename(aside, folder); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return "", staging(err)
	}
	return folder, nil
}

// used says to whoever clears caches that a folder is in use. It is only about room, so nothing depends on it.
func used(folder string) {
	now := time.Now()
	_ = os.Chtimes(folder, now, now)
}

// InstallWheel adds one wheel to a folder of installed packages.
func InstallWheel(file, folder string) error {
	w, err := wheel.Open(file)
	if err != nil {
		return err
	}
	defer w.Close()
	return w.Install(folder)
}
