package recipe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/wasmill/wasmill/internal/fault"
)

// Position is a place in a file. Lines and columns count from 1; columns count characters, not bytes.
type Position struct {
	File         string
	Line, Column int
}

func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Error is one mistake in a recipe..
type Error struct {
	Position
	// Message says what is wrong, in one line.
	Message string
	// Hint says what was probably meant or what to do, in one line; it may be empty.
	Hint string
}

// Error is "file:line:column: message", then the hint in parentheses.
func (e *Error) Error() string {
	s := e.String() + ": " + e.Message
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Errors are all mistakes of one or more recipes, by file and place.
type Errors struct {
	List []*Error
}

// Error has one line for each mistake.
func (e *Errors) Error() string {
	lines := make([]string, len(e.List))
	for i, each := range e.List {
		lines[i] = each.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the single mistakes to errors.As.
func (e *Errors) Unwrap() []error {
	all := make([]error, len(e.List))
	for i, each := range e.List {
		all[i] = each
	}
	return all
}

// add notes a mistake.
func (e *Errors) add(at Position, hint, format string, args ...any) {
	e.List = append(e.List, &Error{Position: at, Message: printable(fmt.Sprintf(format, args...)), Hint: printable(hint)})
}

// printable makes one line of a text that quotes what somebody wrote, and keeps it from steering a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// err is nil if there are no mistakes, or else e, in order, as fault.Invalid.
func (e *Errors) err() error {
	if len(e.List) == 0 {
		return nil
	}
	slices.SortStableFunc(e.List, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &fault.Error{Kind: fault.Invalid, Err: e}
}
