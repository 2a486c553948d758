package main

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Who finds something with a seed must be able to look for it again.
func TestTheSameSeedDrawsTheSameKills(t *testing.T) {
	names := func(seed uint64) (all []string) {
		random := rand.New(rand.NewPCG(seed, 0))
		for range 20 {
			for _, k := range drawn(random, victims) {
				all = append(all, k.name+" "+string(k.at)+" "+k.after.String()+" "+k.pause.String())
			}
		}
		return all
	}
	if diff := cmp.Diff(names(7), names(7)); diff != "" {
		t.Errorf("two draws of one seed differ:\n%s", diff)
	}
	all := strings.Join(names(7), "\n")
	for _, v := range victims {
		if !strings.Contains(all, v.name) {
			t.Errorf("%s is never killed", v.name)
		}
	}
}

func TestOnlyWhatIsAskedForIsKilled(t *testing.T) {
	s := &soak{only: "registry,worker"}
	list, err := s.victims()
	if err != nil || len(list) != 2 || list[0].name != "registry" || list[1].name != "worker" {
		t.Errorf("%v, %v", list, err)
	}
	s.only = "moon"
	if _, err := s.victims(); err == nil || !strings.Contains(err.Error(), `no "moon" to kill: choose of orchestrator, worker, engine, registry, database`) {
		t.Errorf("%v", err)
	}
}

func TestWhatDiffersIsNamed(t *testing.T) {
	want := outcome{builds: map[string]string{"a": "passed 1", "b": "passed 2"}, index: map[string]string{"a.whl": "1"}}
	if err := want.same(want); err != nil {
		t.Error(err)
	}
	got := outcome{builds: map[string]string{"a": "passed 1", "b": "passed 3"}, index: map[string]string{"c.whl": "4"}}
	err := want.same(got)
	wanted := "this is not as in the undisturbed run:\n  build of b: passed 3; undisturbed: passed 2\n" +
		"  file a.whl: none; undisturbed: 1\n  file c.whl: 4; undisturbed: none"
	if err == nil || err.Error() != wanted {
		t.Errorf("%v", err)
	}
}
