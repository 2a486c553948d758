package static_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/static"
)

// sym is a symbol of an object made by a test.
type sym struct {
	name  string
	kind  byte // 0 function, 1 data, 3 section
	flags uint64
}

const (
	weak      = 0x01
	local     = 0x02
	hidden    = 0x04
	undefined = 0x10
	named     = 0x40
)

func text(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }

func part(id byte, body []byte) []byte {
	return append(binary.AppendUvarint([]byte{id}, uint64(len(body))), body...)
}

// object makes an object that imports the undefined functions among its symbols, as a compiler does, and has a group.
func object(symbols ...sym) []byte {
	var imports, table []byte
	n := uint64(2)
	for _, s := range symbols {
		if s.kind == 0 && s.flags&undefined != 0 {
			imports = append(append(append(imports, text("env")...), text("import_"+s.name)...), 0, 0)
			n++
		}
	}
	// Imports that are no symbols' of theirs: the memory and the table, each with limits.
	imports = append(append(append(imports, text("env")...), text("memory")...), 2, 1, 0, 9)
	imports = append(append(append(imports, text("env")...), text("table")...), 1, 0x70, 0, 1)
	imported := uint64(0)
	for _, s := range symbols {
		table = binary.AppendUvarint(append(table, s.kind), s.flags)
		switch {
		case s.kind == 3:
			table = append(table, 7)
		case s.kind == 1:
			table = append(table, text(s.name)...)
			if s.flags&undefined == 0 {
				table = append(table, 0, 4, 8)
			}
		case s.flags&undefined != 0:
			table = binary.AppendUvarint(table, imported)
			imported++
			if s.flags&named != 0 {
				table = append(table, text(s.name)...)
			}
		default:
			table = append(append(table, 200, 1), text(s.name)...) // an index of two bytes
		}
	}
	linking := append(text("linking"), 2)
	linking = append(linking, part(8, append(binary.AppendUvarint(nil, uint64(len(symbols))), table...))...)
	linking = append(linking, part(7, []byte("group"))...)
	linking = append(linking, part(5, []byte("segments"))...)
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = append(out, part(2, append(binary.AppendUvarint(nil, n), imports...))...)
	out = append(out, part(0, linking)...)
	return append(out, part(0, append(text("reloc.CODE"), 1, 2, 3))...)
}

func TestWhatAnObjectDefinesAndWants(t *testing.T) {
	o, err := static.Read(object(
		sym{"PyInit_m", 0, 0}, sym{"helper", 0, hidden}, sym{"inline", 0, weak}, sym{"own", 0, local}, sym{"table", 1, 0}, sym{"", 3, local},
		sym{"fork", 0, undefined}, sym{"malloc", 0, undefined | named}, sym{"maybe", 0, undefined | weak}, sym{"stdout", 1, undefined}, sym{"__dso_handle", 1, undefined},
	))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"PyInit_m", "helper", "inline", "table"}, o.Defined()); diff != "" {
		t.Errorf("defined (-want +got):\n%s", diff)
	}
	// Without a name of its own, a symbol has that of the import.
	if diff := cmp.Diff([]string{"import_fork", "malloc", "stdout"}, o.Undefined()); diff != "" {
		t.Errorf("wanted (-want +got):\n%s", diff)
	}
}

// Two packages may both have a _speedups, and a function of any name.
func TestAnIsolatedObjectDefinesOneName(t *testing.T) {
	before := object(sym{"PyInit__speedups", 0, 0}, sym{"helper", 0, hidden}, sym{"inline", 0, weak}, sym{"", 3, local}, sym{"table", 1, 0}, sym{"malloc", 0, undefined})
	o, err := static.Read(before)
	if err != nil {
		t.Fatal(err)
	}
	after := o.Isolated(map[string]string{"PyInit__speedups": "PyInit_markupsafe._speedups"})
	o, err = static.Read(after)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"PyInit_markupsafe._speedups"}, o.Defined()); diff != "" {
		t.Errorf("defined (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"import_malloc"}, o.Undefined()); diff != "" {
		t.Errorf("wanted (-want +got):\n%s", diff)
	}
	for what, want := range map[string]bool{"group": false, "segments": true, "reloc.CODE\x01\x02\x03": true} {
		if got := strings.Contains(string(after), what); got != want {
			t.Errorf("%q in the object: %v", what, got)
		}
	}
}

func TestAnArchiveSaysWhatIsInIt(t *testing.T) {
	o := object(sym{"PyInit_a.b", 0, 0}, sym{"f", 0, undefined})
	archive, err := static.Archive("a.b.o", o)
	if err != nil {
		t.Fatal(err)
	}
	defined, err := static.ArchiveDefined(archive)
	if diff := cmp.Diff(map[string]bool{"PyInit_a.b": true}, defined); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	// The index leads to the header of the object's member.
	at := binary.BigEndian.Uint32(archive[8+60+4:])
	if got := string(archive[at : at+3]); got != "/0 " {
		t.Errorf("the index leads to %q", got)
	}
	if !strings.HasPrefix(string(archive[at+60:]), string(o)) {
		t.Error("the member is not the object")
	}
}

func TestWhatIsNoObjectIsRefused(t *testing.T) {
	whole := object(sym{"f", 0, 0}, sym{"g", 0, undefined})
	for story, data := range map[string][]byte{
		"something else": []byte("\x7fELF"), "a module without symbols": []byte("\x00asm\x01\x00\x00\x00"), "a part": whole[:len(whole)-20],
		"of another version": []byte(strings.Replace(string(whole), "linking\x02", "linking\x01", 1)),
	} {
		if _, err := static.Read(data); err == nil || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s gives %v", story, err)
		}
	}
	if _, err := static.ArchiveDefined([]byte("!<arch>\n" + strings.Repeat("9", 60))); fault.KindOf(err) != fault.Invalid || err == nil {
		t.Errorf("an archive that is cut off gives %v", err)
	}
}

func TestWhyNothingDefinesASymbol(t *testing.T) {
	got := static.Explain([]static.Missing{
		{"a._b", []string{"__cxa_throw", "fork", "waitpid"}}, {"c", []string{"fork", "frobnicate"}}, {"d", []string{"PyFrame_Old", "pthread_create", "dlopen", "_ZNSt3__26threadD1Ev"}},
	})
	want := []string{
		"a._b want __cxa_throw (C++ exceptions: the target's C++ library is built without them)",
		"a._b, c want fork, waitpid (processes: WASI has none)",
		"c want frobnicate (neither the target's system libraries nor Python nor the libraries that the recipe names define it)",
		"d want PyFrame_Old (the target's Python does not define it: it is built without this part, or is of another version)",
		"d want _ZNSt3__26threadD1Ev, pthread_create (threads: WASI preview 1 has none)",
		"d want dlopen (loading of libraries: on this target everything is linked before it runs)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzRead: whatever a build leaves, reading and isolating it ends without a panic.
func FuzzRead(f *testing.F) {
	whole := object(sym{"f", 0, 0}, sym{"d", 1, 0}, sym{"g", 0, undefined})
	f.Add(whole)
	f.Add(whole[:len(whole)-7])
	f.Fuzz(func(t *testing.T, data []byte) {
		if o, err := static.Read(data); err == nil {
			o.Isolated(map[string]string{"f": "g"})
		}
		_, _ = static.ArchiveDefined(append([]byte("!<arch>\n"), data...))
	})
}
