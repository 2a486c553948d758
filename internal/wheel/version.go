package wheel

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// Version is a version by PEP 440, ready to be compared. The zero Version is older than all others.
type Version struct {
	text    string // normalised
	epoch   string
	release []string
	pre     [2]string // letter (a, b, rc) and number; none: empty
	post    string    // number; none: empty
	dev     string    // number; none: empty
	local   []string
}

var versionForm = regexp.MustCompile(`^(?i)\s*v?(?:(\d+)!)?(\d+(?:\.\d+)*)` +
	`(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d*))?` +
	`(?:(?:-(\d+))|(?:[-_.]?(post|rev|r)[-_.]?(\d*)))?` +
	`(?:[-_.]?(dev)[-_.]?(\d*))?` +
	`(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*$`)

var preLetters = map[string]string{"alpha": "a", "a": "a", "beta": "b", "b": "b", "preview": "rc", "pre": "rc", "c": "rc", "rc": "rc"}

// ParseVersion reads a version in any of the spellings that PEP 440 admits. Its errors are fault.Invalid.
func ParseVersion(s string) (Version, error) {
	m := versionForm.FindStringSubmatch(s)
	if m == nil {
		return Version{}, fault.Errorf(fault.Invalid, "%q is not a version (PEP 440)", s)
	}
	v := Version{epoch: number(m[1])}
	for part := range strings.SplitSeq(m[2], ".") {
		v.release = append(v.release, number(part))
	}
	if m[3] != "" {
		v.pre = [2]string{preLetters[strings.ToLower(m[3])], number(m[4])}
	}
	switch {
	case m[5] != "":
		v.post = number(m[5])
	case m[6] != "":
		v.post = number(m[7])
	}
	if m[8] != "" {
		v.dev = number(m[9])
	}
	if m[10] != "" {
		for part := range strings.SplitSeq(separators.ReplaceAllString(strings.ToLower(m[10]), "."), ".") {
			if digits(part) {
				part = number(part)
			}
			v.local = append(v.local, part)
		}
	}
	v.text = v.spell()
	return v, nil
}

// number drops leading zeros. Numbers stay text: a version may hold a date or a hash beyond any integer type.
func number(s string) string {
	if s = strings.TrimLeft(s, "0"); s == "" {
		return "0"
	}
	return s
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func (v Version) spell() string {
	s := strings.Join(v.release, ".")
	if v.epoch != "0" {
		s = v.epoch + "!" + s
	}
	s += v.pre[0] + v.pre[1]
	if v.post != "" {
		s += ".post" + v.post
	}
	if v.dev != "" {
		s += ".dev" + v.dev
	}
	if len(v.local) > 0 {
		s += "+" + strings.Join(v.local, ".")
	}
	return s
}

// String is the normalised form.
func (v Version) String() string { return v.text }

// Prerelease says whether it is an alpha, beta, candidate or development version, which installers pass over.
func (v Version) Prerelease() bool { return v.pre[0] != "" || v.dev != "" }

// public is the version without its local part.
func (v Version) public() Version {
	v.local = nil
	v.text = v.spell()
	return v
}

// Compare is -1, 0 or 1 as v is older than, the same as or newer than w: "1.0" and "1.0.0" are the same.
func (v Version) Compare(w Version) int {
	return cmp.Or(
		numbers(v.epoch, w.epoch),
		compareRelease(v.release, w.release, max(len(v.release), len(w.release))),
		cmp.Compare(v.stage(), w.stage()),
		cmp.Compare(v.pre[0], w.pre[0]),
		numbers(v.pre[1], w.pre[1]),
		numbers(v.post, w.post), // none is older than post0
		compareDev(v.dev, w.dev),
		compareLocal(v.local, w.local),
	)
}

// stage puts 1.0.dev1 before 1.0a1, and that before 1.0.
func (v Version) stage() int {
	switch {
	case v.pre[0] != "":
		return 1
	case v.post == "" && v.dev != "":
		return 0
	}
	return 2
}

func compareRelease(a, b []string, parts int) int {
	at := func(r []string, i int) string {
		if i < len(r) {
			return r[i]
		}
		return "0"
	}
	for i := range parts {
		if c := numbers(at(a, i), at(b, i)); c != 0 {
			return c
		}
	}
	return 0
}

// numbers compares digits without leading zeros; the empty string comes first.
func numbers(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// compareDev puts a development version before what it leads to.
func compareDev(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	return numbers(a, b)
}

// compareLocal: none before any, words before numbers, the shorter before its own extension.
func compareLocal(a, b []string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		an, bn := digits(a[i]), digits(b[i])
		var c int
		switch {
		case an && bn:
			c = numbers(a[i], b[i])
		case an != bn && an:
			c = 1
		case an != bn:
			c = -1
		default:
			c = cmp.Compare(a[i], b[i])
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}
