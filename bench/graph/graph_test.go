package graph_test

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/bench/graph"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
)

// corpus is the graph of a real collection, which is not part of the project.
var corpus = filepath.Join("..", "..", "..", "shared", "corpus", "graph.json")

func TestTheRealGraph(t *testing.T) {
	g, err := graph.Read(corpus)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not there", corpus)
	}
	if err != nil {
		t.Fatal(err)
	}
	want := graph.Shape{Levels: []int{160, 81, 41, 38, 9, 2, 1}, Edges: 459, Hub: 70, Alone: 55, Unneeded: 150, Most: 12, Host: 121}
	if diff := cmp.Diff(want, g.Shape()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	planned(t, g)
}

// Whatever the size and the seed: the shares are those of the real graph, and nothing goes in a circle.
func TestSyntheticGraphsHaveTheShapeOfTheRealOne(t *testing.T) {
	for _, n := range []int{332, 1000, 10_000} {
		for seed := range uint64(5) {
			s := graph.Synthetic(n, seed).Shape()
			size, edges := float64(n), float64(s.Edges)
			for _, share := range []struct {
				name             string
				got, want, aside float64
			}{
				{"edges to a recipe", edges / size, 459.0 / 332, 0.15},
				{"the hub's edges", float64(s.Hub) / edges, 70.0 / 459, 0.02},
				{"those that stand alone", float64(s.Alone) / size, 55.0 / 332, 0.03},
				{"those that nothing needs", float64(s.Unneeded) / size, 150.0 / 332, 0.05},
				{"host dependencies", float64(s.Host) / edges, 121.0 / 459, 0.05},
			} {
				aside := share.aside
				if n < 1000 { // where few are drawn, chance is larger
					aside *= 2
				}
				if math.Abs(share.got-share.want) > aside {
					t.Errorf("%d recipes, seed %d: %s: %.3f, want %.3f", n, seed, share.name, share.got, share.want)
				}
			}
			if len(s.Levels) != 7 {
				t.Errorf("%d recipes, seed %d: %d levels", n, seed, len(s.Levels))
				continue
			}
			for level, width := range []float64{160, 81, 41, 38, 9, 2, 1} {
				if got := float64(s.Levels[level]); math.Abs(got-width/332*size) > 1 {
					t.Errorf("%d recipes, seed %d: level %d has %.0f recipes, want %.0f", n, seed, level, got, width/332*size)
				}
			}
		}
	}
}

func TestTheSameSeedGivesTheSameGraph(t *testing.T) {
	if diff := cmp.Diff(graph.Synthetic(1000, 7), graph.Synthetic(1000, 7)); diff != "" {
		t.Errorf("two graphs of one seed differ:\n%s", diff)
	}
	if cmp.Equal(graph.Synthetic(1000, 7), graph.Synthetic(1000, 8)) {
		t.Error("two seeds give the same graph")
	}
}

func TestAGraphIsAFolderOfRecipes(t *testing.T) { planned(t, graph.Synthetic(500, 1)) }

// planned writes a graph, and compares what a farm reads with it.
func planned(t *testing.T, g graph.Graph) {
	t.Helper()
	dir := t.TempDir()
	if err := g.Write(dir); err != nil {
		t.Fatal(err)
	}
	set, err := recipe.LoadSet(dir)
	if err != nil {
		t.Fatal(err)
	}
	list, err := plan.FromSet(set, []string{"*"}, (*recipe.Recipe).Digests)
	if err != nil {
		t.Fatal(err)
	}
	patches, tests := 0, 0
	for _, r := range list {
		patches += len(r.Patches)
		tests += len(set.Get(r.Name).Tests)
	}
	if len(list) != len(g) || patches == 0 || tests == 0 {
		t.Errorf("%d recipes with %d patches and %d tests, of %d", len(list), patches, tests, len(g))
	}
	for _, r := range g {
		for _, need := range r.Needs() {
			if set.Get(need) == nil {
				t.Fatalf("%s needs %s, which is not in the set", r.Name, need)
			}
		}
		if got := set.Get(r.Name); !slices.Equal(r.Host, got.Requirements.Host) || !slices.Equal(r.Run, got.Requirements.Run) {
			t.Errorf("%s needs %v and %v, want %v and %v", r.Name, got.Requirements.Host, got.Requirements.Run, r.Host, r.Run)
		}
	}
}

func TestAGraphThatIsNotThere(t *testing.T) {
	if _, err := graph.Read(filepath.Join(t.TempDir(), "graph.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	broken := filepath.Join(t.TempDir(), "graph.json")
	if err := os.WriteFile(broken, []byte("["), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := graph.Read(broken); err == nil {
		t.Error("no error")
	}
}
