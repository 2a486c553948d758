package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

// usesCargo says whether a recipe is built with Rust. Pyodide's recipes say it by the programs that they need.
func usesCargo(r *recipe.Recipe) bool {
	return slices.ContainsFunc(r.Requirements.Executable, func(e string) bool { return e == "cargo" || e == "rustc" || e == "rustup" })
}

const cargoLock = "Cargo.lock"

// lockedCrates finds out which crates a recipe in Rust needs, from the locks in its source, and records them. The build
// has no network: what is not known by its hash before does not get in.
func (a *attempt) lockedCrates(ctx context.Context, archive string) error {
	if !usesCargo(a.job.Recipe) {
		return nil
	}
	a.clock.enter(record.PhaseFetch)
	work, err := a.workFolder(archive)
	if err != nil {
		return err
	}
	defer removeAll(work)
	source := a.source(work)
	crates, err := readCargoLocks(source)
	if a.touches(cargoLock) {
		// What the recipe's script calls may want crates too. What is wrong with these locks may be right afterwards.
		if err := a.vendor(ctx, work, crates); err != nil {
			return err
		}
		if _, err := a.carryOut(ctx, work, a.prepareJob(job.Install)); err != nil {
			return err
		}
		a.clock.enter(record.PhaseFetch)
		crates, err = readCargoLocks(source)
		if err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if err := eachCrate(ctx, crates, func(ctx context.Context, c fetch.Crate) error {
		_, err := a.Fetcher.Get(ctx, a.Fetcher.CrateSource(c))
		return fetchFailure(record.PhaseFetch, err)
	}); err != nil {
		return err
	}
	a.crates = crates
	for _, c := range crates {
		a.rec.Inputs = append(a.rec.Inputs, record.Input{
			Kind: "crate", Name: c.Folder(), URL: a.Fetcher.CrateSource(c).URL, Digest: record.Digest("sha256:" + c.SHA256),
		})
	}
	return nil
}

// readCargoLocks reads all locks of a source: there may be several workspaces, and some sources keep the crate in a folder
// below. Folders with the sources of others are passed over. An error that is a *failed says what the recipe can do;
// the crates beside it are those that are known all the same.
func readCargoLocks(dir string) ([]fetch.Crate, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	locks, manifest, err := findCargoFiles(root.FS())
	if err != nil {
		return nil, err
	}
	if len(locks) == 0 && manifest != "" {
		return nil, fail(record.PhaseFetch, record.Requirements, "the source has %s but no %s: which crates it needs must be known before the build, which has no network. "+
			"Add the file that `cargo generate-lockfile` writes, by an entry of source.extras or by a patch", manifest, cargoLock)
	}
	var all [][]fetch.Crate
	var failure error
	for _, name := range locks {
		text, err := root.ReadFile(name)
		if err != nil {
			return nil, err
		}
		crates, err := fetch.ReadCargoLock(text)
		all = append(all, crates)
		elsewhere := (*fetch.LockedElsewhereError)(nil)
		if errors.As(err, &elsewhere) && depth(name) > depth(locks[0]) {
			continue // of an example or a fuzz target; if the build needs it after all, cargo says so
		}
		if err != nil && failure == nil {
			failure = fail(record.PhaseFetch, record.Requirements, "%s: %s", name, err)
		}
	}
	merged, err := fetch.MergeCrates(all...)
	if err != nil && failure == nil {
		failure = fail(record.PhaseFetch, record.Requirements, "%s: %s", strings.Join(locks, ", "), err)
	}
	return merged, failure
}

// findCargoFiles lists a source's locks, the outermost first, and names one manifest.
func findCargoFiles(tree fs.FS) (locks []string, manifest string, err error) {
	err = fs.WalkDir(tree, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && slices.Contains([]string{"vendor", "vendored", "third_party", "node_modules", "target", ".git"}, e.Name()):
			return fs.SkipDir
		case !e.Type().IsRegular():
		case e.Name() == cargoLock:
			locks = append(locks, name)
		case e.Name() == "Cargo.toml" && manifest == "":
			manifest = name
		}
		return nil
	})
	slices.SortStableFunc(locks, func(a, b string) int { return depth(a) - depth(b) })
	return locks, manifest, err
}

func depth(name string) int { return strings.Count(name, "/") }

// cargoConfig makes cargo take crates from the folder and from nowhere else.
const cargoConfig = `[source.crates-io]
replace-with = "vendored"

[source.vendored]
directory = "` + job.Cargo + `/vendor"

[net]
offline = true
`

// vendor lays crates out in a work folder as a directory of vendored sources, in what is $CARGO_HOME in the container.
func (a *attempt) vendor(ctx context.Context, work string, crates []fetch.Crate) error {
	if !usesCargo(a.job.Recipe) {
		return nil
	}
	home := inside(work, job.Cargo)
	if err := os.MkdirAll(filepath.Join(home, "vendor"), 0o755); err != nil {
		return diskError(err)
	}
	if err := os.WriteFile(filepath.Join(home, "config.toml"), []byte(cargoConfig), 0o644); err != nil {
		return diskError(err)
	}
	return eachCrate(ctx, crates, func(ctx context.Context, c fetch.Crate) error {
		archive, err := a.Fetcher.Get(ctx, a.Fetcher.CrateSource(c))
		if err != nil {
			return fetchFailure(record.PhaseFetch, err)
		}
		return layCrate(archive, filepath.Join(home, "vendor", c.Folder()), c)
	})
}

// eachCrate does something about crates, many at a time.
func eachCrate(ctx context.Context, crates []fetch.Crate, do func(context.Context, fetch.Crate) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, c := range crates {
		group.Go(func() error { return do(ctx, c) })
	}
	return group.Wait()
}

func layCrate(archive, dir string, c fetch.Crate) error {
	if err := fetch.Unpack(archive, dir, fetch.Unpacking{Folder: c.Folder()}); err != nil {
		return fetchFailure(record.PhaseFetch, fmt.Errorf("unpacking the crate %s: %w", c.Folder(), err))
	}
	// Cargo wants the archive's hash, which has been checked, and checks the files that are listed: none has to be.
	text, err := json.Marshal(map[string]any{"files": map[string]string{}, "package": c.SHA256})
	if err != nil {
		return err
	}
	return diskError(os.WriteFile(filepath.Join(dir, ".cargo-checksum.json"), text, 0o644))
}
