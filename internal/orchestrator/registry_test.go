package orchestrator

import (
	"net"
	"testing"
)

// An engine keeps an image's name for each address it came from, so commands on one data folder serve it at one.
func TestTheRegistryKeepsItsPort(t *testing.T) {
	dir := t.TempDir()
	o := start(t, dir)
	first := o.Registry()
	o.Close()

	o = start(t, dir)
	if o.Registry() != first {
		t.Errorf("the registry was at %s and is at %s", first, o.Registry())
	}
	o.Close()

	taken, err := net.Listen("tcp", first)
	if err != nil {
		t.Fatal(err)
	}
	o = start(t, dir)
	second := o.Registry()
	if second == first {
		t.Errorf("two servers at %s", first)
	}
	o.Close()
	taken.Close()

	if o = start(t, dir); o.Registry() != second {
		t.Errorf("the registry moved to %s, and is at %s", second, o.Registry())
	}
	if o.Registry() == start(t, t.TempDir()).Registry() {
		t.Error("two data folders share an address")
	}
}
