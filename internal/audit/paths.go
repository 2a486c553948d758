package audit

import (
	"regexp"
	"slices"
	"strings"
)

// pathScanner finds absolute paths of a building machine in what is written to it: a module's memory, its debug
// sections. It keeps the path at hand and a few findings, whatever the length of the module.
type pathScanner struct {
	first string // of those found
	count int
	path  []byte // that may be going on
	in    bool
	last  byte
}

// maxPath is longer than what systems allow (PATH_MAX).
const maxPath = 4096

var pathByte = func() (is [256]bool) {
	for c := range is {
		is[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_./+@~=,-%\\:#", byte(c)) >= 0 || c >= 0x80
	}
	return is
}()

func (s *pathScanner) Write(p []byte) (int, error) {
	for _, b := range p {
		switch {
		case !pathByte[b]:
			if s.in {
				s.end()
			}
		case s.in:
			if len(s.path) < maxPath {
				s.path = append(s.path, b)
			}
		// A slash after a letter or colon is the middle of something else: a URL, a MIME type.
		case (b == '/' || b == '\\') && !pathByte[s.last], b == '\\' && s.last == ':':
			s.in, s.path = true, append(s.path[:0], b)
		}
		s.last = b
	}
	return len(p), nil
}

func (s *pathScanner) end() {
	s.in = false
	path := string(s.path)
	if !buildPath(path) {
		return
	}
	if s.count == 0 {
		s.first = path
	}
	s.count++
}

var (
	// neutral are paths that are the same wherever something is built: compilers put them there on purpose.
	neutral = []string{"/emsdk/", "/rustc/", "/usr/", "/proc/", "/dev/", "/etc/", "/home/pyodide", "/home/web_user", "/lib/python"}
	homes   = regexp.MustCompile(`^(/home/[^/]+/|/root/|/Users/[^/]+/|/github/|/__w/|/builds/|/private/(tmp|var)/|/tmp/[^/]+/[^/]+/|\\Users\\[^\\]+\\)`)
	sources = []string{".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx", ".inc", ".ipp", ".m", ".rs", ".pyx", ".pxd", ".f", ".f90", ".s", ".o", ".a"}
)

// buildPath says whether an absolute path is one of a machine that built something, and not one that the program means.
func buildPath(path string) bool {
	for _, prefix := range neutral {
		if strings.HasPrefix(path, prefix) {
			return false
		}
	}
	if homes.MatchString(path) {
		return true
	}
	dot := strings.LastIndexByte(path, '.')
	return dot > 0 && strings.Count(path, "/") >= 2 && slices.Contains(sources, strings.ToLower(path[dot:]))
}

func (a *auditor) paths(m *module, s *pathScanner) {
	if s.count > 0 {
		a.report(BuildPath, m.file, "", "has %d absolute paths of the machine that built it; the first is %s", s.count, s.first)
	}
	if m.Dylink == nil {
		return
	}
	for _, dir := range m.Dylink.RuntimePath {
		if !strings.HasPrefix(dir, "$ORIGIN") {
			a.report(BuildPath, m.file, "", "its RUNTIME_PATH has %q, which is not below $ORIGIN", dir)
		}
	}
}
