//go:build engine

package e2e

import (
	"strings"
	"testing"
)

const someHash = "0000000000000000000000000000000000000000000000000000000000000000"

// Mistakes in what is asked for are told before anything runs: with their place, by every command alike, and no run
// comes of them.
func TestMistakes(t *testing.T) {
	f, w := sharedFarm(t)
	good := "source:\n  path: source\n"
	for _, c := range []struct {
		story string
		write func(*recipes)
		flags []string
		words []string
	}{
		{story: "an unknown key", write: func(s *recipes) {
			s.add(t, "one", good+"build:\n  cflag: -O2\n", nil)
		}, words: []string{"one/meta.yaml:7:3: ", "`cflag`", "did you mean `cflags`?"}},
		{story: "a source without its hash", write: func(s *recipes) {
			s.add(t, "one", "source:\n  url: https://example.org/one-1.0.tar.gz\n", nil)
		}, words: []string{"one/meta.yaml:5:3: ", "`source.url` is given without `source.sha256`"}},
		{story: "a dependency cycle", write: func(s *recipes) {
			for name, needs := range map[string]string{"one": "two", "two": "three", "three": "one"} {
				s.extension(t, name, "requirements:\n  run: ["+needs+"]\n")
			}
		}, words: []string{"dependency cycle: one → two → three → one", "three/meta.yaml:7:9: "}},
		{story: "a dependency that nobody has", write: func(s *recipes) {
			s.extension(t, "one", "requirements:\n  host: [zlip]\n")
		}, words: []string{"one/meta.yaml:7:10: ", "`one` needs `zlip`"}},
		{story: "an image that the toolchain does not pin", write: func(s *recipes) {
			s.extension(t, "one", "")
		}, flags: []string{"--toolchain", toolchainName + "@sha256:" + someHash}, words: []string{"unknown digest sha256:" + someHash}},
		{story: "a toolchain that nobody has", write: func(s *recipes) {
			s.extension(t, "one", "")
		}, flags: []string{"--toolchain", "pyemscripten_1999_1"}, words: []string{"pyemscripten_1999_1"}},
		{story: "a recipe that nobody has", write: func(s *recipes) {
			s.extension(t, "two", "")
		}, words: []string{"`one`"}},
	} {
		t.Run(c.story, func(t *testing.T) {
			s := newRecipes(t)
			c.write(s)
			before := runs(t, f)
			for _, command := range []string{"plan", "build", "submit"} {
				args := append([]string{command, "--recipes", s.dir}, c.flags...)
				f.wasmill(t, append(args, "one")...).expect(t, 2, c.words...)
			}
			if strings.Contains(c.words[0], "meta.yaml") || strings.Contains(c.words[0], "cycle") {
				f.wasmill(t, "recipe", "check", s.dir).expect(t, 2, c.words...)
			}
			if after := runs(t, f); after != before {
				t.Errorf("%d runs, before it were %d", after, before)
			}
		})
	}
	noContainers(t, w.dir)
}

func runs(t testing.TB, f *farm) int {
	t.Helper()
	all, err := f.Runs(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
