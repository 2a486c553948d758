// Package datadir is the layout of the folder in which a farm keeps everything: what must not be lost (registry,
// database, Temporal's file) and what can be made again (downloads, environments, work). One orchestrator at a time
// owns it; where it answers is noted in it, so that a command on the same machine finds it.
package datadir

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/wasmill/wasmill/internal/fault"
)

// Dir is a data folder.
type Dir struct {
	root string
}

// Open makes the folder where it is missing.
func Open(root string) (Dir, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return Dir{}, fault.Errorf(fault.Invalid, "finding the data folder: %w", err)
	}
	d := Dir{root}
	for _, sub := range []string{d.Logs(), d.Downloads(), d.Environments(), d.Work(), d.Scratch()} {
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return Dir{}, fault.Errorf(fault.Unavailable, "making the data folder (choose another with --data): %w", err)
		}
	}
	return d, nil
}

// Root is the folder's absolute path.
func (d Dir) Root() string { return d.root }

// Registry holds the embedded registry's blobs and manifests.
func (d Dir) Registry() string { return filepath.Join(d.root, "registry") }

// Database is the SQLite file with the farm's facts.
func (d Dir) Database() string { return filepath.Join(d.root, "farm.db") }

// Temporal is the embedded Temporal server's SQLite file.
func (d Dir) Temporal() string { return filepath.Join(d.root, "temporal.db") }

// Logs holds what running attempts have printed so far; a finished build's log is in the registry.
func (d Dir) Logs() string { return filepath.Join(d.root, "logs") }

// Downloads holds sources, wheels and toolchain inputs by sha256.
func (d Dir) Downloads() string { return filepath.Join(d.root, "downloads") }

// Environments holds the native build environments by the digest of their lock.
func (d Dir) Environments() string { return filepath.Join(d.root, "environments") }

// Work holds a folder for each attempt that is under way.
func (d Dir) Work() string { return filepath.Join(d.root, "work") }

// Scratch is for what baking and clients need for a while.
func (d Dir) Scratch() string { return filepath.Join(d.root, "scratch") }

// Programs holds what runs in builds' containers, by digest.
func (d Dir) Programs() string { return filepath.Join(d.root, "programs") }

// Compiled holds the machine code of programs for WASI. Only who owns the folder can write to it.
func (d Dir) Compiled() string { return filepath.Join(d.root, "compiled") }

// Packs holds packs of recipes, unpacked, by their digest.
func (d Dir) Packs() string { return filepath.Join(d.root, "packs") }

// OperatorToken holds the token with which commands on this machine are let in, where the farm asks for one. Only who has the
// folder can read it.
func (d Dir) OperatorToken() string { return filepath.Join(d.root, "operator.token") }

// Owner is the orchestrator that has claimed the folder.
type Owner struct {
	API string `json:"api"` // base URL
	PID int    `json:"pid"`
	// Certificate is the file of the one that it shows; none where it speaks plain HTTP.
	Certificate string `json:"certificate,omitempty"`
}

// Claim makes this process the folder's only orchestrator until release is called or the process ends, however it
// ends. Where another has it the error is fault.Conflict and says which.
func (d Dir) Claim() (release func(), err error) {
	f, taken, err := d.flock("lock")
	if err != nil {
		return nil, err
	}
	if taken {
		if owner, ok := d.Owner(); ok {
			return nil, fault.Errorf(fault.Conflict, "the data folder %s is in use by the farm at %s (process %d)", d.root, owner.API, owner.PID)
		}
		return nil, fault.Errorf(fault.Conflict, "the data folder %s is in use by another wasmill", d.root)
	}
	return func() {
		os.Remove(d.ownerFile())
		f.Close() // gives the lock back
	}, nil
}

// ClaimWork makes this process the folder's only worker, as Claim does for the orchestrator: what it finds in Work is
// then its own, left behind by an earlier process.
func (d Dir) ClaimWork() (release func(), err error) {
	f, taken, err := d.flock("worker.lock")
	if err != nil {
		return nil, err
	}
	if taken {
		return nil, fault.Errorf(fault.Conflict, "another worker has the data folder %s: give this one a folder of its own with --data", d.root)
	}
	return func() { f.Close() }, nil
}

func (d Dir) flock(name string) (f *os.File, taken bool, err error) {
	f, err = os.OpenFile(filepath.Join(d.root, name), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, false, fmt.Errorf("claiming the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, true, nil
	}
	return f, false, nil
}

// Announce notes where the orchestrator that has claimed the folder answers, and the file of the certificate that it shows.
func (d Dir) Announce(api, certificate string) error {
	text, err := json.Marshal(Owner{API: api, PID: os.Getpid(), Certificate: certificate})
	if err != nil {
		return err
	}
	aside := d.ownerFile() + ".new"
	if err := os.WriteFile(aside, text, 0o644); err != nil {
		return fmt.Errorf("noting the farm's address: %w", err)
	}
	return os.Rename(aside, d.ownerFile())
}

// Owner says which orchestrator has the folder, if one has. A note that a killed one left behind does not count.
func (d Dir) Owner() (Owner, bool) {
	var o Owner
	text, err := os.ReadFile(d.ownerFile())
	if err != nil || json.Unmarshal(text, &o) != nil {
		return o, false
	}
	f, err := os.Open(filepath.Join(d.root, "lock"))
	if err != nil {
		return o, false
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return o, false // nobody holds it
	}
	return o, true
}

func (d Dir) ownerFile() string { return filepath.Join(d.root, "farm.json") }
