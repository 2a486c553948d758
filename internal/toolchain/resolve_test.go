package toolchain

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/google/go-cmp/cmp"
	"github.com/ulikunitz/xz"

	"github.com/wasmill/wasmill/internal/fault"
)

// internet answers by address.
type internet map[string]string

func (n internet) RoundTrip(r *http.Request) (*http.Response, error) {
	text, ok := n[r.URL.String()]
	status := http.StatusOK
	if !ok {
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

const packages = `Package: hello
Version: 1.0
Filename: pool/main/h/hello_1.0_amd64.deb
Size: 11
SHA256: 1111111111111111111111111111111111111111111111111111111111111111

Package: cc
Version: 2.0
Depends: hello
Filename: pool/main/c/cc_2.0_amd64.deb
Size: 22
SHA256: 2222222222222222222222222222222222222222222222222222222222222222
`

// newInternet is a mirror with a signed suite, an npm registry and a Python index, and the keyring to check the suite.
func newInternet(t *testing.T) (internet, string) {
	t.Helper()
	var packed bytes.Buffer
	w, err := xz.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, packages); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	archive, err := openpgp.NewEntity("archive", "", "archive@example.org", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	if err != nil {
		t.Fatal(err)
	}
	var release, keys bytes.Buffer
	s, err := clearsign.Encode(&release, archive.PrivateKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(s, "Suite: testing\nCodename: forky\nDate: Fri, 30 Oct 2026 08:08:01 UTC\nValid-Until: Fri, 06 Nov 2026 08:08:01 UTC\nSHA256:\n %s %d main/binary-amd64/Packages.xz\n", hash(packed.String()), packed.Len())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := archive.Serialize(&keys); err != nil {
		t.Fatal(err)
	}
	keyring := filepath.Join(t.TempDir(), "keyring.gpg")
	if err := os.WriteFile(keyring, keys.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	long := sha512.Sum512([]byte("tarball"))
	return internet{
		"http://mirror.example/debian/dists/forky/InRelease":                     release.String(),
		"http://mirror.example/debian/dists/forky/main/binary-amd64/Packages.xz": packed.String(),
		"https://registry.npmjs.org/runtime/1.0.0": fmt.Sprintf(`{"dist": {"tarball": "https://registry.npmjs.org/runtime/-/runtime-1.0.0.tgz", "integrity": "sha512-%s"}}`,
			base64.StdEncoding.EncodeToString(long[:])),
		"https://registry.npmjs.org/runtime/-/runtime-1.0.0.tgz": "tarball",
		"https://pypi.org/simple/tool/": `{"files": [
			{"filename": "tool-1.0-py3-none-any.whl", "url": "https://files.example/1", "size": 1, "hashes": {"sha256": "old"}},
			{"filename": "tool-2.0-py3-none-win32.whl", "url": "https://files.example/2", "size": 1, "hashes": {"sha256": "windows"}},
			{"filename": "tool-2.0.tar.gz", "url": "https://files.example/3", "size": 1, "hashes": {"sha256": "source"}},
			{"filename": "tool-2.0-py3-none-any.whl", "url": "https://files.example/4", "size": 44, "hashes": {"sha256": "right"}}]}`,
	}, keyring
}

func relock(t *testing.T, n internet, keyring string) (*Toolchain, []string, error) {
	t.Helper()
	spec, err := parseSpec("toolchain.yaml", []byte(strings.Replace(small, "  suite: forky\n", "  suite: forky\n  snapshot: https://snapshot.example\n", 1)))
	if err != nil {
		t.Fatal(err)
	}
	var notes []string
	tc := &Toolchain{Dir: t.TempDir(), Spec: spec}
	err = tc.Relock(t.Context(), LockOptions{
		Keyring: keyring,
		Client:  &http.Client{Transport: n},
		Note:    func(text string) { notes = append(notes, text) },
		Now:     func() time.Time { return time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC) },
	})
	return tc, notes, err
}

func TestLockingPinsEveryInput(t *testing.T) {
	n, keyring := newInternet(t)
	tc, notes, err := relock(t, n, keyring)
	if err != nil {
		t.Fatal(err)
	}
	want := &Lock{
		Request: tc.Spec.request(),
		Epoch:   time.Date(2026, 10, 30, 8, 8, 1, 0, time.UTC),
		Inputs: []Input{
			{Kind: Deb, Name: "cc", Version: "2.0", Size: 22, SHA256: strings.Repeat("2", 64),
				URL: "http://mirror.example/debian/pool/main/c/cc_2.0_amd64.deb", Mirror: "https://snapshot.example/20261030T200801Z/pool/main/c/cc_2.0_amd64.deb"},
			{Kind: Deb, Name: "hello", Version: "1.0", Base: true, Size: 11, SHA256: strings.Repeat("1", 64),
				URL: "http://mirror.example/debian/pool/main/h/hello_1.0_amd64.deb", Mirror: "https://snapshot.example/20261030T200801Z/pool/main/h/hello_1.0_amd64.deb"},
			{Kind: NPM, Name: "runtime", Version: "1.0.0", Size: 7, SHA256: hash("tarball"),
				URL: "https://registry.npmjs.org/runtime/-/runtime-1.0.0.tgz", Mirror: "https://registry.yarnpkg.com/runtime/-/runtime-1.0.0.tgz"},
			{Kind: Wheel, Name: "tool", Version: "2.0", Size: 44, SHA256: "right", URL: "https://files.example/4"},
		},
	}
	if diff := cmp.Diff(want, tc.Lock); diff != "" {
		t.Errorf("the lock differs (-want +got):\n%s", diff)
	}
	onDisk, err := readLock(filepath.Join(tc.Dir, "lock.json"))
	if diff := cmp.Diff(want, onDisk); diff != "" || err != nil {
		t.Errorf("the lock on disk differs (-want +got), %v:\n%s", err, diff)
	}
	// A mirror that is behind is worth a word, and no error: a lock is of its day anyway.
	if len(notes) != 1 || !strings.Contains(notes[0], "of 2026-10-30") {
		t.Errorf("the notes are %q", notes)
	}

	// Locking once more keeps what came of the same inputs.
	tc.Lock.Build = "sha256:b"
	if err := tc.Relock(t.Context(), LockOptions{Keyring: keyring, Client: &http.Client{Transport: n}}); err != nil || tc.Lock.Build != "sha256:b" {
		t.Errorf("locking again: the Build image is %q, %v", tc.Lock.Build, err)
	}
}

// An extension has what it names, though the other images do without it, and does without more than they do.
func TestAnExtensionChoosesForItself(t *testing.T) {
	n, keyring := newInternet(t)
	text := strings.Replace(small, "  build: [cc]\n", "  exclude: [hello]\n", 1)
	text = strings.Replace(text, "  runtime: [hello]\n", "", 1)
	for extension, want := range map[string]string{"debian: [cc]": "cc", "debian: [cc, hello]": "cc hello", "debian: [hello, cc], exclude: [cc]": "cc hello"} {
		spec, err := parseSpec("toolchain.yaml", []byte(text+"extensions: {page: {"+extension+", runtime: chromium}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		tc := &Toolchain{Dir: t.TempDir(), Spec: spec}
		if err := tc.Relock(t.Context(), LockOptions{Keyring: keyring, Client: &http.Client{Transport: n}}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, in := range tc.Lock.of("page") {
			got = append(got, in.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q", extension, got)
		}
	}
	spec, err := parseSpec("toolchain.yaml", []byte(strings.Replace(text, "  exclude: [hello]\n", "", 1)+"extensions: {page: {debian: [cc], exclude: [hello], runtime: chromium}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	tc := &Toolchain{Dir: t.TempDir(), Spec: spec}
	if err := tc.Relock(t.Context(), LockOptions{Keyring: keyring, Client: &http.Client{Transport: n}}); err != nil || len(tc.Lock.of("page")) != 1 {
		t.Errorf("%+v, %v", tc.Lock, err)
	}
}

func TestLockingTrustsNobody(t *testing.T) {
	const index = "http://mirror.example/debian/dists/forky/main/binary-amd64/Packages.xz"
	for name, c := range map[string]struct {
		damage  func(n internet, keyring *string)
		kind    fault.Kind
		message string
	}{
		"no keyring": {func(_ internet, k *string) { *k = "/nonexistent" }, fault.NotFound, "install the package debian-archive-keyring"},
		"a changed release": {func(n internet, _ *string) {
			const at = "http://mirror.example/debian/dists/forky/InRelease"
			n[at] = strings.Replace(n[at], "Suite: testing", "Suite: tasting", 1)
		}, fault.Invalid, "checking InRelease's signature"},
		"a changed index":        {func(n internet, _ *string) { n[index] += "x" }, fault.Unavailable, "is not what the release file names"},
		"a mirror that is empty": {func(n internet, _ *string) { delete(n, index) }, fault.NotFound, "Packages.xz"},
		"a changed tarball":      {func(n internet, _ *string) { n["https://registry.npmjs.org/runtime/-/runtime-1.0.0.tgz"] = "other" }, fault.Invalid, "has the integrity"},
		"no such wheel":          {func(n internet, _ *string) { n["https://pypi.org/simple/tool/"] = `{"files": []}` }, fault.NotFound, "no wheel of version 2.0 for the platform any"},
	} {
		t.Run(name, func(t *testing.T) {
			n, keyring := newInternet(t)
			c.damage(n, &keyring)
			tc, _, err := relock(t, n, keyring)
			if err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.message) {
				t.Errorf("the error is %v (%s), want one of kind %s with %q", err, fault.KindOf(err), c.kind, c.message)
			}
			if _, err := os.Stat(filepath.Join(tc.Dir, "lock.json")); err == nil {
				t.Error("a lock was written all the same")
			}
		})
	}
}
