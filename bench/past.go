package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/wasmill/wasmill/bench/graph"
	"github.com/wasmill/wasmill/internal/fetch"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// remember lets a database remember a build of every recipe that is planned, each passed and each under the key that a plan
// comes to: nothing is left to be done. The wheels are files, by recipe, where there are any; of the others only the
// digests are known.
func remember(ctx context.Context, db store.DB, req plan.Request, files map[string]record.Blob, at time.Time) error {
	p, err := plan.Make(req)
	if err != nil {
		return err
	}
	outputs := map[string]record.Digest{}
	for i := range p.Actions {
		act := &p.Actions[i]
		lock := fetch.Lock{}
		digest := record.Digest(lock.Digest())
		if act.Wants.Lock {
			content, err := json.Marshal(lock)
			if err != nil {
				return err
			}
			if _, err := db.PutLock(ctx, act.LockKey, store.Lock{Digest: digest, Content: content}, at); err != nil {
				return err
			}
		}
		if err := act.Complete(digest, outputs); err != nil {
			return err
		}
		b := recorded(act, p.Toolchain, files[act.Recipe], at)
		if _, err := db.PutBuild(ctx, store.Build{Record: b, Inputs: act.Inputs, Finished: at}); err != nil {
			return err
		}
		outputs[act.Recipe] = plan.Output(&b)
	}
	return nil
}

// recorded is the record of a build that passed, as large as that of a package with a few tests.
func recorded(act *plan.Action, tc plan.Toolchain, file record.Blob, at time.Time) record.Build {
	if file.Digest == "" {
		file = record.Blob{Digest: invented("wheel", act.Recipe), Size: 100_000}
	}
	name := fmt.Sprintf("%s-%s-cp315-cp315-%s_wasm32.whl", graph.Module(act.Recipe), act.Version, tc.Name)
	b := record.Build{
		Schema: record.Schema, Key: act.Key, Recipe: act.Recipe, Version: act.Version, Outcome: record.Passed, Started: at.Add(-time.Minute), Attempt: 1, Worker: "bench",
		Toolchain: record.Toolchain{Name: tc.Name, Digest: tc.Digest, Compiler: "Debian emscripten"}, PeakMemory: 200 << 20,
		Artifacts: []record.Artifact{{
			Filename: name, Kind: record.KindWheel, Digest: file.Digest, Size: file.Size, Metadata: invented("metadata", act.Recipe),
			Wheel: &record.Wheel{Project: act.Recipe, Version: act.Version, RequiresPython: ">=3.10", Imports: []string{graph.Module(act.Recipe)}, Depends: act.Needs},
		}},
		Log: &record.Blob{Digest: invented("log", act.Recipe), Size: 20_000}, TestLog: &record.Blob{Digest: invented("test log", act.Recipe), Size: 5_000},
	}
	b.Reproduction = &record.Reproduction{Same: true, Why: "the first build of the recipe on this toolchain", Blocks: true, Worker: "bench", Started: at, Seconds: 5}
	for _, phase := range []record.Phase{record.PhaseFetch, record.PhasePrepare, record.PhaseCompile, record.PhasePack, record.PhaseAudit, record.PhaseTest} {
		b.Phases = append(b.Phases, record.PhaseTime{Phase: phase, Seconds: 1})
	}
	for i := range 10 {
		b.Requires = append(b.Requires, record.Requirement{Name: fmt.Sprint("tool-", i), Version: "1.0", File: fmt.Sprintf("tool_%d-1.0-py3-none-any.whl", i), Digest: invented("tool", fmt.Sprint(i))})
	}
	t := record.Test{Outcome: record.Passed, In: "node", Runtime: "pyodide, node", Seconds: 1, Passed: 20}
	for i := range t.Passed {
		t.Cases = append(t.Cases, record.Case{Name: fmt.Sprintf("test_%s.py::test_%d", graph.Module(act.Recipe), i), Outcome: record.Passed, Seconds: 0.01})
	}
	b.Tests = []record.Test{t}
	return b
}

// invented is a digest of nothing that there is.
func invented(kind, name string) record.Digest {
	sum := sha256.Sum256([]byte(kind + " of " + name))
	return record.Digest("sha256:" + hex.EncodeToString(sum[:]))
}
