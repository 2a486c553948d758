package term

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Table writes rows in columns that line up; the first row is the heading. A column whose heading ends in ">" is
// aligned to the right (the mark is not shown). The last cell of a row that is shorter than the heading has the rest of the line, and
// makes no column wider.
func Table(w io.Writer, rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	right := make([]bool, len(rows[0]))
	heading := make([]string, len(rows[0]))
	for i, h := range rows[0] {
		heading[i], right[i] = strings.CutSuffix(h, ">")
	}
	rows = append([][]string{heading}, rows[1:]...)
	width := make([]int, len(heading))
	for _, row := range rows {
		for i, cell := range row {
			if i < len(heading)-1 && i == len(row)-1 {
				break
			}
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			pad := strings.Repeat(" ", max(0, width[i]-utf8.RuneCountInString(cell)))
			if right[i] {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Count is a number of things of which one has this name.
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
