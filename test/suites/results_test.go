//go:build engine && integration

package suites

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// outcome of a test, in the words of the JUnit XML.
type outcome string

const (
	passed  outcome = "passed"
	failed  outcome = "failed"
	skipped outcome = "skipped"
	missing outcome = "not there"
)

// results are a suite's tests by their names, and what each came to.
func results(t *testing.T, file string) map[string]outcome {
	t.Helper()
	ends := map[string]outcome{}
	for _, s := range readReport(t, file).Suites {
		for _, c := range s.Cases {
			end := passed
			switch {
			case c.Failure != nil || c.Error != nil:
				end = failed
			case c.Skipped != nil:
				end = skipped
			}
			id := c.Class + "::" + c.Name
			if ends[id] != failed { // a test and its teardown
				ends[id] = end
			}
		}
	}
	return ends
}

type tally struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

func count(ends map[string]outcome) (n tally) {
	for _, o := range ends {
		switch o {
		case passed:
			n.Passed++
		case failed:
			n.Failed++
		case skipped:
			n.Skipped++
		}
	}
	return n
}

// result is how the tests of a suite ended.
type result struct {
	Suite   string `json:"suite"`
	Runtime string `json:"runtime"`
	Whole   bool   `json:"whole"` // not without those that only the nightly runs
	Native  tally  `json:"native"`
	Wasm    tally  `json:"wasm"`
}

// difference is a test that ends otherwise in runtimes than natively, and why.
type difference struct {
	Suite    string   `json:"suite"`
	Test     string   `json:"test"` // with a parameter's value left out where all of them differ alike
	Runtimes []string `json:"runtimes"`
	Native   outcome  `json:"native"`
	Wasm     outcome  `json:"wasm"`
	Times    int      `json:"times"`
	Reason   string   `json:"reason"`
}

func (d difference) id() string {
	return fmt.Sprintf("%s %s: %s, %s", d.Suite, d.Test, d.Native, d.Wasm)
}

// in says whether it is one of a runtime.
func (d difference) in(runtime string) bool { return slices.Contains(d.Runtimes, runtime) }

// differ lists what differs, by test and outcomes; parameters are told together.
func differ(name, runtime string, native, wasm map[string]outcome) []difference {
	found := map[string]*difference{}
	note := func(test string, n, w outcome) {
		bare, _, _ := strings.Cut(test, "[")
		d := difference{Suite: name, Test: bare, Runtimes: []string{runtime}, Native: n, Wasm: w}
		if found[d.id()] == nil {
			found[d.id()] = &d
		}
		found[d.id()].Times++
	}
	for test, n := range native {
		if w := cmp.Or(wasm[test], missing); w != n {
			note(test, n, w)
		}
	}
	for test, w := range wasm {
		if native[test] == "" {
			note(test, missing, w)
		}
	}
	var out []difference
	for _, d := range found {
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b difference) int { return strings.Compare(a.id(), b.id()) })
	return out
}

// apart makes a difference of several runtimes several ones; together is the reverse.
func apart(list []difference) (out []difference) {
	for _, d := range list {
		for _, r := range d.Runtimes {
			one := d
			one.Runtimes = []string{r}
			out = append(out, one)
		}
	}
	return out
}

func together(list []difference) (out []difference) {
	for _, d := range list {
		same := func(other difference) bool {
			other.Runtimes = d.Runtimes
			return reflect.DeepEqual(d, other)
		}
		if i := slices.IndexFunc(out, same); i >= 0 {
			out[i].Runtimes = append(slices.Clone(out[i].Runtimes), d.Runtimes...)
		} else {
			out = append(out, d)
		}
	}
	place := func(d difference) int {
		return slices.IndexFunc(all, func(s suite) bool { return s.name == d.Suite })
	}
	for _, d := range out {
		slices.SortFunc(d.Runtimes, func(a, b string) int { return cmp.Compare(order(a), order(b)) })
	}
	slices.SortStableFunc(out, func(a, b difference) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.id(), b.id()), cmp.Compare(order(a.Runtimes[0]), order(b.Runtimes[0])))
	})
	return out
}

const (
	differencesFile = "testdata/differences.json"
	resultsFile     = "testdata/results.json"
)

// book is what is known of the suites; -update writes it anew for what was run.
type book struct {
	known   []difference // each of one runtime
	counted []result
}

func readBook(t *testing.T) *book {
	return &book{apart(read[difference](t, differencesFile)), read[result](t, resultsFile)}
}

// reason is what somebody wrote about a difference in this runtime, or else about the same in another.
func (b *book) reason(d difference) (why string) {
	for _, k := range b.known {
		if k.id() == d.id() && (why == "" || k.in(d.Runtimes[0])) {
			why = k.Reason
		}
	}
	return why
}

// note holds what a suite came to against what is known, or writes it down.
func (b *book) note(t *testing.T, s suite, p place, native, wasm map[string]outcome) []difference {
	t.Helper()
	runtime := p.runtime
	r := result{s.name, runtime, s.whole(p), count(native), count(wasm)}
	differences := differ(s.name, runtime, native, wasm)
	for i, d := range differences {
		if differences[i].Reason = b.reason(d); differences[i].Reason == "" {
			t.Errorf("%s: nobody has said why (in %s)", d.id(), differencesFile)
		}
	}
	same := func(other result) bool {
		return other.Suite == r.Suite && other.Runtime == r.Runtime && other.Whole == r.Whole
	}
	ofThis := func(d difference) bool { return d.Suite == s.name && d.in(runtime) }
	if *update {
		b.counted = append(slices.DeleteFunc(b.counted, same), r)
		b.known = append(slices.DeleteFunc(b.known, ofThis), differences...)
		return differences
	}
	if i := slices.IndexFunc(b.counted, same); i < 0 || b.counted[i] != r {
		t.Errorf("%s does not say %+v; -update writes it anew", resultsFile, r)
	}
	before := slices.DeleteFunc(slices.Clone(b.known), func(d difference) bool { return !ofThis(d) })
	if diff := gocmp.Diff(before, differences, cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b difference) bool { return a.id() < b.id() })); diff != "" {
		t.Errorf("%s is not true any more; -update writes it anew, and reasons are yours to write:\n%s", differencesFile, diff)
	}
	return differences
}

// close holds what users read against what is known, or writes both.
func (b *book) close(t *testing.T) {
	t.Helper()
	ofSome := func(name string) bool {
		return slices.ContainsFunc(all, func(s suite) bool { return s.name == name })
	}
	b.known = slices.DeleteFunc(b.known, func(d difference) bool { return !ofSome(d.Suite) })
	b.counted = slices.DeleteFunc(b.counted, func(r result) bool { return !ofSome(r.Suite) })
	slices.SortStableFunc(b.counted, func(x, y result) int {
		at := func(r result) int {
			return slices.IndexFunc(all, func(s suite) bool { return s.name == r.Suite })
		}
		whole := map[bool]int{true: 1}
		return cmp.Or(cmp.Compare(at(x), at(y)), cmp.Compare(whole[x.Whole], whole[y.Whole]), cmp.Compare(order(x.Runtime), order(y.Runtime)))
	})
	known := together(b.known)
	if *update {
		write(t, differencesFile, known)
		write(t, resultsFile, b.counted)
	}
	checkPage(t, b.counted, known)
}

func read[T any](t *testing.T, file string) (list []T) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil && !*update {
		t.Fatal(err)
	}
	return list
}

func write(t *testing.T, file string, list any) {
	t.Helper()
	text, err := json.MarshalIndent(list, "", "  ")
	if err := errors.Join(err, os.WriteFile(file, append(text, '\n'), 0o644)); err != nil {
		t.Fatal(err)
	}
}
