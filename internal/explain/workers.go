package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/api"
)

// named is how many workers are named where none takes a build.
const named = 3

// Nobody says why no worker takes builds of a class, and what to do about it; empty where one does.
func Nobody(workers []api.Worker, class string, now time.Time) string {
	if slices.ContainsFunc(workers, func(w api.Worker) bool { return w.State == api.Active && slices.Contains(w.Classes, class) }) {
		return ""
	}
	if len(workers) == 0 {
		return "no worker has joined: `worker --orchestrator URL` starts one"
	}
	// What serves the class comes first: there is something to mend. Of those, what is there goes before what is gone.
	list := slices.Clone(workers)
	rank := func(w api.Worker) int {
		switch {
		case !slices.Contains(w.Classes, class):
			return 2
		case w.State == api.Gone:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(list, func(a, b api.Worker) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), b.LastSeen.Compare(a.LastSeen), cmp.Compare(a.Name, b.Name))
	})
	if rank(list[0]) == 2 {
		text := fmt.Sprintf("no worker serves the class %s", class)
		for i, w := range list[:min(named, len(list))] {
			text += []string{": ", ", "}[min(i, 1)] + absence(w, class, now)
		}
		return text + more(len(list)) + fmt.Sprintf("; `worker --orchestrator URL --class %s` starts one", class)
	}
	var reasons []string
	for _, w := range list[:min(named, len(list))] {
		reasons = append(reasons, absence(w, class, now))
	}
	return "no worker takes builds of the class " + class + ": " + strings.Join(reasons, "; ") + more(len(list))
}

func more(workers int) string {
	if workers <= named {
		return ""
	}
	return fmt.Sprintf(", and %d more (`wasmill workers`)", workers-named)
}

// absence says why one worker takes no builds of a class.
func absence(w api.Worker, class string, now time.Time) string {
	because := ""
	if w.Reason != "" {
		because = " (" + w.Reason + ")"
	}
	switch {
	case !slices.Contains(w.Classes, class):
		return w.Name + " takes " + strings.Join(w.Classes, " and ") + " only"
	case w.State == api.Gone:
		return silent(w, now) + ": start it again, or look at its log"
	case w.State == api.Out:
		return w.Name + " took itself out" + because + ": it comes back by itself when that is mended"
	}
	return fmt.Sprintf("%s is %s%s%s: `wasmill worker undrain %s`", w.Name, w.State, by(w.By), because, w.Name)
}

func silent(w api.Worker, now time.Time) string {
	return fmt.Sprintf("%s gave no sign for %s", w.Name, Span(now.Sub(w.LastSeen).Round(time.Second).Seconds()))
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return " by " + who
}

// lost says of what is running that its worker does not do it any more; empty where it does, or where nobody can tell.
func (f *Facts) lost(run, recipe, worker, class string) string {
	i := slices.IndexFunc(f.Workers, func(w api.Worker) bool { return w.Name == worker })
	if i < 0 || worker == "" {
		return ""
	}
	w := f.Workers[i]
	nobody := Nobody(f.Workers, class, f.Now)
	switch {
	case w.State == api.Gone && nobody != "":
		return nobody
	case w.State == api.Gone:
		return silent(w, f.Now) + ": another worker takes it up"
	case nobody != "" && handedBack(w, run, recipe):
		return "its next step waits for a worker: " + nobody
	}
	return ""
}

// handedBack says whether a worker that is there has ended a step of a build, of which nothing else is known yet.
func handedBack(w api.Worker, run, recipe string) bool {
	does := func(b api.WorkerBuild) bool { return b.Run == run && b.Recipe == recipe }
	return w.State != api.Gone && w.ClassSlots != nil && !slices.ContainsFunc(w.Builds, does)
}
