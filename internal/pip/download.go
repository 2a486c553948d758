package pip

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
)

// download resolves as an installation into an empty place would, and fetches what that would install.
func (p *Python) download(ctx context.Context, u *uv, r *request) error {
	if r.dest == "" {
		r.dest = "."
	}
	empty, err := os.MkdirTemp("", "wasmill-download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(empty)
	r.target = filepath.Join(empty, "nothing")
	in, err := p.prepare(u, r)
	if err != nil {
		return err
	}
	if len(in.w.projects) > 0 || len(r.sources) > 0 {
		return failed("download takes wheels as they are: build those of projects with wasmill build DIR")
	}
	if err := in.decide(ctx); err != nil {
		return err
	}
	lock, err := in.lock(ctx, filepath.Join(empty, "pylock.toml"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.dest, 0o755); err != nil {
		return failed("%v", err)
	}
	fetcher := p.fetcher()
	fetcher.AllowFiles = true
	files := make([]string, len(lock))
	const parallel = 8
	g, fetching := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, w := range lock {
		g.Go(func() (err error) {
			files[i], err = fetcher.Get(fetching, fetch.Source{URL: w.URL, SHA256: w.SHA256, Package: w.Name})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return failed("%v\nNothing was written to %s.", err, r.dest)
	}
	for i, w := range lock {
		path := filepath.Join(r.dest, w.File)
		if err := errors.Join(os.RemoveAll(path+".part"), copyFile(files[i], path+".part"), os.Rename(path+".part", path)); err != nil {
			_ = os.Remove(path + ".part")
			return fault.Errorf(kindOf(err), "writing %s: %w", path, err)
		}
		if r.quiet == 0 {
			fmt.Fprintln(p.Stdout, "Saved", path)
		}
	}
	return nil
}

// lock has uv say which files the versions that were decided on are.
func (in *installation) lock(ctx context.Context, file string) ([]fetch.LockedWheel, error) {
	pins := []string{}
	for _, c := range in.changes {
		if c.Action == "installed" && c.Version != "" {
			pins = append(pins, c.Name+"=="+c.Version)
		}
	}
	list := filepath.Join(filepath.Dir(file), "requirements.in")
	if err := os.WriteFile(list, []byte(strings.Join(pins, "\n")+"\n"), 0o644); err != nil {
		return nil, err
	}
	args := slices.Concat([]string{"pip", "compile", list, "--no-deps", "--format", "pylock.toml", "--output-file", file, "--quiet"},
		in.u.common(in.r), in.r.indexes(), []string{"--only-binary", ":all:", "--prerelease", "allow"})
	args = append(args, in.p.builtBefore()...)
	if err := in.u.work(ctx, in.r, args...); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse("file://" + file)
	if err != nil {
		return nil, err
	}
	return fetch.LockedWheels(data, base, in.p.Release.Python, in.p.platforms())
}
