package wasmcc_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/wasmcc"
)

// sym is a symbol of an object made by a test.
type sym struct {
	name  string
	kind  byte // 0 function, 1 data
	flags uint64
}

// object makes a wasm object with nothing in it but a symbol table.
func object(symbols ...sym) string {
	table := binary.AppendUvarint(nil, uint64(len(symbols)))
	for _, s := range symbols {
		table = append(table, s.kind)
		table = binary.AppendUvarint(table, s.flags)
		undefined := s.flags&0x10 != 0
		if s.kind == 0 {
			table = append(table, 7)
		}
		if s.kind == 1 || !undefined {
			table = append(binary.AppendUvarint(table, uint64(len(s.name))), s.name...)
		}
		if s.kind == 1 && !undefined {
			table = append(table, 0, 0, 4)
		}
	}
	body := append([]byte("\x07linking\x02"), 8)
	body = append(binary.AppendUvarint(body, uint64(len(table))), table...)
	out := append([]byte("\x00asm\x01\x00\x00\x00"), 1, 1, 0) // an empty type section first
	out = append(out, 0)
	return string(append(binary.AppendUvarint(out, uint64(len(body))), body...))
}

// archive makes an ar archive; member names carry their own "/".
func archive(members map[string]string) string {
	out := "!<arch>\n"
	names := make([]string, 0, len(members))
	for n := range members {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		data := members[n]
		out += fmt.Sprintf("%-16s%-12s%-6s%-6s%-8s%-10d`\n", n, "0", "0", "0", "644", len(data)) + data
		if len(data)%2 == 1 {
			out += "\n"
		}
	}
	return out
}

func TestSymbols(t *testing.T) {
	long := "a-name-longer-than-sixteen.o/\n"
	thin := "!<thin>\n" + fmt.Sprintf("%-48s%-10d`\n", "//", len(long)) + long +
		fmt.Sprintf("%-48s%-10d`\n", "/0", 999) + fmt.Sprintf("%-48s%-10d`\n", "near.o/", 999)
	files := map[string]string{
		"/lib/a-name-longer-than-sixteen.o": object(sym{name: "far"}),
		"/lib/near.o":                       object(sym{name: "near"}),
	}
	read := func(name string) ([]byte, error) { return []byte(files[name]), nil }
	for story, c := range map[string]struct {
		data string
		want []string
	}{
		"defined and visible only": {object(sym{name: "f"}, sym{name: "w", flags: 1}, sym{name: "l", flags: 2}, sym{name: "h", flags: 4}, sym{name: "u", flags: 0x10}, sym{name: "d", kind: 1}, sym{name: "ud", kind: 1, flags: 0x10}), []string{"f", "w", "d"}},
		"every object of an archive": {archive(map[string]string{"a.o/": object(sym{name: "a"}), "b.o/": object(sym{name: "bb"}), "readme/": "text"}),
			[]string{"a", "bb"}},
		"a thin archive names files":        {thin, []string{"far", "near"}},
		"not an object":                     {"hello", nil},
		"an object without a symbol table":  {"\x00asm\x01\x00\x00\x00", nil},
		"an archive that holds nothing yet": {"!<arch>\n", nil},
	} {
		got, err := wasmcc.Symbols("/lib/x.a", []byte(c.data), read)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", story, err, diff)
		}
	}
}

// FuzzSymbols: whatever a package's build leaves, reading it ends without a panic.
func FuzzSymbols(f *testing.F) {
	o := object(sym{name: "f"}, sym{name: "d", kind: 1})
	f.Add(o)
	f.Add(archive(map[string]string{"a.o/": o}))
	f.Add(o[:len(o)-3])
	f.Fuzz(func(t *testing.T, data string) {
		_, _ = wasmcc.Symbols("x.a", []byte(data), func(string) ([]byte, error) { return []byte(o), nil })
	})
}
