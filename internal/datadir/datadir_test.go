package datadir

import (
	"os"
	"os/exec"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
)

func TestOneOrchestratorAtATime(t *testing.T) {
	d, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := d.Owner(); ok {
		t.Error("a new folder has an owner")
	}
	release, err := d.Claim()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Announce("http://127.0.0.1:7470", ""); err != nil {
		t.Fatal(err)
	}
	if o, ok := d.Owner(); !ok || o.API != "http://127.0.0.1:7470" || o.PID != os.Getpid() {
		t.Errorf("owner: %+v, %v", o, ok)
	}
	if _, err := d.Claim(); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a second claim: %v", err)
	}
	release()
	if _, ok := d.Owner(); ok {
		t.Error("the folder was given back and still has an owner")
	}
}

// An orchestrator that was killed leaves its note, and nothing that stops the next one.
func TestAKilledOwnerDoesNotStopTheNext(t *testing.T) {
	if dir := os.Getenv("DATADIR_CLAIM_AND_DIE"); dir != "" {
		d, _ := Open(dir)
		if _, err := d.Claim(); err != nil {
			os.Exit(9)
		}
		_ = d.Announce("http://127.0.0.1:1", "")
		p, _ := os.FindProcess(os.Getpid())
		_ = p.Kill()
		select {}
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "DATADIR_CLAIM_AND_DIE="+dir)
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() == 9 {
		t.Fatalf("the owner was not killed: %v", err)
	}
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := d.Owner(); ok {
		t.Errorf("a dead owner counts: %+v", o)
	}
	release, err := d.Claim()
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func TestOneWorkerAtATimeBesideTheOrchestrator(t *testing.T) {
	d, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	giveBack, err := d.Claim()
	if err != nil {
		t.Fatal(err)
	}
	defer giveBack()
	release, err := d.ClaimWork()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.ClaimWork(); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a second worker: %v", err)
	}
	release()
	if release, err = d.ClaimWork(); err != nil {
		t.Fatal(err)
	}
	release()
}
