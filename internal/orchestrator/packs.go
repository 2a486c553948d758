package orchestrator

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
)

// keptRecipes is how many recipes are kept in memory: those of two large farms, or of a thousand submissions.
const keptRecipes = 25_000

// packs keeps the recipes that were read last. A run asks for its own once for each recipe, and the folder of a pack, named by
// its digest, never changes.
type packs struct {
	mu   sync.Mutex
	list []*pack // the one used last stands last
}

// pack is a set of recipes, with what its files hold. Nobody changes it.
type pack struct {
	name string
	read sync.Mutex // held while it is read

	set     *recipe.Set
	mu      sync.Mutex
	digests map[*recipe.Recipe]*recipe.Digests
}

// recipes reads a pack, whose recipes are tested in these runtimes, too.
func (o *Orchestrator) recipes(ctx context.Context, digest record.Digest, runtimes []string) (*pack, error) {
	p := o.packs.entry(strings.Join(append([]string{string(digest)}, runtimes...), "\n"))
	p.read.Lock()
	defer p.read.Unlock()
	if p.set != nil {
		return p, nil
	}
	set, err := jobs.Recipes(ctx, o.blobs, digest, o.cfg.Dir.Packs())
	if err != nil {
		return nil, err
	}
	for _, runtime := range runtimes {
		if err := set.AlsoIn(runtime); err != nil {
			return nil, err
		}
	}
	p.set, p.digests = set, map[*recipe.Recipe]*recipe.Digests{}
	return p, nil
}

// entry is that of a name, a new one if need be, and makes room for it.
func (k *packs) entry(name string) *pack {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := &pack{name: name}
	if i := slices.IndexFunc(k.list, func(p *pack) bool { return p.name == name }); i >= 0 {
		p = k.list[i]
		k.list = slices.Delete(k.list, i, i+1)
	}
	k.list = append(k.list, p)
	room := keptRecipes
	for i := len(k.list) - 2; i >= 0; i-- { // the last one stays whatever its size
		if room -= k.list[i].size(); room < 0 {
			k.list = slices.Delete(k.list, 0, i+1)
			break
		}
	}
	return p
}

// size counts a pack that is being read as one recipe.
func (p *pack) size() int {
	if !p.read.TryLock() {
		return 1
	}
	defer p.read.Unlock()
	if p.set == nil {
		return 1
	}
	return max(1, p.set.Len())
}

// digest is what a recipe's files hold, read once.
func (p *pack) digest(r *recipe.Recipe) (*recipe.Digests, error) {
	p.mu.Lock()
	d := p.digests[r]
	p.mu.Unlock()
	if d != nil {
		return d, nil
	}
	d, err := r.Digests()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.digests[r] = d
	return d, nil
}
