package debian

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

const releaseText = `Suite: testing
Codename: forky
Date: Fri, 30 Oct 2026 08:08:01 UTC
Valid-Until: Fri, 06 Nov 2026 08:08:01 UTC
SHA256:
 3ee7e248a1323f66e6bbac87d686442bdc650d66f6a4ffc087a485d49d4c1493 10093888 main/binary-amd64/Packages.xz
`

func signer(t *testing.T) (entity *openpgp.Entity, keyring []byte) {
	t.Helper()
	entity, err := openpgp.NewEntity("archive", "", "archive@example.org", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	if err != nil {
		t.Fatal(err)
	}
	var keys bytes.Buffer
	if err := entity.Serialize(&keys); err != nil {
		t.Fatal(err)
	}
	return entity, keys.Bytes()
}

func sign(t *testing.T, by *openpgp.Entity, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := clearsign.Encode(&out, by.PrivateKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestASignedReleaseNamesItsIndex(t *testing.T) {
	archive, keyring := signer(t)
	r, err := OpenRelease(sign(t, archive, releaseText), keyring)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 10, 30, 8, 8, 1, 0, time.UTC); !r.Date.Equal(want) {
		t.Errorf("the date is %s, want %s", r.Date, want)
	}
	name, file, err := r.Index("main", "amd64")
	if err != nil || name != "main/binary-amd64/Packages.xz" || file.Size != 10093888 {
		t.Errorf("the index is %s %+v, %v", name, file, err)
	}
	if _, _, err := r.Index("main", "riscv64"); err == nil {
		t.Error("an index that the release does not name is no error")
	}
}

func TestAReleaseThatSomebodyTouchedIsRefused(t *testing.T) {
	archive, keyring := signer(t)
	other, _ := signer(t)
	good := sign(t, archive, releaseText)
	for name, text := range map[string][]byte{
		"changed after signing": bytes.Replace(good, []byte("3ee7"), []byte("4ee7"), 1),
		"signed by another":     sign(t, other, releaseText),
		"not signed":            []byte(releaseText),
		"text after the signature's end is no part of it": append([]byte("Suite: other\n"), []byte(strings.Replace(string(good), "testing", "stable", 1))...),
	} {
		if _, err := OpenRelease(text, keyring); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
