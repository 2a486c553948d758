package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// Inputs are all that a build's bytes and its record depend on: a record says whether the tests passed, so the tests
// are among them, and where only they changed the same bytes come out and nothing else is built again. Priority, resource class, timeout, attempts, paths, host and clock
// have no place here: they must not change what comes out.
type Inputs struct {
	Recipe    []Input           `json:"recipe"` // the parts of what the recipe says
	Sources   []Input           `json:"sources,omitempty"`
	Patches   []Input           `json:"patches,omitempty"` // in the order in which they are applied
	Tests     record.Digest     `json:"tests,omitempty"`
	Browser   record.Digest     `json:"browser,omitempty"` // the image with Chromium, where the wheel is tested in it
	Toolchain record.Digest     `json:"toolchain"`
	Lock      record.Digest     `json:"lock,omitempty"`  // of the locked build requirements
	Hosts     []Input           `json:"hosts,omitempty"` // outputs of the host dependencies
	Env       map[string]string `json:"env,omitempty"`
	Builder   Builder           `json:"builder"`
}

// keyVersion begins the encoding. It changes when the encoding does, or when the same inputs would no longer give the
// same bytes for a reason that no input shows.
const keyVersion = "wasmill-build-key-v2"

// Key is the cache key of a build: 64 hexadecimal digits, the sha256 of the canonical encoding of its inputs. That is
// keyVersion and then each field in the order of the struct, every text as its length in decimal, a colon and its
// bytes; lists and maps are preceded by their number of entries, and all but the patches are sorted by name.
func Key(in Inputs) string {
	e := newEncoder(keyVersion)
	e.inputs(byName(in.Recipe))
	e.inputs(byName(in.Sources))
	e.inputs(in.Patches)
	e.text(string(in.Tests))
	e.text(string(in.Browser))
	e.text(string(in.Toolchain))
	e.text(string(in.Lock))
	e.inputs(byName(in.Hosts))
	e.number(len(in.Env))
	for _, name := range slices.Sorted(maps.Keys(in.Env)) {
		e.text(name)
		e.text(in.Env[name])
	}
	e.text(in.Builder.Version)
	e.text(string(in.Builder.Digest))
	return e.sum()
}

// LockKey names the locked build requirements of a recipe on a toolchain: a source states its own requirements, the
// recipe may patch and extend them, host dependencies pin their native copies, the toolchain's image holds the resolver,
// and the day decides what there was to choose from. It is empty for a recipe without an environment.
func LockKey(r Recipe, t Toolchain) string {
	if r.NoRequirements {
		return ""
	}
	day := t.ExcludeNewer
	if !r.ExcludeNewer.IsZero() {
		day = r.ExcludeNewer
	}
	e := newEncoder("wasmill-lock-key-v1")
	e.inputs(byName(r.Parts))
	e.inputs(byName(r.Sources))
	e.inputs(r.Patches)
	e.text(string(t.image(r)))
	e.text(day.UTC().Format(time.RFC3339))
	for _, pin := range unique(r.Pins) {
		e.text(pin)
	}
	return e.sum()
}

// TestLockKey names the locked requirements of a recipe's tests (wasmill.test.requires, without those that are recipes), of
// a toolchain, as of a day.
func TestLockKey(requirements []string, toolchain record.Digest, day time.Time) string {
	e := newEncoder("wasmill-test-lock-key-v1")
	sorted := slices.Sorted(slices.Values(requirements))
	e.text(strconv.Itoa(len(sorted)))
	for _, r := range sorted {
		e.text(r)
	}
	e.text(string(toolchain))
	e.text(day.UTC().Format(time.RFC3339))
	return e.sum()
}

// Output is the digest by which a build's artifacts enter the keys of those who need it: the artifact's own, or one
// over all of them where there are several. It is empty for a build without artifacts.
func Output(b *record.Build) record.Digest {
	var all []Input
	for _, a := range b.Artifacts {
		if a.Kind != record.KindTests { // no build uses them
			all = append(all, Input{Name: a.Filename, Digest: a.Digest})
		}
	}
	switch len(all) {
	case 0:
		return ""
	case 1:
		return all[0].Digest
	}
	e := newEncoder("wasmill-output-v1")
	e.inputs(byName(all))
	return record.Digest("sha256:" + e.sum())
}

// Complete puts into the action what has become known since it was planned: the digest of its lock, empty where there
// still is none, and the outputs of its host dependencies. Key stays empty while the lock is missing. outputs may hold
// more than is wanted; a missing one is an error of the caller.
func (a *Action) Complete(lock record.Digest, outputs map[string]record.Digest) error {
	hosts := slices.Clone(a.Inputs.Hosts)
	for _, name := range a.Wants.Hosts {
		if outputs[name] == "" {
			return fault.Errorf(fault.Internal, "completing the key of %s: the output of %s is not known", a.Recipe, name)
		}
		hosts = append(hosts, Input{Name: name, Digest: outputs[name]})
	}
	a.Inputs.Hosts, a.Wants.Hosts = byName(hosts), nil
	if a.Wants.Lock && lock != "" {
		a.Inputs.Lock, a.Wants.Lock = lock, false
	}
	if !a.Wants.Lock {
		a.Key = Key(a.Inputs)
	}
	return nil
}

// Shared names what the action builds while its key is not known because the requirements are still to be locked: two runs that
// want the same are to lock and build once. It is only good for telling builds in flight apart.
func (a *Action) Shared() string {
	e := newEncoder("wasmill-unlocked-v1")
	e.text(Key(a.Inputs))
	e.text(a.LockKey)
	return "unlocked-" + e.sum()
}

func byName(list []Input) []Input {
	return slices.SortedFunc(slices.Values(list), func(a, b Input) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Digest, b.Digest))
	})
}

// encoder writes the canonical encoding into a hash. Since every text carries its length, no two different inputs
// have one encoding.
type encoder struct{ hash hash.Hash }

func newEncoder(version string) *encoder {
	e := &encoder{sha256.New()}
	e.text(version)
	return e
}

func (e *encoder) number(n int) {
	e.hash.Write(append(strconv.AppendInt(nil, int64(n), 10), ':'))
}

func (e *encoder) text(s string) {
	e.number(len(s))
	e.hash.Write([]byte(s))
}

func (e *encoder) inputs(list []Input) {
	e.number(len(list))
	for _, in := range list {
		e.text(in.Name)
		e.text(string(in.Digest))
	}
}

func (e *encoder) sum() string { return hex.EncodeToString(e.hash.Sum(nil)) }
