package wheel

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// Tag says for whom a wheel is: one interpreter, ABI and platform (PEP 425).
type Tag struct{ Python, ABI, Platform string }

func (t Tag) String() string { return t.Python + "-" + t.ABI + "-" + t.Platform }

// ParseTags reads "py2.py3-none-any", a compressed set. Its errors are fault.Invalid.
func ParseTags(set string) ([]Tag, error) {
	p := strings.Split(set, "-")
	if len(p) != 3 || slices.ContainsFunc(p, func(s string) bool { return !tagPart.MatchString(s) }) {
		return nil, fault.Errorf(fault.Invalid, "%q is not python-abi-platform", set)
	}
	return expand(p[0], p[1], p[2]), nil
}

func expand(pythons, abis, platforms string) []Tag {
	var out []Tag
	for py := range strings.SplitSeq(pythons, ".") {
		for abi := range strings.SplitSeq(abis, ".") {
			for platform := range strings.SplitSeq(platforms, ".") {
				out = append(out, Tag{py, abi, platform})
			}
		}
	}
	return out
}

var emscriptenTag = regexp.MustCompile(`^pyemscripten_(\d+)_(\d+)_wasm32$`)

// EmscriptenABI takes a platform tag of PEP 783, pyemscripten_YEAR_NUMBER_wasm32, apart.
func EmscriptenABI(platform string) (year, number int, ok bool) {
	m := emscriptenTag.FindStringSubmatch(platform)
	if m == nil {
		return 0, 0, false
	}
	year, err1 := strconv.Atoi(m[1])
	number, err2 := strconv.Atoi(m[2])
	return year, number, err1 == nil && err2 == nil
}

// LinuxPlatforms lists the platform tags that a Linux with this glibc (2.minor) takes, best first (PEP 600).
func LinuxPlatforms(minor int, arch string) []string {
	legacy := map[int]string{17: "manylinux2014_", 12: "manylinux2010_", 5: "manylinux1_"}
	var out []string
	for m := minor; m >= 5; m-- { // 2.5 is the oldest that any tag promises
		out = append(out, "manylinux_2_"+strconv.Itoa(m)+"_"+arch)
		if old := legacy[m]; old != "" {
			out = append(out, old+arch)
		}
	}
	return append(out, "linux_"+arch)
}

// Preference ranks a wheel with these tags: the lower the better, as installers choose (packaging.tags.sys_tags); -1
// where none of the tags is supported.
func Preference(tags []Tag, python string, platforms []string) int {
	best := -1
	for _, t := range tags {
		if r, ok := rank(t, python, platforms); ok && (best < 0 || r < best) {
			best = r
		}
	}
	return best
}

// rank orders by kind of tag, then by platform, then by version: the newest promise first.
func rank(tag Tag, python string, platforms []string) (int, bool) {
	minor, err := strconv.Atoi(strings.TrimPrefix(python, "3."))
	if err != nil {
		return 0, false
	}
	platform := slices.Index(platforms, tag.Platform)
	if tag.Platform == "any" {
		platform = 0
	}
	if platform < 0 {
		return 0, false
	}
	cpython := strings.HasPrefix(tag.Python, "cp")
	age := minor - tagMinor(tag.Python)
	if tag.Python == "py3" || tag.Python == "cp3" {
		age = 0
	} else if tagMinor(tag.Python) < 0 || age < 0 {
		return 0, false
	}
	same := cpython && age == 0
	var kind int
	switch {
	case same && tag.ABI == tag.Python && tag.Platform != "any":
		kind = 0
	case cpython && tag.ABI == "abi3" && tag.Platform != "any":
		kind = 1
	case same && tag.ABI == "none" && tag.Platform != "any":
		kind = 2
	case !cpython && tag.ABI == "none" && tag.Platform != "any":
		kind = 3
	case same && tag.ABI == "none":
		kind = 4
	case !cpython && tag.ABI == "none":
		kind = 5
	default:
		return 0, false
	}
	const most = 1000 // platforms or versions of a kind
	return (kind*most+platform)*most + age, true
}

// tagMinor is 15 for cp315 and py315, and -1 for what is not a Python 3 with a minor version.
func tagMinor(tag string) int {
	if len(tag) < 4 || (tag[:3] != "cp3" && tag[:3] != "py3") {
		return -1
	}
	n, err := strconv.ParseUint(tag[3:], 10, 16)
	if err != nil {
		return -1
	}
	return int(n)
}
