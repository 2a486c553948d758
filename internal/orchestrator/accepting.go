package orchestrator

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/jobs"
	"github.com/wasmill/wasmill/internal/plan"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/workflows"
)

// granted is for how long a task is good: longer than any build waits for a slot and then runs.
const granted = 14 * 24 * time.Hour

// grantKey is the setting with the key that signs what is handed out to workers.
const grantKey = "grant-key"

func (o *Orchestrator) readKey(ctx context.Context) error {
	text, err := o.db.Setting(ctx, grantKey)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		text = access.NewKey()
		err = o.db.SetSetting(ctx, grantKey, text)
	}
	if err != nil {
		return fmt.Errorf("reading the key that signs grants: %w", err)
	}
	o.key, err = access.ParseKey(text)
	return err
}

// mayReport says whether who reports was given the task that he reports about: run and log must be those of the grant. Who is
// in this process, or has the machine to himself, need not show one.
func (o *Orchestrator) mayReport(ctx context.Context, text, log string) (g access.Grant, err error) {
	if access.Of(ctx).Local {
		return g, nil
	}
	if g, err = o.key.Read(text, time.Now()); err != nil {
		return g, err
	}
	if log != jobs.LogName(g.Recipe, g.Job, g.Run) {
		return g, fault.Errorf(fault.Forbidden, "the log %s is not that of the task, %s in run %s", log, g.Recipe, g.Run)
	}
	return g, nil
}

// accept holds what a worker says that it has made against the job that it was given: what it was not given is not
// stored, whatever was reported.
func (o *Orchestrator) accept(ctx context.Context, task workflows.Task, res *jobs.Result) error {
	g, err := o.key.Read(task.Grant, time.Now())
	if err != nil {
		return err
	}
	if g.Run != task.RunID || g.Recipe != task.Recipe || g.Job != task.Job {
		return fault.Errorf(fault.Forbidden, "the grant of this task is one for %s in run %s", g.Recipe, g.Run)
	}
	job, err := jobs.Get[jobs.Job](ctx, o.blobs, task.Job)
	if err != nil {
		return err
	}
	pack, err := o.recipes(ctx, job.Recipes, nil)
	if err != nil {
		return err
	}
	r := pack.set.Get(job.Recipe)
	if r == nil {
		return fault.Errorf(fault.Internal, "the job's pack has no recipe %s", job.Recipe)
	}
	wrong := difference(job, r, task, res)
	if wrong == "" {
		wrong, err = o.taken(ctx, &res.Record)
	}
	if err == nil && wrong != "" {
		err = fault.Errorf(fault.Forbidden, "%s", wrong)
	}
	if err != nil {
		return fmt.Errorf("refusing what worker %s says of %s: %w", res.Record.Worker, task.Recipe, err)
	}
	return nil
}

// difference says in which way a result is not one of the job; empty where it is.
func difference(job *jobs.Job, r *recipe.Recipe, task workflows.Task, res *jobs.Result) string {
	b, inputs := &res.Record, res.Inputs
	if job.Inputs.Lock == "" && job.LockKey != "" {
		inputs.Lock = "" // which the worker was to find out
	}
	name, digest, _ := strings.Cut(job.Toolchain, "@")
	switch {
	case b.Recipe != job.Recipe:
		return fmt.Sprintf("the record is one of recipe %q", b.Recipe)
	case b.Version != r.Version:
		return fmt.Sprintf("the record has version %q, the recipe %q", b.Version, r.Version)
	case b.Toolchain.Name != path.Base(name):
		return fmt.Sprintf("the record is one of toolchain %q, the job of %q", b.Toolchain.Name, path.Base(name))
	case b.Toolchain.Digest != "" && string(b.Toolchain.Digest) != digest:
		return fmt.Sprintf("the record is one of the image %s, the job of %s", b.Toolchain.Digest, digest)
	case plan.Key(inputs) != plan.Key(job.Inputs):
		return "its inputs are not those of the job"
	case b.Key != plan.Key(res.Inputs):
		return fmt.Sprintf("its key %s is not that of its inputs", b.Key)
	case task.Key != "" && task.Key != b.Key:
		return fmt.Sprintf("it was reported under the key %s and is one of %s", task.Key, b.Key)
	case res.Lock != nil && (res.LockKey != job.LockKey || string(res.Inputs.Lock) != res.Lock.Digest()):
		return "it brings locked build requirements that were not asked for"
	case res.TestLock != nil && res.TestLockKey != job.TestLockKey:
		return "it brings locked requirements of tests that were not asked for"
	case b.Outcome != record.Passed && b.Outcome != record.Failed:
		return fmt.Sprintf("its outcome is %q", b.Outcome)
	}
	for _, a := range b.Artifacts {
		if a.Filename == "" || a.Filename != path.Base(a.Filename) || strings.ContainsAny(a.Filename, "\\\x00\n") {
			return fmt.Sprintf("%q is not the name of a file", a.Filename)
		}
		if a.Kind != record.KindWheel {
			continue
		}
		parts := strings.Split(strings.TrimSuffix(a.Filename, ".whl"), "-")
		if a.Wheel == nil || len(parts) < 5 || recipe.Canonical(parts[0]) != recipe.Canonical(a.Wheel.Project) {
			return fmt.Sprintf("the wheel %s is not one of the project that the record names", a.Filename)
		}
	}
	if n := len(slices.DeleteFunc(slices.Clone(b.Artifacts), func(a record.Artifact) bool { return a.Kind != record.KindWheel })); n > 1 {
		return fmt.Sprintf("it has %d wheels", n)
	}
	return ""
}

// taken says which file or project of a record belongs to another recipe: a wheel of one recipe must not take the place of
// another's on the index. A project is the recipe's that has its name, or else of the first that was published.
func (o *Orchestrator) taken(ctx context.Context, b *record.Build) (string, error) {
	w := b.Wheel()
	if w == nil || recipe.Canonical(w.Wheel.Project) == recipe.Canonical(b.Recipe) {
		return "", nil
	}
	all, err := o.db.Catalog(ctx, b.Toolchain.Name)
	if err != nil {
		return "", err
	}
	for _, p := range all.Files {
		if p.Project != recipe.Canonical(w.Wheel.Project) && p.Filename != w.Filename {
			continue
		}
		owner, err := o.db.Build(ctx, p.Key)
		if err != nil {
			return "", err
		}
		if owner.Record.Recipe != b.Recipe {
			return fmt.Sprintf("its wheel %s is one of the project %s, which is on the index from recipe %s", w.Filename, w.Wheel.Project, owner.Record.Recipe), nil
		}
	}
	return "", nil
}
