package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/wasmill/wasmill/bench/share"
	"github.com/wasmill/wasmill/internal/datadir"
)

// bakeNote remembers in the data folder how long the toolchain's last bake took, for benchmarks that find it baked.
const bakeNote = "bench-bake.json"

// baked is what `wasmill toolchain bake --json` says, with what the note adds.
type baked struct {
	Image struct {
		Build string `json:"build"`
	}
	BuildSize   int64
	RuntimeSize int64
	Fresh       bool

	Seconds float64 `json:",omitempty"` // 0: nobody has measured it
}

// bake sees that the data folder has the toolchain's images.
func (b *bench) bake() (baked, error) {
	var out baked
	args := []string{"toolchain", "bake", b.toolchain, "--data", b.data, "--json"}
	if b.again {
		args = append(args, "--again")
	}
	begin := time.Now()
	cmd := exec.Command(b.program(), args...)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("baking the toolchain: %w", err)
	}
	took := time.Since(begin).Seconds()
	if err := json.Unmarshal(text, &out); err != nil {
		return out, fmt.Errorf("baking the toolchain: reading what it says: %w", err)
	}
	note := filepath.Join(b.data, bakeNote)
	if !out.Fresh {
		var before baked
		if text, err := os.ReadFile(note); err == nil && json.Unmarshal(text, &before) == nil && before.Image == out.Image {
			out.Seconds = before.Seconds
		}
		return out, nil
	}
	out.Seconds = took
	if text, err = json.Marshal(out); err != nil {
		return out, err
	}
	return out, os.WriteFile(note, text, 0o644)
}

// fresh makes a data folder that holds nothing but the toolchain's images: no locks, no environments, no downloads.
func (b *bench) fresh(name string) (string, error) {
	dir, err := datadir.Open(filepath.Join(b.scratch, name))
	if err != nil {
		return "", err
	}
	from, err := datadir.Open(b.data)
	if err != nil {
		return "", err
	}
	if err := share.Registry(from.Registry(), dir.Registry()); err != nil {
		return "", fmt.Errorf("copying the registry: %w", err)
	}
	return dir.Root(), nil
}
