package debian

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
)

// Release is a suite's signed list of its index files.
type Release struct {
	Suite, Codename string
	Date            time.Time
	ValidUntil      time.Time // zero where the suite says none
	files           map[string]File
}

// File is one index file that a Release vouches for.
type File struct {
	Size   int64 // bytes
	SHA256 string
}

// OpenRelease checks an InRelease file's signature against a keyring (binary or armored OpenPGP keys) and reads it. It
// does not look at ValidUntil: who pins a suite's state wants it also after that day, and says so.
func OpenRelease(inRelease, keyring []byte) (*Release, error) {
	keys, err := openpgp.ReadKeyRing(bytes.NewReader(keyring))
	if err != nil {
		if keys, err = openpgp.ReadArmoredKeyRing(bytes.NewReader(keyring)); err != nil {
			return nil, fmt.Errorf("reading the keyring: %w", err)
		}
	}
	block, _ := clearsign.Decode(inRelease)
	if block == nil {
		return nil, errors.New("InRelease is not a clear-signed message")
	}
	if _, err := block.VerifySignature(keys, nil); err != nil {
		return nil, fmt.Errorf("checking InRelease's signature: %w", err)
	}
	r := &Release{files: map[string]File{}}
	return r, readParagraphs(bytes.NewReader(block.Plaintext), r.read)
}

func (r *Release) read(p Paragraph) (err error) {
	r.Suite, r.Codename = p["Suite"], p["Codename"]
	if r.Date, err = time.Parse(time.RFC1123, p["Date"]); err != nil {
		return fmt.Errorf("reading the release's date: %w", err)
	}
	if text := p["Valid-Until"]; text != "" {
		if r.ValidUntil, err = time.Parse(time.RFC1123, text); err != nil {
			return fmt.Errorf("reading the release's last valid day: %w", err)
		}
	}
	for line := range strings.SplitSeq(p["SHA256"], "\n") {
		words := strings.Fields(line)
		if len(words) != 3 {
			continue
		}
		size, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil {
			return fmt.Errorf("reading the size of %s: %w", words[2], err)
		}
		r.files[words[2]] = File{Size: size, SHA256: words[0]}
	}
	return nil
}

// Index names the index of one component and architecture, relative to the suite's folder on the mirror.
func (r *Release) Index(component, architecture string) (name string, file File, err error) {
	name = fmt.Sprintf("%s/binary-%s/Packages.xz", component, architecture)
	file, ok := r.files[name]
	if !ok {
		return "", File{}, fmt.Errorf("suite %s has no %s", r.Codename, name)
	}
	return name, file, nil
}
