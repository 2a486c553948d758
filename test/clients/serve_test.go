//go:build engine

package clients

import (
	"testing"

	"github.com/wasmill/wasmill/internal/index"
	"github.com/wasmill/wasmill/internal/index/indextest"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

// platform is the first tag of the runtime that the tests install into.
const platform = "cp315-cp315-pyemscripten_2026_5_wasm32"

// serve serves three wheels: a pure one, one that needs it, and one of the platform that needs it too. Nothing else
// in the world has their names.
func serve(t *testing.T) *server {
	c := &indextest.Catalog{}
	c.Publish(t, wheeltest.Spec{Name: "wasmill_test_dep", Version: "2.0", Files: map[string]string{"wasmill_test_dep.py": ""}}, nil)
	for name, tag := range map[string]string{"wasmill_test_app": "", "wasmill_test_native": platform} {
		c.Publish(t, wheeltest.Spec{
			Name: name, Version: "1.0", Tag: tag, Requires: []string{"wasmill-test-dep>=2"},
			Files: map[string]string{name + ".py": "import wasmill_test_dep\n"},
		}, nil)
	}
	// An older wheel that any platform can use: no client may prefer it.
	c.Publish(t, wheeltest.Spec{Name: "wasmill_test_native", Version: "0.1", Files: map[string]string{"wasmill_test_native.py": ""}}, nil)
	s := listen(t)
	s.handler = index.NewHandler(c, index.Options{
		Runtime: index.Runtime{ABI: "2026_5", Platform: "emscripten_6_0_5", Python: "3.15.0"},
	})
	return s
}
