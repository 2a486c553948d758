package reproduce_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/reproduce"
)

func TestPolicies(t *testing.T) {
	for text, want := range map[string]reproduce.Policy{
		"off":                     {},
		"off,warn":                {Warn: true},
		"new":                     {New: true},
		"new,block":               {New: true},
		reproduce.Default:         {New: true, Sample: 0.02},
		" new , sample:2.5%,warn": {New: true, Sample: 0.025, Warn: true},
		"all":                     {All: true},
	} {
		got, err := reproduce.Parse(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", text, err, diff)
		}
		if again, err := reproduce.Parse(got.String()); err != nil || again != got {
			t.Errorf("%s is written as %s, which reads %+v, %v", text, got, again, err)
		}
	}
	for text, says := range map[string]string{
		"":               "knows no \"\"",
		"always":         "knows no \"always\"",
		"warn":           "does not say which builds",
		"off,new":        "off goes with nothing else",
		"new,warn,block": "exclude each other",
		"new,new":        "new stands in it twice",
		"sample":         "no share",
		"sample:5":       "no share",
		"sample:101%":    "no share",
		"sample:-1%":     "no share",
		"sample:NaN%":    "no share",
		"new:5%":         "knows no \"new:5%\"",
	} {
		_, err := reproduce.Parse(text)
		if err == nil || fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWhatAFarmsPolicyMeansForALane(t *testing.T) {
	farm := reproduce.Policy{New: true, Sample: 0.5, Warn: true}
	for _, c := range []struct {
		lane, asked string
		want        reproduce.Policy
	}{
		{"interactive", "", reproduce.Policy{Warn: true}},
		{"interactive", "all", reproduce.Policy{All: true}},
		{"submission", "", reproduce.Policy{New: true, Warn: true}},
		{"migration", "", reproduce.Policy{New: true, Warn: true}},
		{"nightly", "", farm},
		{"nightly", "off", reproduce.Policy{}},
		{"submission", "sample:10%", reproduce.Policy{Sample: 0.1}},
	} {
		got, err := reproduce.Of(farm, c.asked, c.lane)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s %q: %v %s", c.lane, c.asked, err, diff)
		}
	}
}

func TestWhichBuilds(t *testing.T) {
	for _, c := range []struct {
		policy string
		new    bool
		want   string
	}{
		{"off", true, ""},
		{"new", true, "no build of x on this toolchain was reproduced yet"},
		{"new", false, ""},
		{"all", false, "all builds are made twice"},
		{"sample:100%", false, "it is in the run's sample of 100%"},
		{"sample:0%", true, ""},
	} {
		p, err := reproduce.Parse(c.policy)
		if err != nil {
			t.Fatal(err)
		}
		why, twice := p.Twice(reproduce.Build{Recipe: "x", Run: "r", New: c.new})
		if why != c.want || twice != (c.want != "") {
			t.Errorf("%s, new %t: %q %t", c.policy, c.new, why, twice)
		}
	}
}

// A sample is a matter of chance over recipes and over runs, and of none for one recipe in one run.
func TestASampleIsDrawn(t *testing.T) {
	p := reproduce.Policy{Sample: 0.05}
	drawn := map[string]bool{}
	for run := range 10 {
		for recipe := range 1000 {
			b := reproduce.Build{Recipe: fmt.Sprint("recipe-", recipe), Run: fmt.Sprint("run-", run)}
			_, twice := p.Twice(b)
			if _, again := p.Twice(b); again != twice {
				t.Fatalf("%+v: once %t, once %t", b, twice, again)
			}
			if twice {
				drawn[fmt.Sprint(run, " ", recipe)] = true
			}
		}
	}
	if n := len(drawn); n < 400 || n > 600 {
		t.Errorf("%d of 10,000 are drawn for 5 %%", n)
	}
	same := 0
	for recipe := range 1000 {
		if drawn[fmt.Sprint("0 ", recipe)] && drawn[fmt.Sprint("1 ", recipe)] {
			same++
		}
	}
	if same > 15 {
		t.Errorf("%d recipes are drawn in both of two runs: of 1,000, 5 %% of 5 %% are 2 or 3", same)
	}
}
