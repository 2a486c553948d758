package recipe

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// DefaultTestTimeout ends the commands of a wasmill.test that names no timeout.
const DefaultTestTimeout = 15 * time.Minute

// Runtimes in which packages can be tested. Recipes name those of wheels; what is linked is tested in Wazero, whatever they name.
const (
	Node     = "node"
	Chromium = "chromium"
	Wazero   = "wazero"
)

// TestSuite is wasmill.test: tests beside the imports and the test_*.py of the recipe.
type TestSuite struct {
	// Run are commands as `python -m` takes them; see Words for how they are split.
	Run []string
	// Suite are files and folders of the source that the commands see in their working folder, under the same paths:
	// the package's own tests.
	Suite []string
	// Requires are what the tests need and the package does not, those of the commands and the recipe's own: recipes of the
	// set by their names, all else pure wheels of the package index (PEP 508). Imports are tested without them.
	Requires []string
	// ExpectedFailures are tests that fail, with the reason: a test's name as pytest gives it, or that of its file,
	// folder, class or parametrized function.
	ExpectedFailures map[string]string
	// Environment is set for the commands.
	Environment map[string]string
	// Timeout is for all commands together; 0 means DefaultTestTimeout.
	Timeout time.Duration
	// Native: the commands run under the machine's own CPython too, and the difference is reported.
	Native bool
	// Runtimes are where the wheel is tested: Node where it is empty (TestSuite.In).
	Runtimes []string
}

// Words splits a command at blanks, as a shell would: '…' and "…" hold words together, \ takes the next character as it
// is. Nothing is substituted.
func Words(command string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote := false, rune(0)
	runes := []rune(command)
	for i := 0; i < len(runes); i++ {
		c := runes[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(runes):
			i++
			word.WriteRune(runes[i])
			inWord = true
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a %c is not closed", quote)
	}
	if inWord {
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("there is no command in it")
	}
	return words, nil
}

// Commands are the words of each command.
func (t *TestSuite) Commands() [][]string {
	var all [][]string
	for _, c := range t.Run {
		words, _ := Words(c) // Parse has tried it
		all = append(all, words)
	}
	return all
}

// RequiredRecipes are those of Requires that are recipes of a set, by the set's spelling, and the rest.
func (t *TestSuite) RequiredRecipes(set *Set) (recipes, others []string) {
	for _, name := range t.Requires {
		if r := set.Get(name); r != nil {
			recipes = append(recipes, r.Name)
		} else {
			others = append(others, name)
		}
	}
	return recipes, others
}

// testSuite reads wasmill.test.
func testSuite(d *decoder, path string, v *value) {
	if v.shape != isMapping {
		d.mismatch(v, path, isMapping)
		return
	}
	t := &d.recipe.Wasmill.Test
	setters := map[string]func(path string, v *value){
		"run":      func(p string, v *value) { t.Run = d.list(p, v) },
		"suite":    func(p string, v *value) { t.Suite = d.list(p, v) },
		"requires": func(p string, v *value) { t.Requires = d.list(p, v) },
		"expected-failures": func(p string, v *value) {
			t.ExpectedFailures = d.texts(p, v)
		},
		"environment": func(p string, v *value) { t.Environment = d.texts(p, v) },
		"timeout":     func(p string, v *value) { duration(d, p, v, &t.Timeout) },
		"native":      func(p string, v *value) { flag(func(*Recipe) *bool { return &t.Native })(d, p, v) },
		"runtimes":    func(p string, v *value) { t.Runtimes = d.list(p, v) },
	}
	d.keys(path, v, setters)
}

// keys reads a mapping whose keys are known, each with its setter.
func (d *decoder) keys(path string, v *value, setters map[string]func(path string, v *value)) {
	names := slices.Sorted(maps.Keys(setters))
	for _, e := range v.keys {
		p := path + "." + e.name
		d.recipe.positions[p] = e.at
		set, ok := setters[e.name]
		if !ok {
			d.errs.add(e.at, oneOf(e.name, names), "unknown key `%s` in `%s`", e.name, path)
			continue
		}
		set(p, e.value)
	}
}

// texts reads a mapping of texts.
func (d *decoder) texts(path string, v *value) map[string]string {
	if v.shape != isMapping {
		d.mismatch(v, path, isMapping)
		return nil
	}
	all := map[string]string{}
	for _, e := range v.keys {
		p := path + "." + e.name
		d.recipe.positions[p] = e.at
		if s, ok := d.scalar(p, e.value); ok {
			all[e.name] = s
		}
	}
	return all
}

var (
	variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	neededForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*`)
)

// testSuite checks wasmill.test.
func (c checker) testSuite() {
	const at = "wasmill.test"
	t := c.Wasmill.Test
	if !c.given(at) {
		return
	}
	for i, command := range t.Run {
		p := fmt.Sprintf("%s.run[%d]", at, i)
		words, err := Words(command)
		switch {
		case err != nil:
			c.add(p, "", "`%s` is not a command: %v", shorten(command), err)
		case strings.HasPrefix(words[0], "-") || !moduleForm.MatchString(words[0]):
			c.add(p, "as behind `python -m`, for example `pytest tests`", "`%s` does not begin with a module", shorten(command))
		}
	}
	for i, name := range t.Suite {
		c.inside(fmt.Sprintf("%s.suite[%d]", at, i), name)
	}
	for i, s := range t.Requires {
		if !neededForm.MatchString(s) || strings.ContainsAny(s, "\n\r") {
			c.add(fmt.Sprintf("%s.requires[%d]", at, i), "one requirement each", "`%s` can't stand in `%s.requires`", shorten(s), at)
		}
	}
	for name, reason := range t.ExpectedFailures {
		if strings.TrimSpace(reason) == "" {
			c.add(at+".expected-failures."+name, "say why it fails", "`%s` has no reason", shorten(name))
		}
	}
	for name := range t.Environment {
		if !variableForm.MatchString(name) {
			c.add(at+".environment."+name, "", "`%s` is not a variable's name", shorten(name))
		}
	}
	for i, name := range t.Runtimes {
		if name != Node && name != Chromium {
			c.add(fmt.Sprintf("%s.runtimes[%d]", at, i), oneOf(name, []string{Node, Chromium}), "there is no runtime `%s`", name)
		}
	}
	if len(t.Run) == 0 {
		for _, key := range []string{"suite", "expected-failures", "environment", "timeout", "native"} {
			if c.given(at + "." + key) {
				c.add(at+"."+key, "add the commands, for example `run: [pytest tests]`", "`%s.%s` goes with `%s.run` only", at, key, at)
			}
		}
	}
	if len(t.Suite) > 0 && c.Wheel() {
		c.add(at+".suite", "name a package's own tests with `pytest --pyargs`", "`%s.suite` can't be used with a wheel, which has no source", at)
	}
}

// SuiteFiles are the parts of the source that wasmill.test.suite names, cleaned.
func (t *TestSuite) SuiteFiles() []string {
	var all []string
	for _, name := range t.Suite {
		all = append(all, path.Clean(name))
	}
	return all
}

// In are the runtimes in which the wheel is tested, each once.
func (t *TestSuite) In() []string {
	if len(t.Runtimes) == 0 {
		return []string{Node}
	}
	var in []string
	for _, name := range t.Runtimes {
		if !slices.Contains(in, name) {
			in = append(in, name)
		}
	}
	return in
}

// AlsoIn adds a runtime to those in which every recipe of the set is tested.
func (s *Set) AlsoIn(runtime string) error {
	if runtime != Node && runtime != Chromium {
		return fault.Errorf(fault.Invalid, "there is no runtime `%s`; there are %s and %s", runtime, Node, Chromium)
	}
	for _, r := range s.Recipes() {
		if in := r.Wasmill.Test.In(); !slices.Contains(in, runtime) {
			r.Wasmill.Test.Runtimes = append(in, runtime)
		}
	}
	return nil
}

// given says whether the section says anything: the other keys go with these.
func (t *TestSuite) given() bool { return len(t.Run) > 0 || len(t.Requires) > 0 || len(t.Runtimes) > 0 }

// canonical is what of wasmill.test can change what a test says.
func (t *TestSuite) canonical() any {
	return struct {
		Run, Suite, Requires, Runtimes []string
		Expected, Environment          map[string]string
		Native                         bool
	}{orEmpty(t.Run), orEmpty(t.SuiteFiles()), orEmpty(t.Requires), orEmpty(t.Runtimes), orNone(t.ExpectedFailures), orNone(t.Environment), t.Native}
}

func orNone(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
