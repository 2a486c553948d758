package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/explain"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/term"
)

// column is one of a table that may have to do without some of them.
type column struct {
	heading string
	spare   int // in a narrow terminal the columns with the highest go first; those with 0 stay
}

var (
	workerColumns = []column{{"worker", 0}, {"state", 0}, {"slots>", 4}, {"recipe", 0}, {"phase", 0}, {"for>", 1}, {"usual>", 3}, {"try>", 5}, {"run", 6}}
	runColumns    = []column{
		{"run", 0}, {"lane", 6}, {"since>", 5}, {"progress", 3}, {"done>", 0}, {"running>", 1}, {"waiting>", 2}, {"passed>", 7}, {"cached>", 8}, {"failed>", 0},
		{"skipped>", 9}, {"state", 0},
	}
	queueColumns = []column{{"lane", 0}, {"class", 0}, {"running>", 0}, {"waiting>", 0}}
)

// topPage is a snapshot as lines for people, in a terminal of some width; 0 is none.
func topPage(t api.Top, width int) []string {
	lines := topHead(t, width)
	section := func(columns []column, rows [][]string) {
		if len(rows) > 0 {
			lines = append(append(lines, ""), fitted(columns, rows, width)...)
		}
	}

	var rows [][]string
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
	section(workerColumns, rows)

	rows = nil
	for _, q := range t.Queues {
		rows = append(rows, []string{q.Lane, q.Class, fmt.Sprint(q.Running), fmt.Sprint(q.Queued)})
	}
	section(queueColumns, rows)

	on := map[string]int{}
	for _, w := range t.Workers {
		for _, b := range w.Builds {
			on[b.Run]++
		}
	}
	rows = nil
	for _, r := range t.Runs {
		n := r.Counts
		waiting := n["queued"] + n["planned"] + max(0, n["running"]-on[r.ID])
		done := r.Total - n["running"] - n["queued"] - n["planned"]
		if r.Total == 0 {
			rows = append(rows, []string{r.ID, r.Lane, explain.Span(t.At.Sub(r.Created).Seconds()), "is being planned"})
			continue
		}
		state := stateInWords(r.Run)
		if len(r.Joined) > 0 {
			state += ", waits for builds of " + selected(r.Joined)
		}
		rows = append(rows, []string{
			r.ID, r.Lane, explain.Span(t.At.Sub(r.Created).Seconds()), bar(done, r.Total), fmt.Sprintf("%d/%d", done, r.Total), fmt.Sprint(on[r.ID]), fmt.Sprint(waiting),
			fmt.Sprint(n["passed"]), fmt.Sprint(n["cached"]), fmt.Sprint(n["failed"]), fmt.Sprint(n["skipped"]), state,
		})
	}
	section(runColumns, rows)
	return lines
}

// topHead is what stands above the tables: all in numbers, and what keeps builds from going on.
func topHead(t api.Top, width int) []string {
	running, taking, slots, busy, queued := 0, 0, api.SlotsOf(t.Workers), map[string]int{}, map[string]int{}
	for _, w := range t.Workers {
		running += len(w.Builds)
		if w.State != api.Active {
			continue
		}
		taking++
		for _, b := range w.Builds {
			busy[cmp.Or(b.Class, "small")]++
		}
	}
	waiting := 0
	for _, q := range t.Queues {
		waiting += q.Queued
		queued[q.Class] += q.Queued
	}
	at := t.At.UTC().Format("2006-01-02 15:04:05 UTC")
	if width > 0 && width < 80 {
		at = t.At.UTC().Format(time.TimeOnly)
	}
	lines := []string{fmt.Sprintf("wasmill top, %s: %s, %s, %d waiting for a slot", at, term.Count(len(t.Runs), "run"), term.Count(running, "build"), waiting)}
	var byClass []string
	for _, class := range recipe.Classes {
		if slots[string(class)] > 0 {
			byClass = append(byClass, fmt.Sprintf("%s %d/%d", class, busy[string(class)], slots[string(class)]))
		}
	}
	crew := fmt.Sprintf("%d of %d workers take builds", taking, len(t.Workers))
	if len(byClass) > 0 {
		crew += "; slots taken: " + strings.Join(byClass, ", ")
	}
	lines = append(lines, crew)
	for _, class := range recipe.Classes {
		if queued[string(class)] == 0 {
			continue
		}
		if why := explain.Nobody(t.Workers, string(class), t.At); why != "" {
			lines = append(lines, wrapped(fmt.Sprintf("! %s of the class %s can't go on: %s", term.Count(queued[string(class)], "build"), class, why), width)...)
		}
	}
	if len(t.Workers) == 0 && waiting == 0 {
		lines = append(lines, wrapped(explain.Nobody(nil, "", t.At), width)...)
	}
	return lines
}

// wrapped is a text on as many lines as it needs, all but the first indented.
func wrapped(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if width > 0 && line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines, line = append(lines, line), " "
		}
		line += strings.Repeat(" ", min(1, len(line))) + word
	}
	return append(lines, line)
}

// fitted is a table with as many of its columns as there is room for.
func fitted(columns []column, rows [][]string, width int) []string {
	for {
		heading := make([]string, len(columns))
		for i, c := range columns {
			heading[i] = c.heading
		}
		var b bytes.Buffer
		_ = term.Table(&b, append([][]string{heading}, rows...)) // a buffer takes all
		lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
		least := 0
		for i, c := range columns {
			if c.spare > columns[least].spare {
				least = i
			}
		}
		if width <= 0 || columns[least].spare == 0 || wide(heading, rows) <= width {
			return lines
		}
		columns = slices.Delete(slices.Clone(columns), least, least+1)
		shorter := make([][]string, len(rows))
		for i, row := range rows {
			if shorter[i] = row; least < len(row)-1 || len(row) > len(columns) {
				shorter[i] = slices.Delete(slices.Clone(row), least, least+1)
			}
		}
		rows = shorter
	}
}

// words is how much of a text at the end of a line should be seen; the rest may be cut.
const words = 12

// wide is how much room a table should have.
func wide(heading []string, rows [][]string) int {
	short := [][]string{heading}
	for _, row := range rows {
		row = slices.Clone(row)
		row[len(row)-1] = cut(row[len(row)-1], words)
		short = append(short, row)
	}
	var b bytes.Buffer
	_ = term.Table(&b, short) // as above
	most := 0
	for line := range strings.Lines(b.String()) {
		most = max(most, utf8.RuneCountInString(strings.TrimRight(line, "\n")))
	}
	return most
}

// bar is how much of something is done.
func bar(done, total int) string {
	const width = 20
	full := done * width / max(total, 1)
	return strings.Repeat("#", full) + strings.Repeat(".", width-full)
}

// screen is the part of a page that fits a terminal: its first line stays, the rest is moved by scroll lines. The last line says
// what the keys do, and the one before it the note, where there is one. The scroll is returned as far as it goes.
func screen(page []string, width, height, scroll int, note string) ([]string, int) {
	var foot []string
	if note != "" {
		foot = append(foot, note)
	}
	body := max(height-2-len(foot), 1)
	rest := page[1:]
	scroll = max(0, min(scroll, len(rest)-body))
	lines := append([]string{page[0]}, rest[scroll:min(len(rest), scroll+body)]...)
	for len(lines) < height-1-len(foot) {
		lines = append(lines, "")
	}
	keys := "q ends"
	if len(rest) > body {
		keys += fmt.Sprintf(" · lines %d to %d of %d · arrows and page keys move", scroll+1, min(len(rest), scroll+body), len(rest))
	}
	lines = append(append(lines, foot...), keys)
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
