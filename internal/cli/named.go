package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// onlyOnFarm says whether a word names a build of the farm, RECIPE, RECIPE@TOOLCHAIN or a key, rather than a file: there is none of this name,
// and it does not look like one.
func onlyOnFarm(word string) bool {
	_, err := os.Stat(word)
	return errors.Is(err, fs.ErrNotExist) && !strings.ContainsRune(word, os.PathSeparator) && filepath.Ext(word) == ""
}

// built is the record of a build that passed, and its farm.
func (a *app) built(ctx context.Context, name string) (farm api.Farm, b record.Build, done func(), err error) {
	farm, done, err = a.farm(ctx)
	if err != nil {
		return nil, b, nil, err
	}
	b, err = farm.Passed(ctx, name)
	if err != nil {
		done()
		return nil, b, nil, fmt.Errorf("%s is no file here, and of the farm's builds: %w", name, err)
	}
	return farm, b, done, nil
}

// requiredBuilt is what the artifacts of a build require, from its record.
func (a *app) requiredBuilt(ctx context.Context, name string) (all []artifactCheck, err error) {
	_, b, done, err := a.built(ctx, name)
	if err != nil {
		return nil, err
	}
	defer done()
	for _, artifact := range b.Artifacts {
		if artifact.Requires != nil {
			all = append(all, artifactCheck{Artifact: artifact.Filename, Requires: *artifact.Requires})
		}
	}
	if len(all) == 0 {
		return nil, fault.Errorf(fault.Invalid, "%s: what it has built, %s, is nothing that a runtime loads", name, b.Artifacts[0].Filename)
	}
	return all, nil
}

// program is the file of an app: the one that is named, or what a build of the farm has made, in the data folder, to which it is downloaded
// once.
func (a *app) program(ctx context.Context, name string) (string, error) {
	if !onlyOnFarm(name) {
		return name, nil
	}
	farm, b, done, err := a.built(ctx, name)
	if err != nil {
		return "", err
	}
	defer done()
	made := b.Artifacts[0]
	if made.Kind != record.KindApp {
		return "", fault.Errorf(fault.Invalid, "%s is no program but a %s: `wasmill app %s` links it into one", made.Filename, strings.ReplaceAll(made.Kind, "-", " "), b.Recipe)
	}
	dir, err := datadir.Open(a.data)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(dir.Root(), "apps", strings.TrimPrefix(string(made.Digest), "sha256:"))
	file := filepath.Join(folder, made.Filename)
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	return file, save(ctx, farm, made, folder)
}
