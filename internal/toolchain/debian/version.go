package debian

import "strings"

// CompareVersions orders two versions by the rules of deb-version(7): negative where a is older than b.
func CompareVersions(a, b string) int {
	aEpoch, aUpstream, aRevision := splitVersion(a)
	bEpoch, bUpstream, bRevision := splitVersion(b)
	for _, pair := range [][2]string{{aEpoch, bEpoch}, {aUpstream, bUpstream}, {aRevision, bRevision}} {
		if c := comparePart(pair[0], pair[1]); c != 0 {
			return c
		}
	}
	return 0
}

func splitVersion(v string) (epoch, upstream, revision string) {
	epoch, upstream, ok := strings.Cut(v, ":")
	if !ok {
		epoch, upstream = "0", v
	}
	if i := strings.LastIndexByte(upstream, '-'); i >= 0 {
		upstream, revision = upstream[:i], upstream[i+1:]
	}
	return epoch, upstream, revision
}

// comparePart compares alternating runs of non-digits and digits.
func comparePart(a, b string) int {
	for a != "" || b != "" {
		var aText, bText, aNumber, bNumber string
		aText, a = span(a, false)
		bText, b = span(b, false)
		if c := compareText(aText, bText); c != 0 {
			return c
		}
		aNumber, a = span(a, true)
		bNumber, b = span(b, true)
		aNumber, bNumber = strings.TrimLeft(aNumber, "0"), strings.TrimLeft(bNumber, "0")
		if len(aNumber) != len(bNumber) {
			return len(aNumber) - len(bNumber)
		}
		if c := strings.Compare(aNumber, bNumber); c != 0 {
			return c
		}
	}
	return 0
}

func span(s string, digits bool) (run, rest string) {
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9') == digits {
		i++
	}
	return s[:i], s[i:]
}

// compareText sorts "~" before the end, the end before letters, letters before everything else.
func compareText(a, b string) int {
	order := func(s string, i int) int {
		switch {
		case i >= len(s):
			return 0
		case s[i] == '~':
			return -1
		case s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 'a' && s[i] <= 'z':
			return int(s[i])
		}
		return int(s[i]) + 256
	}
	for i := range max(len(a), len(b)) {
		if c := order(a, i) - order(b, i); c != 0 {
			return c
		}
	}
	return 0
}
