package wheel

import (
	"regexp"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

var (
	separators  = regexp.MustCompile(`[-_.]+`)
	projectName = regexp.MustCompile(`^(?i:[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9])$`)
	buildTag    = regexp.MustCompile(`^\d[^-]*$`)
	tagPart     = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)*$`)
)

// Normalize gives a project's name the one form under which names are compared (PEP 503).
func Normalize(name string) string {
	return strings.ToLower(separators.ReplaceAllString(name, "-"))
}

// ValidName says whether a project may have this name (PEP 508).
func ValidName(name string) bool { return projectName.MatchString(name) }

// Filename is a wheel's file name in its parts (PEP 427). Name is as the file spells it; Build is empty mostly. Each
// of the three tags may be a compressed set (PEP 425), as in "py2.py3".
type Filename struct {
	Name, Version, Build  string
	Python, ABI, Platform string
}

// ParseFilename takes the name of a wheel file apart. Its errors are fault.Invalid.
func ParseFilename(file string) (Filename, error) {
	stem, ok := strings.CutSuffix(file, ".whl")
	if !ok {
		return Filename{}, fault.Errorf(fault.Invalid, "%q does not end in .whl", file)
	}
	parts := strings.Split(stem, "-")
	if len(parts) != 5 && len(parts) != 6 {
		return Filename{}, fault.Errorf(fault.Invalid, "%q is not name-version[-build]-python-abi-platform.whl", file)
	}
	f := Filename{Name: parts[0], Version: parts[1]}
	if len(parts) == 6 {
		f.Build = parts[2]
		if !buildTag.MatchString(f.Build) {
			return Filename{}, fault.Errorf(fault.Invalid, "%q: build tag %q does not begin with a digit", file, f.Build)
		}
	}
	tags := parts[len(parts)-3:]
	f.Python, f.ABI, f.Platform = tags[0], tags[1], tags[2]
	if !ValidName(f.Name) {
		return Filename{}, fault.Errorf(fault.Invalid, "%q: %q is not a project's name", file, f.Name)
	}
	if _, err := ParseVersion(f.Version); err != nil {
		return Filename{}, fault.Errorf(fault.Invalid, "%q: %w", file, err)
	}
	for _, t := range tags {
		if !tagPart.MatchString(t) {
			return Filename{}, fault.Errorf(fault.Invalid, "%q: %q is not a tag", file, t)
		}
	}
	return f, nil
}

// String is the file name.
func (f Filename) String() string {
	parts := []string{f.Name, f.Version}
	if f.Build != "" {
		parts = append(parts, f.Build)
	}
	return strings.Join(append(parts, f.Python, f.ABI, f.Platform), "-") + ".whl"
}

// Tags spells the compressed sets out.
func (f Filename) Tags() []Tag { return expand(f.Python, f.ABI, f.Platform) }
