package index_test

import (
	"testing"

	"github.com/wasmill/wasmill/internal/index"
	"github.com/wasmill/wasmill/internal/index/indextest"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

const platform = "cp315-cp315-pyemscripten_2026_5_wasm32"

// farm is a catalog with a bit of everything.
func farm(t testing.TB) *indextest.Catalog {
	m := &indextest.Catalog{}
	reason := `wrong "answer" <on> & off`
	m.Publish(t, wheeltest.Spec{Name: "toolz", Version: "1.1.0", Python: ">=3.9,<4", Files: map[string]string{"toolz/__init__.py": ""}}, nil)
	m.Publish(t, wheeltest.Spec{Name: "toolz", Version: "1.10.0", Files: map[string]string{"toolz/__init__.py": ""}}, nil)
	m.Publish(t, wheeltest.Spec{Name: "toolz", Version: "1.9.0", Files: map[string]string{"toolz/__init__.py": ""}},
		func(f *index.File) { f.Yanked = &reason })
	m.Publish(t, wheeltest.Spec{Name: "toolz", Version: "2.0rc1", Files: map[string]string{"toolz/__init__.py": ""}},
		func(f *index.File) { f.Metadata = "" })
	m.Publish(t, wheeltest.Spec{
		Name: "Cy.Toolz", Version: "1.1.0", Tag: platform,
		Requires: []string{"toolz>=0.8", "colorama; sys_platform == 'win32'", "elsewhere"},
		Files:    map[string]string{"cytoolz/__init__.py": "", "cytoolz/_c.cpython-315-wasm32-emscripten.so": "\x00asm"},
	}, func(f *index.File) {
		f.Requires = &record.Requires{Loaders: []string{"pyemscripten_2026_5_wasm32"}, Needs: []record.Need{
			{Name: "host.sockets", File: "cytoolz/_c.cpython-315-wasm32-emscripten.so", Why: "calls connect", Call: true},
			{Name: "wasm.extended-const", File: "cytoolz/_c.cpython-315-wasm32-emscripten.so", Why: "in global section"},
		}}
	})
	m.Publish(t, wheeltest.Spec{Name: "beta", Version: "0.1b1", Files: map[string]string{"beta.py": ""}},
		func(f *index.File) { f.Yanked = new(string) })
	m.Publish(t, wheeltest.Spec{Name: "beta", Version: "0.1a1", Files: map[string]string{"beta.py": ""}}, nil)
	return m
}
