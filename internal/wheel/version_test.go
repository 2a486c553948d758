package wheel

import (
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
)

func version(t *testing.T, s string) Version {
	t.Helper()
	v, err := ParseVersion(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVersionsInOrder(t *testing.T) {
	// The example of PEP 440, and the corners around it.
	order := strings.Fields(`1.dev0 1.0.dev456 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2 1.0b2.post345.dev456
		1.0b2.post345 1.0rc1.dev456 1.0rc1 1.0 1.0+abc.5 1.0+abc.7 1.0+5 1.0+5.1 1.0.post456.dev34 1.0.post456 1.0.15
		1.1.dev1 1.10 20250101000000000000000 1!0.1`)
	for i, a := range order {
		for j, b := range order {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := version(t, a).Compare(version(t, b)); got != want {
				t.Errorf("%s against %s: got %d, want %d", a, b, got, want)
			}
		}
	}
	if version(t, "1.0").Compare(version(t, "1.0.0")) != 0 {
		t.Error("1.0 and 1.0.0 are the same version")
	}
}

func TestVersionIsNormalised(t *testing.T) {
	for in, want := range map[string]string{
		"v1.0": "1.0", "1.0-ALPHA_01": "1.0a1", "1.0c4": "1.0rc4", "1.0preview": "1.0rc0", "1.0-1": "1.0.post1",
		"1.0rev": "1.0.post0", "01.02.dev": "1.2.dev0", "0!3": "3", "2!3": "2!3", "1+Ubuntu-01_x": "1+ubuntu.1.x", " 1.0\n": "1.0",
	} {
		if got := version(t, in).String(); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	for _, in := range []string{"", "latest", "1.0.", "1.0+", "1.0~rc1", "1.0 2.0", "1..0"} {
		if v, err := ParseVersion(in); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q passes as %s", in, v)
		}
	}
}

func TestSpecifier(t *testing.T) {
	for spec, cases := range map[string]struct{ yes, no string }{
		"":                  {"1 0.dev1", ""},
		">=1.2,!=1.4.*,<2":  {"1.2 1.3.post1 1.5", "1.1 1.4 1.4.2 1.4rc1 2 2.0rc1 1.2rc1"},
		"==1.0":             {"1 1.0.0 1.0+local", "1.0.post1 1.0rc1"},
		"==1.0+local":       {"1.0+local", "1.0"},
		"==1.0.*":           {"1.0 1.0.9 1.0rc1 1.0.post2", "1.1 1!1.0"},
		"~=1.4.2":           {"1.4.2 1.4.9 1.4.2.post1", "1.4.1 1.5"},
		"~=2.2":             {"2.2 2.9", "3.0 2.1"},
		"~=2.2.post3":       {"2.2.post3 2.3", "2.2 3"},
		"<1.0":              {"0.9 0.9rc1", "1.0rc1 1.0.dev1 1.0"},
		"<1.0rc2":           {"1.0rc1 1.0b1", "1.0rc2"},
		"<1.0.post1":        {"1.0 1.0rc1", "1.0.post1.dev1"},
		">1.0":              {"1.0.1 1.1.dev1", "1.0.post1 1.0+local 1.0"},
		">1.0.post1":        {"1.0.post2", "1.0.post1"},
		">1.0rc1":           {"1.0 1.0.post1", "1.0rc1.post1"},
		"<=1.0":             {"1.0 1.0+local 1.0rc1", "1.0.post1"},
		"===1.0":            {"1.0", "1.0.0"},
		">= 3.8 , <4":       {"3.15", "3.7"},
		">=1.0 , == 1.0.0,": {"1", "2"},
	} {
		s, err := ParseSpecifier(spec)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, v := range strings.Fields(cases.yes) {
			if !s.Admits(version(t, v)) {
				t.Errorf("%q should admit %s", spec, v)
			}
		}
		for _, v := range strings.Fields(cases.no) {
			if s.Admits(version(t, v)) {
				t.Errorf("%q should not admit %s", spec, v)
			}
		}
	}
	for _, spec := range []string{"1.0", ">=", ">=1.0.*", "~=1", "=1.0", "==x", ">=1 <2"} {
		if _, err := ParseSpecifier(spec); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q passes", spec)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	f.Add("1!2.0rc1.post2.dev3+ubuntu.1")
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseVersion(s)
		if err != nil {
			return
		}
		again, err := ParseVersion(v.String())
		if err != nil || again.String() != v.String() || again.Compare(v) != 0 {
			t.Errorf("%q normalises to %q, which reads as %q (%v)", s, v, again, err)
		}
	})
}
