package pip

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/wheel"
)

// projects reads what the indexes have, each page once. It is safe for concurrent use.
type projects struct {
	bases     []string // in the order in which they are asked
	client    *http.Client
	kept      string // folder of pages as they were last seen; empty: none are kept
	offline   bool   // those alone are read
	python    string
	platforms []string
	// wheel brings a wheel under its own name.
	wheel func(ctx context.Context, project string, f *recipe.IndexFile) (string, error)

	mu    sync.Mutex
	pages map[string]*page
	texts map[string]*wheel.Metadata
}

// page is what the first index that has a project has of it.
type page struct {
	name     string
	releases []release // the newest first
}

// release is one version.
type release struct {
	version wheel.Version
	wheel   *recipe.IndexFile // that this runtime takes; nil: there is none
	source  *recipe.IndexFile
	others  []string // platforms of the wheels that it does not take
	yanked  bool
}

const jsonForm = "application/vnd.pypi.simple.v1+json"

// get asks an index, or without a network what is kept of its answers.
func (p *projects) get(ctx context.Context, address, accept string) ([]byte, error) {
	if p.offline {
		return p.recall(address)
	}
	data, err := p.ask(ctx, address, accept)
	if err == nil {
		p.remember(address, data)
	}
	return data, err
}

func (p *projects) ask(ctx context.Context, address, accept string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "asking the index: %w", err)
	}
	req.Header.Set("Accept", accept+", text/html;q=0.1")
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "asking the index: %w", err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return nil, fault.Errorf(fault.NotFound, "%s: not there", withoutPassword(address))
	case resp.StatusCode != http.StatusOK:
		return nil, fault.Errorf(fault.Unavailable, "%s: %s", withoutPassword(address), resp.Status)
	}
	const most = 128 << 20
	data, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "asking the index: %w", err)
	}
	if accept == jsonForm && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		return pageFromHTML(data)
	}
	return data, nil
}

func withoutPassword(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Redacted()
}

// page finds a project. nil means that no index has it in a form that can be read: then nothing can be said of it.
func (p *projects) page(ctx context.Context, name string) (*page, error) {
	name = wheel.Normalize(name)
	p.mu.Lock()
	known, ok := p.pages[name]
	p.mu.Unlock()
	if ok {
		return known, nil
	}
	var found *page
	for _, base := range p.bases {
		if !strings.HasPrefix(base, "http://") && !strings.HasPrefix(base, "https://") {
			continue
		}
		project, err := recipe.FetchProject(ctx, p.get, base, name)
		if fault.KindOf(err) == fault.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = p.read(name, project)
		break
	}
	p.mu.Lock()
	p.pages[name] = found
	p.mu.Unlock()
	return found, nil
}

func (p *projects) read(name string, project *recipe.Project) *page {
	byVersion := map[string]*release{}
	ranks := map[string]int{}
	for _, f := range project.Files() {
		v, err := wheel.ParseVersion(f.Version)
		if err != nil || !f.Admits(p.python) {
			continue
		}
		r := byVersion[v.String()]
		if r == nil {
			r = &release{version: v, yanked: true}
			byVersion[v.String()] = r
		}
		r.yanked = r.yanked && f.Yanked
		if !f.Wheel {
			r.source = &f
			continue
		}
		file, err := wheel.ParseFilename(f.Name)
		if err != nil {
			continue
		}
		rank := wheel.Preference(file.Tags(), p.python, p.platforms)
		if rank < 0 {
			r.others = append(r.others, file.Platform)
			continue
		}
		if best, has := ranks[v.String()]; !has || rank < best {
			r.wheel, ranks[v.String()] = &f, rank
		}
	}
	out := &page{name: name}
	for _, r := range byVersion {
		out.releases = append(out.releases, *r)
	}
	slices.SortFunc(out.releases, func(a, b release) int { return b.version.Compare(a.version) })
	return out
}

// newest is the newest release that all specifiers admit; pre-releases count where they are wanted or there is nothing else.
func (p *page) newest(pre bool, specifiers ...wheel.Specifier) *release {
	var fallback *release
	for i := range p.releases {
		r := &p.releases[i]
		if r.yanked || slices.ContainsFunc(specifiers, func(s wheel.Specifier) bool { return !s.Admits(r.version) }) {
			continue
		}
		if !r.version.Prerelease() || pre {
			return r
		}
		if fallback == nil {
			fallback = r
		}
	}
	return fallback
}

func (p *page) release(version string) *release {
	v, err := wheel.ParseVersion(version)
	if err != nil {
		return nil
	}
	for i := range p.releases {
		if p.releases[i].version.Compare(v) == 0 {
			return &p.releases[i]
		}
	}
	return nil
}

// metadata is what a wheel says of itself: from beside it (PEP 658) where the index serves that, else from the wheel. nil: nothing
// can be read.
func (p *projects) metadata(ctx context.Context, name string, f *recipe.IndexFile) (*wheel.Metadata, error) {
	p.mu.Lock()
	known, ok := p.texts[f.URL]
	p.mu.Unlock()
	if ok {
		return known, nil
	}
	m, err := p.readMetadata(ctx, name, f)
	if err != nil {
		return nil, fmt.Errorf("reading what %s needs: %w", f.Name, err)
	}
	p.mu.Lock()
	p.texts[f.URL] = m
	p.mu.Unlock()
	return m, nil
}

func (p *projects) readMetadata(ctx context.Context, name string, f *recipe.IndexFile) (*wheel.Metadata, error) {
	data, err := p.get(ctx, f.URL+".metadata", "*/*")
	if err == nil {
		m, _ := wheel.ParseMetadata(data) // one that can't be read tells nothing
		return m, nil
	}
	if fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	if f.SHA256 == "" || p.offline {
		return nil, nil
	}
	file, err := p.wheel(ctx, name, f)
	if err != nil {
		return nil, err
	}
	w, err := wheel.Open(file)
	if err != nil {
		return nil, nil // as above
	}
	defer w.Close()
	return w.Metadata, nil
}

// prefetch reads the pages of many projects at once.
func (p *projects) prefetch(ctx context.Context, names []string) error {
	const parallel = 10
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, name := range names {
		g.Go(func() error {
			_, err := p.page(ctx, name)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("looking for newer versions: %w", err)
	}
	return nil
}

// forget has all pages read again: an index has something new.
func (p *projects) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.pages)
}
