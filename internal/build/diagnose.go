package build

import (
	"regexp"
	"slices"
	"strings"
)

// diagnosis gathers, line by line, what tells a person why a build failed. It holds little, however long the log is.
type diagnosis struct {
	errors  []string // the first errors of compilers and linkers, each with the lines that show the place
	follow  int      // lines that still belong to the last error
	found   int      // errors
	absent  int      // those of them that are about a part which the target lacks
	trace   []string // the last Python traceback
	tracing bool
	tail    []string
	network string // the first line that speaks of the network
	full    string // the first line that speaks of a full disk
}

const (
	maxErrors = 5
	maxTail   = 30
	maxTrace  = 60
)

var (
	// file:line:column: error: …, as clang writes it; meson and Cython write file:line:column: … too.
	compilerError = regexp.MustCompile(`^\S.*:\d+(:\d+)?: ((fatal )?error|ERROR): `)
	toolError     = regexp.MustCompile(`^(wasm-ld|emcc|em\+\+|clang(-\d+)?|clang\+\+|cc|c\+\+|llvm-ar|cmake|meson-python|ninja|make(\[\d+\])?|CMake|ld|gcc|g\+\+)(: | )?.*\b[Ee]rror\b`)
	cythonError   = regexp.MustCompile(`^\S+\.(pyx|pxd|py):\d+:\d+: `)
	rustError     = regexp.MustCompile(`^error(\[E\d+\])?: `)
	// What configure scripts, CMake, Meson and setup.py compile to see whether it does: that it does not is an answer.
	probe        = regexp.MustCompile(`^(\./)?(/tmp/|conftest\.|\S*/CMakeScratch/|\S*/meson-private/)`)
	traceback    = regexp.MustCompile(`^\s*(\| )?Traceback \(most recent call last\):`)
	networkWords = regexp.MustCompile(`Temporary failure in name resolution|Name or service not known|Network is unreachable|[Cc]ould not resolve host|` +
		`failed to lookup address information|Failed to establish a new connection|nodename nor servname provided|network is unreachable`)
)

// isError knows the errors of compilers and of the tools around them. That setuptools could not run a command is none:
// the command has said why.
func isError(line string) bool {
	if !strings.Contains(line, ":") {
		return false // most lines, and matching costs
	}
	if probe.MatchString(line) {
		return false
	}
	return compilerError.MatchString(line) || toolError.MatchString(line) || cythonError.MatchString(line) ||
		rustError.MatchString(line) && !strings.HasPrefix(line, "error: command ")
}

func (d *diagnosis) add(line string) {
	blank := strings.TrimSpace(line) == ""
	if d.network == "" && networkWords.MatchString(line) {
		d.network = strings.TrimSpace(line)
	}
	if d.full == "" && strings.Contains(line, "No space left on device") {
		d.full = strings.TrimSpace(line)
	}
	switch {
	case isError(line):
		d.found++
		if absent(line) != "" {
			d.absent++
		}
		d.follow = 0
		if d.found <= maxErrors {
			d.errors = append(d.errors, line)
			d.follow = 3 // the source line, the caret, a fix
		}
	case d.follow > 0 && (blank || strings.HasPrefix(line, "==>") || traceback.MatchString(line)):
		d.follow = 0
	case d.follow > 0:
		d.errors = append(d.errors, line)
		d.follow--
	}
	d.addTrace(line)
	if !blank {
		d.tail = append(d.tail, line)
		if len(d.tail) > maxTail {
			d.tail = d.tail[1:]
		}
	}
}

// addTrace follows a traceback to its last line, the first that is not indented.
func (d *diagnosis) addTrace(line string) {
	switch {
	case traceback.MatchString(line):
		d.trace, d.tracing = []string{line}, true
	case d.tracing:
		if d.trace = append(d.trace, line); len(d.trace) > maxTrace {
			d.trace = slices.Delete(d.trace, 1, 2)
		}
		d.tracing = strings.HasPrefix(line, " ") || strings.TrimSpace(line) == ""
	}
}

// lacks is the first error that is about a part which the target lacks, and which.
func (d *diagnosis) lacks() (why, line string) {
	for _, line := range d.errors {
		if why := absent(line); why != "" {
			return why, strings.TrimSpace(line)
		}
	}
	return "", ""
}

// onlyLacks says whether there are errors, and all are about parts that the target lacks.
func (d *diagnosis) onlyLacks() bool { return d.found > 0 && d.found == d.absent }

// first is the one line that tells most, or empty.
func (d *diagnosis) first() string {
	switch {
	case len(d.errors) > 0:
		return strings.TrimSpace(d.errors[0])
	case len(d.trace) > 1:
		return strings.TrimSpace(d.trace[len(d.trace)-1])
	}
	return ""
}

// detail are the lines that matter, at most maxDetail bytes.
func (d *diagnosis) detail() string {
	lines := d.tail
	switch {
	case len(d.errors) > 0:
		lines = d.errors
	case len(d.trace) > 1:
		lines = d.trace
	}
	text := strings.Join(lines, "\n")
	if len(d.errors) == 0 && len(text) > maxDetail {
		// The end of a traceback or of a log says more than its beginning.
		text = strings.ToValidUTF8(text[len(text)-maxDetail:], "")
		_, text, _ = strings.Cut(text, "\n")
	}
	return clip(text, maxDetail)
}
