package debian

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/toolchain/debian/debiantest"
)

func makeDeb(t testing.TB, compression string) []byte {
	t.Helper()
	return debiantest.Deb(t, compression, "Package: hello\nVersion: 1.0\nDescription: greets\n at length\n", map[string]string{"./usr/bin/hello": "#!/bin/sh\n"})
}

func TestAPackageIsReadWhateverItsCompression(t *testing.T) {
	for _, compression := range []string{"", ".gz", ".xz", ".zst"} {
		control, files, err := Open(bytes.NewReader(makeDeb(t, compression)))
		if err != nil {
			t.Fatalf("compression %q: %v", compression, err)
		}
		want := Paragraph{"Package": "hello", "Version": "1.0", "Description": "greets\nat length"}
		if diff := cmp.Diff(want, control); diff != "" {
			t.Errorf("compression %q: the control file differs (-want +got):\n%s", compression, diff)
		}
		h, err := files.Next()
		if err != nil || h.Name != "./usr/bin/hello" {
			t.Errorf("compression %q: the first file is %v, %v", compression, h, err)
		}
	}
}

func TestACutPackageIsAnError(t *testing.T) {
	whole := makeDeb(t, ".gz")
	for _, size := range []int{0, 5, 70, 100, len(whole) / 2} {
		_, files, err := Open(bytes.NewReader(whole[:size]))
		if err == nil {
			_, err = files.Next()
		}
		if err == nil {
			t.Errorf("a package of which only %d bytes are left opens without an error", size)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(makeDeb(f, ".gz"))
	f.Add(makeDeb(f, ""))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, files, err := Open(bytes.NewReader(data))
		for err == nil {
			_, err = files.Next()
		}
	})
}
