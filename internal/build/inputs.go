package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel"
)

// inputs records what goes into the build. They are known before it begins, so that a failed build has them too.
func (a *attempt) inputs() error {
	r := a.job.Recipe
	digests, err := r.Digests()
	if err != nil {
		return err
	}
	add := func(kind, name, address string, digest record.Digest) {
		a.rec.Inputs = append(a.rec.Inputs, record.Input{Kind: kind, Name: name, URL: address, Digest: digest})
	}
	add("recipe", r.Name, "", digests.Build)
	if r.Source.URL != "" {
		add("source", path.Base(urlPath(a.sourceURL())), a.sourceURL(), record.Digest("sha256:"+r.Source.SHA256))
	}
	inSource, err := a.inSource()
	if err != nil {
		return err
	}
	for _, p := range digests.Parts {
		if name, ok := strings.CutPrefix(p.Name, "file "); ok && !inSource[name] {
			add(a.kindOf(name), name, "", p.Digest)
		} else if p.Name == "source tree" {
			add("source", r.Source.Path, "", p.Digest)
		}
	}
	for _, h := range a.job.Hosts {
		for _, f := range h.Files {
			add("host", f.Filename, "", f.Digest)
		}
	}
	add("toolchain", a.job.Toolchain.Name, a.job.Toolchain.Build, record.Digest(digestOf(a.job.Toolchain.Build)))
	driver, err := fileDigest(a.Wasmcc)
	if err != nil {
		return fmt.Errorf("reading the program for build containers: %w", err)
	}
	add("builder", "wasmcc", "", driver)
	return nil
}

// inSource are the files of the recipe's folder that belong to its source, where that is a folder in it: they are an
// input once, with the source.
func (a *attempt) inSource() (map[string]bool, error) {
	r := a.job.Recipe
	in := map[string]bool{}
	if r.Source.Path == "" || !r.HasFolder() {
		return in, nil
	}
	files, err := r.SourceFiles()
	for _, f := range files {
		in[path.Join(filepath.ToSlash(r.Source.Path), f.Name)] = true
	}
	return in, err
}

// kindOf tells patches from other files of a recipe.
func (a *attempt) kindOf(file string) string {
	for _, p := range a.job.Recipe.Source.Patches {
		if path.Clean(p) == file {
			return "patch"
		}
	}
	return "extra"
}

func fileDigest(file string) (record.Digest, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return record.Digest("sha256:" + hex.EncodeToString(h.Sum(nil))), nil
}

// describe is the artifact that a wheel is as it lies there.
func describe(w *wheel.Wheel) (record.Artifact, error) {
	digest, err := fileDigest(w.Path())
	if err != nil {
		return record.Artifact{}, err
	}
	info, err := os.Stat(w.Path())
	if err != nil {
		return record.Artifact{}, err
	}
	metadata := sha256.Sum256(w.Metadata.Raw)
	return record.Artifact{
		Filename: filepath.Base(w.Path()), Kind: record.KindWheel, Digest: digest, Size: info.Size(),
		Metadata: record.Digest("sha256:" + hex.EncodeToString(metadata[:])),
	}, nil
}

func urlPath(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Path
	}
	return address
}
