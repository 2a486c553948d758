package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/explain"
	"github.com/wasmill/wasmill/internal/term"
)

// topPage is a snapshot as lines for people.
func topPage(t api.Top) []string {
	running, slots, taking := 0, 0, 0
	for _, w := range t.Workers {
		running += len(w.Builds)
		if w.State == api.Active {
			taking++
			slots += w.Slots
		}
	}
	queued := 0
	for _, q := range t.Queues {
		queued += q.Queued
	}
	lines := []string{fmt.Sprintf("wasmill top, %s: %d runs, %d builds, %d waiting for a slot, %d of %d workers take builds (%d slots)",
		t.At.UTC().Format("2006-01-02 15:04:05 UTC"), len(t.Runs), running, queued, taking, len(t.Workers), slots)}
	section := func(rows [][]string) {
		var b bytes.Buffer
		_ = term.Table(&b, rows) // a buffer takes all
		lines = append(lines, "")
		lines = append(lines, strings.Split(strings.TrimRight(b.String(), "\n"), "\n")...)
	}

	rows := [][]string{{"worker", "state", "slots>", "recipe", "phase", "for>", "usual>", "try>", "run"}}
	for _, w := range t.Workers {
		state := string(w.State)
		if w.State == api.Gone {
			state += " for " + explain.Span(t.At.Sub(w.LastSeen).Seconds())
		}
		name, slots := w.Name, fmt.Sprint(w.Slots)
		for _, b := range w.Builds {
			usual := "-"
			if b.Usual > 0 {
				usual = explain.Span(b.Usual)
			}
			rows = append(rows, []string{name, state, slots, b.Recipe, b.Phase, explain.Span(t.At.Sub(b.Started).Seconds()), usual, fmt.Sprint(b.Number), b.Run})
			name, state, slots = "", "", ""
		}
		if len(w.Builds) == 0 {
			rows = append(rows, []string{name, state, slots, cmp.Or(w.Reason, "-")})
		}
	}
	section(rows)

	rows = [][]string{{"lane", "class", "running>", "waiting>"}}
	for _, q := range t.Queues {
		rows = append(rows, []string{q.Lane, q.Class, fmt.Sprint(q.Running), fmt.Sprint(q.Queued)})
	}
	section(rows)

	rows = [][]string{{"run", "lane", "since>", "progress", "running>", "waiting>", "passed>", "cached>", "failed>", "skipped>", "state"}}
	for _, r := range t.Runs {
		n := r.Counts
		done := r.Total - n["running"] - n["queued"] - n["planned"]
		rows = append(rows, []string{
			r.ID, r.Lane, explain.Span(t.At.Sub(r.Created).Seconds()), bar(done, r.Total), fmt.Sprint(n["running"]), fmt.Sprint(n["queued"] + n["planned"]),
			fmt.Sprint(n["passed"]), fmt.Sprint(n["cached"]), fmt.Sprint(n["failed"]), fmt.Sprint(n["skipped"]), stateInWords(r.Run),
		})
	}
	section(rows)
	return lines
}

// bar is how much of something is done.
func bar(done, total int) string {
	const width = 20
	if total == 0 {
		return "is being planned"
	}
	full := done * width / total
	return strings.Repeat("#", full) + strings.Repeat(".", width-full) + fmt.Sprintf(" %d/%d", done, total)
}

// screen is the part of a page that fits a terminal: its first line stays, the rest is moved by scroll lines. The last line says
// what the keys do. The scroll is returned as far as it goes.
func screen(page []string, width, height, scroll int, note string) ([]string, int) {
	body := max(height-2, 1)
	rest := page[1:]
	scroll = max(0, min(scroll, len(rest)-body))
	lines := append([]string{page[0]}, rest[scroll:min(len(rest), scroll+body)]...)
	for len(lines) < height-1 {
		lines = append(lines, "")
	}
	foot := "q ends · arrows and page keys move"
	if len(rest) > body {
		foot += fmt.Sprintf(" · lines %d to %d of %d", scroll+1, min(len(rest), scroll+body), len(rest))
	}
	if note != "" {
		foot = note + " · " + foot
	}
	lines = append(lines, foot)
	for i := range lines {
		lines[i] = cut(lines[i], width)
	}
	return lines[:min(len(lines), max(height, 1))], scroll
}

// cut is as much of a line as there is room for.
func cut(line string, width int) string {
	if width <= 0 || utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:width-1]) + "…"
}

// stale is what a screen says of a farm that does not answer.
func stale(since time.Time, now time.Time, err error) string {
	return fmt.Sprintf("no answer for %s: %v", explain.Span(now.Sub(since).Seconds()), err)
}
