package debian

import (
	"cmp"
	"testing"
)

func TestVersionsAreOrderedAsDpkgOrdersThem(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"1.0", "1.0", 0},
		{"1.0", "1.0-0", 0},
		{"1.9", "1.10", -1},
		{"1.0", "1:0.1", -1},
		{"1.0~rc1", "1.0", -1},
		{"1.0~rc1-1", "1.0~rc1~exp1-1", 1},
		{"1.0+dfsg", "1.0", 1},
		{"1.0+dfsg", "1.0a", 1},
		{"1.0-1", "1.0-1+b1", -1},
		{"2.0-rc-1", "2.0-rc-2", -1},
		{"007", "7", 0},
		{"6.0.5+dfsg+~1.41.5-2", "6.0.5+dfsg+~1.41.6-1", -1},
	} {
		if got := cmp.Compare(CompareVersions(c.a, c.b), 0); got != c.want {
			t.Errorf("comparing %s with %s gives %d, want %d", c.a, c.b, got, c.want)
		}
		if got := cmp.Compare(CompareVersions(c.b, c.a), 0); got != -c.want {
			t.Errorf("comparing %s with %s gives %d, want %d", c.b, c.a, got, -c.want)
		}
	}
}
