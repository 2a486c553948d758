package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/term"
)

// pollEvery is how often a run that is followed is looked at.
const pollEvery = 150 * time.Millisecond

// follow shows a run until it has ended and returns it as it ended. When ctx ends the run is canceled: who presses
// Ctrl-C on a command that waits wants the containers gone.
func (a *app) follow(ctx context.Context, farm api.Farm, id string) (api.Run, error) {
	p := a.progress()
	defer p.Close()
	seen, idle := map[string]string{}, standstill{since: time.Now()}
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		run, err := farm.Run(ctx, id)
		if err != nil {
			if ctx.Err() != nil {
				return run, a.cancel(farm, id, ctx.Err())
			}
			return run, err
		}
		changed := showRun(p, run, seen, idle.note)
		if run.State != "running" {
			return run, nil
		}
		if line := idle.look(ctx, farm, run, changed, time.Now()); line != "" {
			p.Line("%s", line)
		}
		select {
		case <-ctx.Done():
			return run, a.cancel(farm, id, ctx.Err())
		case <-ticker.C:
		}
	}
}

// cancelWait is how long an interrupted command waits until the run's containers are gone.
const cancelWait = 20 * time.Second

func (a *app) cancel(farm api.Farm, id string, cause error) error {
	ctx, stop := context.WithTimeout(context.Background(), cancelWait)
	defer stop()
	fmt.Fprintln(a.err, "wasmill: canceling the run …")
	if err := farm.CancelRun(ctx, id); err != nil && fault.KindOf(err) != fault.Conflict { // it may have just ended
		return fmt.Errorf("canceling run %s: %w", id, err)
	}
	for {
		run, err := farm.Run(ctx, id)
		if err != nil || run.State != "running" {
			return cause
		}
		time.Sleep(pollEvery)
	}
}

// showRun prints what has changed since it was last called with this seen, and says whether anything has. The note stands beside
// the bar while nothing runs.
func showRun(p *term.Progress, run api.Run, seen map[string]string, note string) (changed bool) {
	ended := 0
	var running []string
	if state := stateInWords(run); seen[""] != state {
		if seen[""] != "" && run.State == "running" {
			p.Line("the run is %s", state)
		}
		seen[""], changed = state, true
	}
	for _, act := range run.Actions {
		switch act.Status {
		case "passed", "failed", "skipped", "cached", "canceled":
			ended++
		case "running":
			running = append(running, act.Recipe)
		}
		waitsFor := ""
		if act.Status == "queued" {
			waitsFor = act.Joined
		}
		state := act.Status + " " + act.Phase + " " + waitsFor
		if seen[act.Recipe] == state {
			continue
		}
		before := seen[act.Recipe]
		seen[act.Recipe], changed = state, true
		switch act.Status {
		case "queued":
			if waitsFor != "" {
				p.Line("%s: waits for the build of the same key by run %s", act.Recipe, waitsFor)
			}
		case "running":
			p.Line("%s: %s", act.Recipe, act.Phase)
		case "passed":
			p.Line("%s: passed in %.1f s, %s, %s", act.Recipe, act.Seconds, term.Bytes(act.Size), verdict(act))
		case "failed", "skipped", "canceled":
			p.Line("%s: %s: %s", act.Recipe, act.Status, act.Cause)
		case "cached":
			if before != "" {
				p.Line("%s: cached", act.Recipe)
			}
		}
	}
	if len(run.Actions) > 0 {
		p.Update("recipes", int64(ended), int64(len(run.Actions)), false, cmp.Or(strings.Join(running, ", "), note))
	}
	return changed
}

// verdict is what tests and audit said of a wheel.
func verdict(act api.Action) string {
	words := testsInWords(act)
	switch act.Reproduced {
	case "same":
		words += ", reproduced"
	case "different":
		words += fmt.Sprintf(", not reproducible (wasmill diff %s)", act.Recipe)
	}
	switch {
	case act.Warnings == 1:
		words += fmt.Sprintf(", a warning of the audit (wasmill tests %s)", act.Recipe)
	case act.Warnings > 1:
		words += fmt.Sprintf(", %d warnings of the audit (wasmill tests %s)", act.Warnings, act.Recipe)
	}
	if n := len(act.Outgrew); n > 0 {
		words += fmt.Sprintf(", in the class %s: it ran out of memory in %s", act.Class, strings.Join(act.Outgrew, " and "))
	}
	if act.Joined != "" {
		words += ", built by run " + act.Joined
	}
	return words
}

func testsInWords(act api.Action) string {
	if act.Tests == nil {
		return "not tested"
	}
	t := act.Tests
	words := fmt.Sprintf("%d imports, %d tests", t.Imports, t.Passed)
	if t.Failed > 0 {
		words += fmt.Sprintf(", %d failed", t.Failed)
	}
	if t.Expected > 0 {
		words += fmt.Sprintf(", %d failed as expected", t.Expected)
	}
	if t.Skipped > 0 {
		words += fmt.Sprintf(", %d skipped", t.Skipped)
	}
	if t.NativeOnly > 0 {
		words += fmt.Sprintf(", %d pass natively only", t.NativeOnly)
	}
	if len(t.Runtimes) > 1 {
		words += ", in " + strings.Join(t.Runtimes, " and ")
	}
	if t.Notes > 0 {
		words += fmt.Sprintf(", %d to look at (wasmill tests %s)", t.Notes, act.Recipe)
	}
	return words
}

// runTable is what stands at the end of a run.
func runTable(w io.Writer, run api.Run) error {
	rows := [][]string{{"recipe", "version", "outcome", "seconds>", "size>", "tests"}}
	counts := map[string]int{}
	for _, act := range run.Actions {
		counts[act.Status]++
		seconds, size, note := "", "", ""
		switch act.Status {
		case "passed", "cached":
			size, note = term.Bytes(act.Size), verdict(act)
		case "failed", "skipped", "canceled":
			note = act.Cause
		case "queued":
			if act.Joined != "" {
				note = "waits for the build of the same key by run " + act.Joined
			}
		}
		if act.Seconds > 0 && act.Status != "cached" {
			seconds = fmt.Sprintf("%.1f", act.Seconds)
		}
		rows = append(rows, []string{act.Recipe, act.Version, act.Status, seconds, size, note})
	}
	if err := term.Table(w, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", summary(run, counts))
	return err
}

func summary(run api.Run, counts map[string]int) string {
	if counts["cached"] == len(run.Actions) {
		return fmt.Sprintf("nothing to build: all %d are cached", len(run.Actions))
	}
	var parts []string
	for _, status := range []string{"passed", "cached", "failed", "skipped", "canceled"} {
		if n := counts[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, status))
		}
	}
	text := fmt.Sprintf("run %s %s", run.ID, stateInWords(run))
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	if run.Error != "" {
		text += " (" + run.Error + ")"
	}
	return text
}

// outcome turns a run's end into the command's. A recipe that failed counts most: there is something to do about it.
// Where only the machinery failed, that is no news of any recipe.
func outcome(run api.Run) error {
	switch run.State {
	case "passed":
		return nil
	case "canceled":
		return fault.Errorf(fault.Canceled, "run %s was canceled", run.ID)
	}
	var broken error
	note := func(kind fault.Kind, cause string) {
		if broken == nil || fault.KindOf(broken).Retryable() && !kind.Retryable() {
			broken = fault.Errorf(kind, "the farm failed, not the recipes: %s", cause)
		}
	}
	if run.Error != "" {
		note(fault.Parse(run.Fault), run.Error)
	}
	for _, act := range run.Actions {
		switch {
		case act.Status != "failed":
		case act.Fault == "":
			return command.ErrFailed
		default:
			note(fault.Parse(act.Fault), act.Recipe+": "+act.Cause)
		}
	}
	if broken == nil {
		return command.ErrFailed
	}
	return broken
}
