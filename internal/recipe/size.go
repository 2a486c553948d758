package recipe

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Size is a number of bytes. Zero is no bound where it is one.
type Size int64

var (
	sizeForm = regexp.MustCompile(`^(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]+)$`)
	// sizeUnits are as the standards have them: MB are millions, MiB are 1024 times 1024.
	sizeUnits = []struct {
		name  string
		bytes float64
	}{
		{"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"B", 1},
	}
)

// ParseSize reads a positive size such as 5 MB, 800KiB or 1.5 MiB. A number alone is refused: it is not clear of what.
func ParseSize(s string) (Size, error) {
	m := sizeForm.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a size such as 5 MB or 800 KiB", s)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size such as 5 MB or 800 KiB", s)
	}
	for _, unit := range sizeUnits {
		if !strings.EqualFold(unit.name, m[2]) {
			continue
		}
		bytes := math.Round(n * unit.bytes)
		if bytes < 1 || bytes > 1<<53 {
			return 0, fmt.Errorf("%q is not a possible size", s)
		}
		return Size(bytes), nil
	}
	return 0, fmt.Errorf("%q has no unit of B, kB, MB, GB, KiB, MiB and GiB", s)
}

// String writes the size with the largest unit that leaves it a whole number, as ParseSize reads it.
func (s Size) String() string {
	for _, unit := range sizeUnits {
		if bytes := Size(unit.bytes); s >= bytes && s%bytes == 0 {
			return fmt.Sprintf("%d %s", s/bytes, unit.name)
		}
	}
	return fmt.Sprintf("%d B", int64(s))
}
