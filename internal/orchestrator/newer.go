package orchestrator

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/store"
)

// How the index is asked for newer releases: ten times a second at most, by eight at a time. A page that is what it was the last
// time is not sent again. After so many pages in a row that could not be had, the others are not asked for.
const (
	indexGap    = 100 * time.Millisecond
	indexTries  = 5
	indexPause  = 2 * time.Second
	indexMany   = 8
	indexEnough = 2 * indexMany
)

// keepEvery is how often answers are written down: an attempt that ends loses no more than this of its time.
const keepEvery = 2 * time.Second

// newer asks the index about recipes whose sources it has, but for those that it was asked about since a moment: an attempt
// before this one has their answers. Every answer is kept as it comes.
func (o *Orchestrator) newer(ctx context.Context, schedule string, since time.Time, chosen []*recipe.Recipe, python string) (map[string]store.Answer, error) {
	kept, err := o.db.Answers(ctx, schedule)
	if err != nil {
		return nil, err
	}
	a := &asking{
		o: o, schedule: schedule, python: python, index: cmp.Or(o.cfg.Index, fetch.DefaultIndex), answers: map[string]store.Answer{},
		pages: &fetch.Pages{Gap: cmp.Or(o.cfg.IndexGap, indexGap), Tries: indexTries, Pause: indexPause},
	}
	var open []*recipe.Recipe
	for _, r := range chosen {
		if r.Fixed() != "" || r.Wheel() {
			continue
		}
		// A problem is asked about again: it may be over.
		if last, ok := kept[r.Name]; ok && last.Problem == "" && !last.Asked.Before(since) {
			if about, err := a.about(r); err == nil && about == last.About {
				a.answers[r.Name] = last
				continue
			}
		}
		open = append(open, r)
	}
	if n := len(a.answers); n > 0 {
		o.cfg.Log.Info("asking the index for newer releases: going on", zap.String("schedule", schedule), zap.Int("known", n), zap.Int("open", len(open)))
	}
	err = a.all(ctx, open, kept)
	// Also of an attempt that was given up: nothing that was learned is lost.
	calm, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepEvery)
	defer cancel()
	return a.answers, errors.Join(err, a.keep(calm))
}

// asking is one round of questions. Its methods are safe for concurrent use.
type asking struct {
	o                       *Orchestrator
	pages                   *fetch.Pages
	schedule, python, index string

	mu      sync.Mutex
	answers map[string]store.Answer
	fresh   []store.Answer // not written down yet
	failed  int            // pages in a row that could not be had
}

// all asks about recipes, with what is kept of the last time.
func (a *asking) all(ctx context.Context, open []*recipe.Recipe, kept map[string]store.Answer) error {
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(indexMany + 1)
	done := make(chan struct{})
	group.Go(func() error {
		tick := time.NewTicker(keepEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return nil
			case <-asking.Done():
				return asking.Err()
			case <-tick.C:
				if err := a.keep(asking); err != nil {
					return err
				}
			}
		}
	})
	var asked sync.WaitGroup
	for _, r := range open {
		if asking.Err() != nil {
			break
		}
		asked.Add(1)
		group.Go(func() error {
			defer asked.Done()
			answer, err := a.one(asking, r, kept[r.Name])
			if err != nil {
				return err
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			a.answers[r.Name], a.fresh = answer, append(a.fresh, answer)
			return nil
		})
	}
	asked.Wait()
	close(done)
	return group.Wait()
}

// errSame says that a page is what it was.
var errSame = errors.New("the page is what it was")

// one asks about one recipe. An error is the end of the round.
func (a *asking) one(ctx context.Context, r *recipe.Recipe, last store.Answer) (store.Answer, error) {
	out := store.Answer{Recipe: r.Name, Asked: time.Now()}
	var err error
	if out.About, err = a.about(r); err != nil {
		return out, err
	}
	a.mu.Lock()
	enough := a.failed >= indexEnough
	a.mu.Unlock()
	if enough {
		out.Problem = "not asked: the index did not answer about many others"
		return out, nil
	}
	if last.About != out.About || last.Problem != "" {
		last = store.Answer{}
	}
	get := func(ctx context.Context, url, accept string) ([]byte, error) {
		page, err := a.pages.GetNew(ctx, url, accept, last.ETag)
		if page.Same {
			err = errSame
		}
		out.ETag = page.ETag
		return page.Text, err
	}
	p, err := recipe.FetchProject(ctx, get, a.index, r.Name)
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	a.mu.Lock()
	if a.failed++; err == nil || fault.KindOf(err) != fault.Unavailable {
		a.failed = 0
	}
	a.mu.Unlock()
	if errors.Is(err, errSame) {
		out.ETag, out.Version, out.Meta = last.ETag, last.Version, last.Meta
		return out, nil
	}
	var u *recipe.Update
	if err == nil {
		u, err = r.UpdateFrom(p, a.python)
	}
	switch {
	case err != nil:
		out.Problem, out.ETag = err.Error(), ""
	case u != nil:
		out.Version, out.Meta = u.To, string(u.Meta)
	}
	return out, nil
}

// about names all that an answer is made of beside the index's page.
func (a *asking) about(r *recipe.Recipe) (string, error) {
	meta, err := os.ReadFile(filepath.Join(r.Dir, recipe.MetaFile))
	if err != nil {
		return "", fault.Errorf(fault.Unavailable, "reading the recipe of %s: %w", r.Name, err)
	}
	sum := sha256.Sum256(fmt.Appendf(meta, "\n%s\n%s\n", a.index, a.python))
	return hex.EncodeToString(sum[:]), nil
}

// keep writes down what has come since the last time.
func (a *asking) keep(ctx context.Context) error {
	a.mu.Lock()
	fresh := a.fresh
	a.fresh = nil
	a.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	err := a.o.db.PutAnswers(ctx, a.schedule, fresh)
	if err != nil {
		a.mu.Lock()
		a.fresh = append(fresh, a.fresh...)
		a.mu.Unlock()
	}
	return err
}
