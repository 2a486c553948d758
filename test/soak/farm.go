package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/wasmill/wasmill/bench/share"
	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
)

// farm is a farm of which each part is a process of its own. A new one has folders that hold nothing but the toolchain's
// images.
type farm struct {
	*api.Client
	url    string
	dir    string // everything of it
	engine *dockerd
	at     string // the address of its PostgreSQL; empty for SQLite

	registry, database, orchestrator, worker *process // database is nil where the orchestrator embeds it
}

// database is the SQLite file, and work the folders of a worker's attempts.
func (f *farm) head() (datadir.Dir, error) { return datadir.Open(filepath.Join(f.dir, "farm")) }
func (f *farm) crew() (datadir.Dir, error) { return datadir.Open(filepath.Join(f.dir, "worker")) }

// prepare makes the folder for all, and starts the engine.
func (s *soak) prepare() error {
	if os.Geteuid() != 0 {
		return fault.Errorf(fault.Unavailable, "only root can start a container engine: run the soak as root")
	}
	for _, name := range []string{"orchestrator", "worker"} {
		if _, err := os.Stat(filepath.Join(s.bin, name)); err != nil {
			return fault.Errorf(fault.NotFound, "%w: `make build` makes it", err)
		}
	}
	from, err := datadir.Open(s.data)
	if err != nil {
		return err
	}
	if _, err := os.Stat(from.Registry()); err != nil {
		return fault.Errorf(fault.NotFound, "%w: `wasmill toolchain bake %s --data %s` bakes the toolchain", err, s.toolchain, s.data)
	}
	s.data = from.Root()
	if s.scratch, err = os.MkdirTemp(s.data, "soak-"); err != nil {
		return err
	}
	return os.Chmod(s.scratch, 0o755) // containers run as another user
}

// clear ends all parts and removes their folders.
func (s *soak) clear() error {
	var errs []error
	if s.farm != nil {
		errs = append(errs, s.farm.stop(), s.farm.engine.stop())
	}
	if s.db != nil {
		errs = append(errs, s.db.end())
	}
	if s.kept {
		s.say("everything is in %s", s.scratch)
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, os.RemoveAll(s.scratch))...)
}

// form is what farms differ in.
type form struct {
	cold     bool // environments are made again
	postgres bool
	twice    bool // all is built twice
}

// begin starts a new farm; engine and PostgreSQL, and what workers have made of locks, go from one to the next.
func (s *soak) begin(ctx context.Context, name string, how form) error {
	f := &farm{dir: filepath.Join(s.scratch, name)}
	if err := s.folders(f, how.cold); err != nil {
		return err
	}
	at := map[string]string{}
	for _, part := range []string{"api", "temporal", "registry"} {
		var err error
		// The engine knows images by the registry's address.
		if at[part], err = freeAddress(); err != nil {
			return err
		}
	}
	f.url, f.Client = "http://"+at["api"], api.NewClient(at["api"])
	if s.farm != nil {
		f.engine = s.farm.engine
	} else if err := s.startEngine(ctx, f); err != nil {
		return err
	}
	s.farm = f
	if how.postgres {
		if err := s.onPostgres(ctx, f); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log := func(part string) string { return filepath.Join(f.dir, part+".log") }
	f.registry = &process{
		name: "registry", path: self, args: []string{registryCommand, filepath.Join(f.dir, "farm", "registry"), at["registry"]},
		log: log("registry"), ready: pings(at["registry"]),
	}
	f.orchestrator = &process{
		name: "orchestrator", path: filepath.Join(s.bin, "orchestrator"), log: log("orchestrator"),
		args: []string{
			"--data", filepath.Join(f.dir, "farm"), "--listen", at["api"], "--temporal-listen", at["temporal"], "--registry", at["registry"],
			"--reproduce", how.reproduce(), "--database", f.at,
		},
		ready: func(ctx context.Context) error {
			_, err := f.Join(ctx)
			return err
		},
	}
	f.worker = &process{
		name: "worker", path: filepath.Join(s.bin, "worker"), log: log("worker"), env: []string{"DOCKER_HOST=" + f.engine.host()},
		args: []string{"--orchestrator", f.url, "--data", filepath.Join(f.dir, "worker"), "--name", "soak", "--slots", "2", "--drain", "0s"},
		ready: func(ctx context.Context) error {
			workers, err := f.Workers(ctx)
			if err == nil && len(workers) == 0 {
				err = errors.New("it has not joined")
			}
			return err
		},
	}
	for _, p := range []*process{f.registry, f.orchestrator, f.worker} {
		if err := p.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// String tells what is not as usual.
func (f form) String() string {
	words := ""
	for _, each := range []struct {
		is   bool
		word string
	}{{f.postgres, "on PostgreSQL"}, {f.twice, "all built twice"}, {f.cold, "environments made again"}} {
		if each.is {
			words += ", " + each.word
		}
	}
	return words
}

func (f form) reproduce() string {
	if f.twice {
		return "all"
	}
	return "off"
}

// onPostgres gives a farm a database, in a cluster that is made for the first.
func (s *soak) onPostgres(ctx context.Context, f *farm) (err error) {
	if s.db == nil {
		if s.db, err = newCluster(s.postgres, filepath.Join(s.scratch, "postgres.log")); err != nil {
			return err
		}
		if err := s.db.start(ctx); err != nil {
			return err
		}
	}
	f.database = s.db.process
	f.at, err = s.db.database(ctx)
	return err
}

func (s *soak) startEngine(ctx context.Context, f *farm) error {
	var err error
	if f.engine, err = newDockerd(filepath.Join(s.scratch, "engine"), filepath.Join(s.scratch, "dockerd.log")); err != nil {
		return err
	}
	if err := f.engine.start(ctx); err != nil {
		return errors.Join(err, f.engine.stop())
	}
	return nil
}

// folders makes those of a farm. Sources are fetched again by each; what builds are made with is not, unless it is cold.
func (s *soak) folders(f *farm, cold bool) error {
	from, err := datadir.Open(s.data)
	if err != nil {
		return err
	}
	head, err := f.head()
	if err != nil {
		return err
	}
	crew, err := f.crew()
	if err != nil {
		return err
	}
	if err := share.Registry(from.Registry(), head.Registry()); err != nil {
		return fmt.Errorf("copying the registry: %w", err)
	}
	if cold {
		return nil
	}
	kept := filepath.Join(s.scratch, "environments")
	if err := os.MkdirAll(kept, 0o755); err != nil {
		return err
	}
	if err := os.Remove(crew.Environments()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Symlink(kept, crew.Environments())
}

// stop ends the farm but for the engine, as an operator does.
func (f *farm) stop() error {
	var errs []error
	for _, p := range []*process{f.worker, f.orchestrator, f.registry} {
		if p != nil {
			errs = append(errs, p.stop())
		}
	}
	return errors.Join(errs...)
}

// submit gives the farm all recipes, and publishes what passes.
func (s *soak) submit(ctx context.Context) (api.Run, error) {
	set, err := recipe.LoadSet(s.folder)
	if err != nil {
		return api.Run{}, err
	}
	chosen, err := set.Select(s.names...)
	if err != nil {
		return api.Run{}, err
	}
	if chosen, err = set.Closure(chosen); err != nil {
		return api.Run{}, err
	}
	var packed bytes.Buffer
	if err := recipe.Pack(&packed, chosen); err != nil {
		return api.Run{}, err
	}
	blob, err := s.farm.PutBlob(ctx, &packed)
	if err != nil {
		return api.Run{}, err
	}
	return s.farm.StartRun(ctx, api.RunRequest{Recipes: blob.Digest, Select: []string{"*"}, Toolchain: s.toolchain, Lane: "submission", Publish: true})
}
