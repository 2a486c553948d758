package wheel

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel/wasm"
)

// vendor copies the shared libraries that the wheel's modules need from the folder libs into NAME.libs/, with all that
// these need in turn, and sets the RUNTIME_PATH of each so that Emscripten's loader finds them there: what auditwheel does
// for Linux. What is neither in the wheel nor in libs stays missing; the audit tells.
func (s *source) vendor(libs string) error {
	v := vendoring{source: s, libs: libs, dir: s.filename.Name + ".libs", copied: map[string]bool{}}
	for i := range s.entries {
		if !libraryName.MatchString(s.entries[i].name) {
			continue
		}
		if err := v.module(i); err != nil {
			return err
		}
	}
	for len(v.queue) > 0 {
		name := v.queue[0]
		v.queue = v.queue[1:]
		if err := v.library(name); err != nil {
			return err
		}
	}
	return nil
}

type vendoring struct {
	*source
	libs   string
	dir    string // in the wheel
	copied map[string]bool
	queue  []string
}

// module sets the path of one of the wheel's own modules, if it needs anything.
func (v *vendoring) module(i int) error {
	e := v.entries[i]
	data, err := e.bytes()
	if err != nil {
		return err
	}
	dylink := needs(data)
	if dylink == nil || !v.take(dylink.Needed) {
		return nil
	}
	from := path.Dir(installedName(v.distInfo, e.name))
	to, err := filepath.Rel(filepath.FromSlash(from), v.dir)
	if err != nil {
		return err
	}
	// What pointed into the build's own folders means nothing on another machine.
	kept := slices.DeleteFunc(slices.Clone(dylink.RuntimePath), func(p string) bool { return !strings.HasPrefix(p, "$ORIGIN") })
	if data, err = wasm.WithRuntimePath(data, append(kept, "$ORIGIN/"+filepath.ToSlash(to))); err != nil {
		return fault.Errorf(fault.Invalid, "setting the runtime path of %s: %w", e.name, err)
	}
	v.entries[i] = textEntry(e.name, data)
	v.entries[i].executable = e.executable
	return nil
}

// library copies one library, whose neighbours are in the same folder.
func (v *vendoring) library(name string) error {
	data, err := os.ReadFile(filepath.Join(v.libs, name))
	if err != nil {
		return err
	}
	if dylink := needs(data); dylink != nil && v.take(dylink.Needed) {
		if data, err = wasm.WithRuntimePath(data, []string{"$ORIGIN"}); err != nil {
			return fault.Errorf(fault.Invalid, "setting the runtime path of %s: %w", name, err)
		}
	}
	v.entries = append(v.entries, textEntry(v.dir+"/"+name, data))
	return nil
}

// take queues those of the names that are in the folder of libraries and not in the wheel, and says whether any comes
// from there.
func (v *vendoring) take(names []string) bool {
	any := false
	for _, name := range names {
		if name != path.Base(name) || slices.ContainsFunc(v.entries, func(e entry) bool { return path.Base(e.name) == name }) && !v.copied[name] {
			continue
		}
		if _, err := os.Stat(filepath.Join(v.libs, name)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		any = true
		if !v.copied[name] {
			v.copied[name] = true
			v.queue = append(v.queue, name)
		}
	}
	return any
}

// needs reads dylink.0. What is no module of WebAssembly needs nothing that could be found.
func needs(data []byte) *wasm.Dylink {
	m, err := wasm.Parse(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	return m.Dylink
}

func (e entry) bytes() ([]byte, error) {
	r, err := e.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, damaged(e.name, err)
	}
	return b, nil
}
