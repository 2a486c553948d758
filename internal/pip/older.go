package pip

import (
	"context"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/wheel"
)

// change is what uv would do to one package.
type change struct {
	Name    string `json:"name"`
	Version string `json:"version"` // empty for what does not come from an index
	Action  string `json:"action"`  // installed, uninstalled
}

// lack is a version that the requirements allow, that is newer than what would be taken, and that has no wheel for this ABI.
type lack struct {
	name     string
	release  *release
	neededBy string // "pydantic 2.13.1"; empty: the command line
}

// older is a package of which an older version would be taken.
type older struct{ name, taken, newest string }

// search walks from what is wanted to what it needs, always through the newest version that is allowed: the way a resolver would
// go on a platform for which everything has wheels. It resolves nothing: where the walk and uv's answer part, and a wheel is lacking
// there, the lack is what is told.
type search struct {
	*projects
	environment wheel.Environment
	constraints map[string][]wheel.Specifier
	pre         bool
	linked      map[string]bool // what is there already
}

type visit struct {
	requirement wheel.Requirement
	by          string
}

// walks is how often is walked, each time with what the walks before have told of the versions that everything needs.
const walks = 3

// findLacks is for an answer of uv's that is not the newest of everything, and for where it has none.
func (s *search) findLacks(ctx context.Context, roots []wheel.Requirement) ([]lack, error) {
	needs := map[string][]wheel.Specifier{}
	var lacks []lack
	for n := range walks {
		told := map[string][]wheel.Specifier{}
		found, err := s.walk(ctx, roots, needs, told)
		if err != nil {
			return nil, err
		}
		same := slices.EqualFunc(lacks, found, func(a, b lack) bool { return a.name == b.name && a.release == b.release })
		lacks, needs = found, told
		if n > 0 && same {
			break
		}
	}
	return lacks, nil
}

func (s *search) walk(ctx context.Context, roots []wheel.Requirement, needs, told map[string][]wheel.Specifier) ([]lack, error) {
	var queue []visit
	for _, q := range roots {
		queue = append(queue, visit{requirement: q})
	}
	var lacks []lack
	seen := map[string]bool{}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		q := v.requirement
		name := wheel.Normalize(q.Name)
		told[name] = append(told[name], q.Specifier)
		slices.Sort(q.Extras)
		key := name + "[" + strings.Join(q.Extras, ",") + "]"
		if seen[key] || q.URL != "" || s.linked[name] {
			continue
		}
		seen[key] = true
		page, err := s.page(ctx, name)
		if err != nil {
			return nil, err
		}
		if page == nil {
			continue
		}
		r := page.newest(s.pre, slices.Concat(s.constraints[name], needs[name], []wheel.Specifier{q.Specifier})...)
		if r == nil {
			continue
		}
		if r.wheel == nil {
			if !slices.ContainsFunc(lacks, func(l lack) bool { return l.name == name }) {
				lacks = append(lacks, lack{name, r, v.by})
			}
			continue
		}
		m, err := s.metadata(ctx, name, r.wheel)
		if err != nil {
			return nil, err
		}
		if m == nil {
			continue
		}
		for _, need := range m.RequiresDist {
			if need.Applies(s.environment, q.Extras...) {
				queue = append(queue, visit{need, name + " " + r.version.String()})
			}
		}
	}
	return lacks, nil
}

// compare tells which packages of uv's answer are older than what index and constraints allow.
func (s *search) compare(ctx context.Context, changes []change, roots []wheel.Requirement) ([]older, error) {
	asked := map[string][]wheel.Specifier{}
	for _, q := range roots {
		asked[wheel.Normalize(q.Name)] = append(asked[wheel.Normalize(q.Name)], q.Specifier)
	}
	var names []string
	for _, c := range changes {
		if c.Action == "installed" && c.Version != "" {
			names = append(names, c.Name)
		}
	}
	if err := s.prefetch(ctx, names); err != nil {
		return nil, err
	}
	var out []older
	for _, c := range changes {
		if c.Action != "installed" || c.Version == "" {
			continue
		}
		page, err := s.page(ctx, c.Name)
		if err != nil {
			return nil, err
		}
		if page == nil || page.release(c.Version) == nil {
			continue // from a folder of wheels
		}
		newest := page.newest(s.pre, slices.Concat(s.constraints[c.Name], asked[c.Name])...)
		taken, err := wheel.ParseVersion(c.Version)
		if err == nil && newest != nil && newest.version.Compare(taken) > 0 {
			out = append(out, older{c.Name, c.Version, newest.version.String()})
		}
	}
	return out, nil
}
