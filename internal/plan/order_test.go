package plan_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
)

// took is a farm that knows how long each recipe takes.
func took(t testing.TB, seconds map[string]float64, recipes ...plan.Recipe) *farm {
	f := newFarm(t, recipes...)
	f.History.Costs = map[string]plan.Cost{}
	for name, s := range seconds {
		f.History.Costs[name] = plan.Cost{Seconds: s}
	}
	return f
}

func (f *farm) order() string {
	var names []string
	for _, a := range f.plan().Actions {
		names = append(names, a.Recipe)
	}
	return strings.Join(names, " ")
}

func TestWhatMostWorkHangsOnIsTriedFirst(t *testing.T) {
	for _, story := range []struct {
		name string
		farm *farm
		want string
	}{
		{"the longest build", took(t, map[string]float64{"a": 1, "b": 3, "c": 2}, a("a", nil, nil), a("b", nil, nil), a("c", nil, nil)), "b c a"},
		{"a short build with a long chain behind it",
			took(t, map[string]float64{"a": 50, "b": 1, "c": 30, "d": 30}, a("a", nil, nil), a("b", nil, nil), a("c", []string{"b"}, nil), a("d", nil, []string{"c"})), "b c a d"},
		{"of two equal ones that for which more wait",
			took(t, map[string]float64{"a": 1, "b": 1, "x": 5, "y": 5, "z": 5}, a("a", nil, nil), a("b", nil, nil), a("x", []string{"a"}, nil), a("y", []string{"b"}, nil), a("z", []string{"b"}, nil)), "b a x y z"},
		{"a new one is like others of its kind",
			took(t, map[string]float64{"a": 100, "b": 5, "c": 6, "d": 7}, a("a", nil, nil), kind("library", a("b", nil, nil)), kind("library", a("c", nil, nil)), kind("library", a("d", nil, nil)), kind("library", a("new", nil, nil))), "a d c new b"},
		{"one of a new kind is like others", took(t, map[string]float64{"a": 100, "b": 5, "c": 6}, a("a", nil, nil), a("b", nil, nil), a("c", nil, nil), kind("new", a("new", nil, nil))), "a c new b"},
		{"a farm that knows nothing goes by the length of the chain", newFarm(t, a("a", nil, nil), a("b", nil, nil), a("c", []string{"b"}, nil)), "b a c"},
	} {
		t.Run(story.name, func(t *testing.T) {
			if got := story.farm.order(); got != story.want {
				t.Errorf("%s, want %s", got, story.want)
			}
		})
	}
}

func kind(name string, r plan.Recipe) plan.Recipe {
	r.Kind = name
	return r
}

// What is cached takes no time, and what waits for it is no reason to hurry with others.
func TestTheCriticalPathIsOfWhatIsBuilt(t *testing.T) {
	f := took(t, map[string]float64{"a": 10, "b": 1000, "c": 20}, a("a", nil, nil), a("b", []string{"a"}, nil), a("c", []string{"b"}, nil))
	f.carryOut()
	f.recipe("c").Sources[0].Digest = digest("changed")
	type turn struct {
		Recipe            string
		Seconds, Critical float64
		Dependents        int
	}
	var got []turn
	for _, a := range f.plan().Actions {
		got = append(got, turn{a.Recipe, a.Seconds, a.Critical, a.Dependents})
	}
	want := []turn{{"a", 0, 20, 1}, {"b", 0, 20, 1}, {"c", 20, 20, 0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever the graph and the times: all that an action needs comes before it.
func TestTheOrderCanBeCarriedOut(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		f := took(t, nil)
		for i := range 60 {
			r := a(fmt.Sprint("r", i), nil, nil)
			for j := range i {
				if random.IntN(12) == 0 {
					r.Run = append(r.Run, fmt.Sprint("r", j))
				}
			}
			r.Disabled = random.IntN(20) == 0
			f.Recipes = append(f.Recipes, r)
			if random.IntN(2) == 0 {
				f.History.Costs[r.Name] = plan.Cost{Seconds: float64(random.IntN(5))}
			}
		}
		if seed%2 == 0 {
			f.carryOut("r7")
		}
		done := map[string]bool{}
		for _, a := range f.plan().Actions {
			for _, need := range a.Needs {
				if !done[need] {
					t.Fatalf("seed %d: %s comes before %s, which it needs", seed, a.Recipe, need)
				}
			}
			done[a.Recipe] = true
		}
	}
}

func TestTheClassIsLearned(t *testing.T) {
	const gib = 1 << 30
	for _, story := range []struct {
		name   string
		recipe recipe.Class
		cost   plan.Cost
		want   recipe.Class
		why    string
	}{
		{"nothing is known", "", plan.Cost{}, recipe.Small, ""},
		{"the recipe's word counts", recipe.Large, plan.Cost{Peak: 1}, recipe.Large, "the recipe says so"},
		{"also against what was learned", recipe.Small, plan.Cost{Outgrew: recipe.Medium}, recipe.Small, "the recipe says so"},
		{"what has passed in a class fits into it", "", plan.Cost{Seconds: 1, Peak: 2 * gib, Class: recipe.Small}, recipe.Small, ""},
		{"too large for small", "", plan.Cost{Seconds: 1, Peak: 3 * gib, Class: recipe.Medium}, recipe.Medium, "it has used 3.0 GiB of memory"},
		{"only just too large", "", plan.Cost{Seconds: 1, Peak: 2*gib - 1<<20, Class: recipe.Medium}, recipe.Medium, "it has used 2.0 GiB of memory"},
		{"it needs less than its class has", "", plan.Cost{Seconds: 1, Peak: gib, Class: recipe.Large}, recipe.Small, ""},
		{"it ran out of memory", "", plan.Cost{Seconds: 1, Peak: gib, Class: recipe.Medium, Outgrew: recipe.Small}, recipe.Medium, "it ran out of memory in the class small"},
		{"even in the largest", "", plan.Cost{Outgrew: recipe.Large}, recipe.Large, "it ran out of memory in the class large"},
		{"it takes long", "", plan.Cost{Seconds: 1000, Class: recipe.Small}, recipe.Medium, "it takes long: 16m40s in the class small"},
		{"it takes long where nobody has noted the class", "", plan.Cost{Seconds: 7200}, recipe.Large, "it takes long: 2h0m0s in the class small"},
		{"twice the processors do not bring it back", "", plan.Cost{Seconds: 500, Class: recipe.Medium}, recipe.Medium, "it takes long: 8m20s in the class medium"},
		{"much less work does", "", plan.Cost{Seconds: 100, Class: recipe.Medium}, recipe.Small, ""},
	} {
		t.Run(story.name, func(t *testing.T) {
			got, why := plan.ClassOf(&plan.Recipe{Class: story.recipe}, story.cost)
			if got != story.want || why != story.why {
				t.Errorf("%s because %q, want %s because %q", got, why, story.want, story.why)
			}
		})
	}
}

// Where and when a recipe is built must not decide what it is.
func TestNeitherTheClassNorTheTurnIsInTheKey(t *testing.T) {
	f := newFarm(t, a("a", nil, nil))
	f.carryOut()
	before := f.plan().Actions[0]
	f.Recipes[0].Class, f.Recipes[0].Kind = recipe.Large, "library"
	f.History.Costs = map[string]plan.Cost{"a": {Seconds: 1e6, Peak: 1 << 40, Class: recipe.Large, Outgrew: recipe.Medium}}
	after := f.plan().Actions[0]
	if before.Key == "" || after.Key != before.Key || after.Kind != plan.KindReuse || after.LockKey != before.LockKey {
		t.Errorf("%s with key %s, before it was %s", after.Kind, after.Key, before.Key)
	}
}
