package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/wasmill/wasmill/bench/graph"
	"github.com/wasmill/wasmill/bench/nightly"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/term"
)

// ofTheBound is how long a simulated nightly may take at most, as a multiple of what no order can do better than.
const ofTheBound = 1.15

// nights are simulated nightlies, as they are written as JSON.
type nights struct {
	Started time.Time        `json:"started"`
	Machine machine          `json:"machine"`
	Nights  []nightly.Result `json:"nights"`
}

// simulate carries out nightlies whose builds take no time; see package nightly.
func (b *bench) simulate(ctx context.Context) (err error) {
	all := nights{Started: b.begin, Machine: describeMachine()}
	g := graph.Synthetic(b.nightRecipes, 1)
	for _, text := range strings.Split(b.nights, ",") {
		workers, err := strconv.Atoi(text)
		if err != nil || workers < 1 {
			return fault.Errorf(fault.Invalid, "--nights %q: say how many workers, such as 64,16,4,1", b.nights)
		}
		b.say("a nightly of %d recipes on %s", len(g), term.Count(workers, "worker"))
		var told int
		night := nightly.Night{Graph: g, Workers: workers, Seed: 1, Levels: b.nightLevels, Progress: func(done int) {
			if done >= told+len(g)/10 {
				told = done
				b.say("%d recipes are done", done)
			}
		}}
		res, err := nightly.Simulate(ctx, night)
		if err != nil {
			return errors.Join(err, all.write(b.out)) // what was measured stays
		}
		all.Nights = append(all.Nights, res)
	}
	return errors.Join(all.write(b.out), all.print(os.Stdout))
}

func (n *nights) write(file string) error {
	text, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the result: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func (n *nights) print(w io.Writer) error {
	rows := [][]string{{"recipes>", "workers>", "order", "makespan>", "bound>", "critical path>", "x>", "", "stalls>", "real>", "builds/s>"}}
	for _, r := range n.Nights {
		order, ok := "critical path", r.Ratio <= ofTheBound
		if r.Levels {
			order = "levels"
		}
		rows = append(rows, []string{
			fmt.Sprint(r.Recipes), fmt.Sprint(r.Workers), order, fmt.Sprintf("%.0f", r.Makespan), fmt.Sprintf("%.0f", r.Bound), fmt.Sprintf("%.0f", r.Critical),
			fmt.Sprintf("%.3f", r.Ratio), verdict(&ok), fmt.Sprint(r.Stalls), fmt.Sprintf("%.0f", r.Real), fmt.Sprintf("%.1f", r.Rate),
		})
	}
	if err := term.Table(w, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, `
makespan  seconds of the simulation's own clock, which stands still while Temporal works  bound  max(critical path, work / workers)
x         makespan by bound, target at most %.2f                                          real   seconds that the simulation took
stalls    how often a worker stayed free though there was something to do
`, ofTheBound)
	return err
}
