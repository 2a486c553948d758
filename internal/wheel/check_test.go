package wheel_test

import (
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/wheel/wheeltest"
)

const (
	platform = "pyemscripten_2026_5_wasm32"
	ext      = "a/_c.cpython-315-wasm32-emscripten.so"
)

func TestCheckExtensions(t *testing.T) {
	extension := map[string]string{ext: ""}
	tag := "cp315-cp315-" + platform
	want := wheel.Expectation{PlatformTag: platform, Extensions: []string{"a._c"}}
	pure := wheel.Expectation{Pure: true, PlatformTag: platform}
	for name, c := range map[string]struct {
		spec wheeltest.Spec
		want wheel.Expectation
		says string // empty: nothing to say
	}{
		"as announced": {wheeltest.Spec{Tag: tag, Files: extension}, want, ""},
		"any will do":  {wheeltest.Spec{Tag: tag, Files: extension}, wheel.Expectation{PlatformTag: platform}, ""},
		"a package's __init__": {wheeltest.Spec{Tag: tag, Files: map[string]string{"a/b/__init__.cpython-315-wasm32-emscripten.so": ""}},
			wheel.Expectation{PlatformTag: platform, Extensions: []string{"a.b.__init__"}}, ""},
		"pure instead":         {wheeltest.Spec{Files: map[string]string{"a.py": ""}}, want, "did not compile"},
		"tagged for the host":  {wheeltest.Spec{Tag: "cp315-cp315-linux_x86_64", Files: extension}, want, "tagged linux_x86_64"},
		"half":                 {wheeltest.Spec{Tag: tag, Files: map[string]string{"a/_other.cpython-315-wasm32-emscripten.so": ""}}, want, "lacks the extension module a._c"},
		"tagged and empty":     {wheeltest.Spec{Tag: tag}, wheel.Expectation{PlatformTag: platform}, "holds no extension"},
		"pure as announced":    {wheeltest.Spec{}, pure, ""},
		"pure but tagged":      {wheeltest.Spec{Tag: tag, Files: extension}, pure, "says wasmill.pure, but the wheel is tagged"},
		"pure with a stowaway": {wheeltest.Spec{Files: extension}, pure, "holds " + ext},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Name, c.spec.Version = "a", "1"
			f := wheel.CheckExtensions(open(t, wheeltest.Write(t, t.TempDir(), c.spec)), c.want)
			if (f == nil) != (c.says == "") || f != nil && !strings.Contains(f.Message, c.says) {
				t.Errorf("got %+v, want %q", f, c.says)
			}
		})
	}
}
