package static_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/static"
)

// linked is a program with functions of some types in its table from entry 1 on, and data.
func linked(data string) []byte {
	section := func(id byte, body string) string { return string([]byte{id, byte(len(body))}) + body }
	const i32, i64 = "\x7f", "\x7e"
	types := "\x05" + "\x60\x00\x01" + i32 + "\x60\x01" + i32 + "\x01" + i32 + "\x60\x02" + i32 + i32 + "\x01" + i32 + "\x60\x01" + i64 + "\x01" + i32 + "\x60\x00\x00"
	imports := "\x03" + "\x01m\x01f\x00\x02" + "\x01m\x01t\x01\x70\x00\x09" + "\x01m\x01g\x03\x7f\x00"
	functions := "\x04\x00\x01\x03\x04"                             // after the imported one of type 2
	elements := "\x01\x00\x41\x01\x0b\x05" + "\x00\x01\x02\x03\x04" // all five
	return []byte("\x00asm\x01\x00\x00\x00" + section(1, types) + section(2, imports) + section(3, functions) + section(9, elements) + section(11, data))
}

func marked(table string) string {
	mark := func(text string) string { return text + strings.Repeat("\x00", 32-len(text)) }
	return mark("_PyWASI_Parameters: begin") + table + mark("_PyWASI_Parameters: end")
}

func TestAProgramLearnsHowManyParametersItsFunctionsTake(t *testing.T) {
	program := linked(marked("\x00\x00\x00\x00"))
	if err := static.Fit(program); err != nil {
		t.Fatal(err)
	}
	// Entry 0 is empty; 1 takes two, 2 none, 3 one; 4 takes an i64 and 5 returns nothing: of those nothing is known.
	if want := linked(marked("\x30\x21\x00\x00")); !bytes.Equal(program, want) {
		t.Errorf("%q, want %q", program, want)
	}
	again := bytes.Clone(program)
	if err := static.Fit(again); err != nil || !bytes.Equal(again, program) {
		t.Errorf("fitted twice it is another program, %v", err)
	}
	plain := linked("data")
	if err := static.Fit(plain); err != nil || cmp.Diff(linked("data"), plain) != "" {
		t.Errorf("a program without the table is changed, %v", err)
	}
	small := linked(marked("\x00"))
	if err := static.Fit(small); err != nil || !bytes.Equal(small, linked(marked("\x30"))) {
		t.Errorf("functions beyond the table: %v", err)
	}
}

func TestWhatCannotBeFitted(t *testing.T) {
	whole := linked(marked("\x00"))
	for story, program := range map[string][]byte{
		"no program":          []byte(marked("\x00")),
		"no end of the table": linked("_PyWASI_Parameters: begin\x00\x00\x00\x00\x00\x00\x00"),
		"cut off":             append(bytes.Clone(whole[:20]), marked("")...),
	} {
		if err := static.Fit(program); err == nil || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", story, err)
		}
	}
}
