package python

import (
	"slices"
	"strings"
)

// commandLine is what of Python's command line has to be known before Python itself can read it: what must be there when an
// interpreter is initialised. All else CPython reads.
type commandLine struct {
	ignoreEnvironment bool     // -E, -I
	verbose, debug    int      // -v, -d
	randomHash        bool     // -R
	tells             bool     // -V, -h: nothing is run
	help              bool     // -h
	x                 []string // -X
	module            string   // -m; empty where something else is run
	arguments         []string // of the module
	code              string   // -c
	script            int      // which of the words names the file or folder that is run; -1: none does
}

const (
	withValue = "cmWX" // of the short options, those that take the rest of the word, or the next one
	last      = "cm"   // and those after whose value the program's arguments follow
)

// readCommandLine goes through the words as CPython's own getopt does. What it does not know it passes by: CPython will complain.
func readCommandLine(args []string) commandLine {
	c := commandLine{script: -1}
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == "-" || word == "--" || !strings.HasPrefix(word, "-") {
			if word == "--" {
				i++
			}
			if i < len(args) && args[i] != "-" {
				c.script = i
			}
			break
		}
		if strings.HasPrefix(word, "--") {
			switch {
			case word == "--check-hash-based-pycs":
				i++
			case strings.HasPrefix(word, "--help"):
				c.tells, c.help = true, true
			case word == "--version":
				c.tells = true
			}
			continue
		}
		for j, letter := range word[1:] {
			if !strings.ContainsRune(withValue, letter) {
				c.flag(letter)
				continue
			}
			value := word[j+2:]
			if value == "" && i+1 < len(args) {
				i++
				value = args[i]
			}
			if letter == 'X' {
				c.x = append(c.x, value)
			}
			if letter == 'm' && i < len(args) && !c.tells {
				c.module, c.arguments = value, args[i+1:]
			}
			if letter == 'c' {
				c.code = value
			}
			if strings.ContainsRune(last, letter) {
				return c
			}
			break
		}
	}
	return c
}

func (c *commandLine) flag(letter rune) {
	switch letter {
	case 'E', 'I':
		c.ignoreEnvironment = true
	case 'v':
		c.verbose++
	case 'd':
		c.debug++
	case 'R':
		c.randomHash = true
	case 'h', '?':
		c.tells, c.help = true, true
	case 'V':
		c.tells = true
	}
}

// start is how an interpreter begins.
type start struct {
	arguments   []string
	environment map[string]string
	cold        bool // a snapshot would not be the same, or would be of use only once
}

// What of -X and the environment acts while an interpreter is initialised, so that a later change of its configuration does not.
var (
	earlyX = []string{
		"dev", "importtime", "tracemalloc", "faulthandler", "utf8", "perf", "perf_jit", "frozen_modules", "no_debug_ranges", "showrefcount",
		"presite", "lazy_imports",
	}
	earlyVariables = []string{
		"PYTHONDEVMODE", "PYTHONPROFILEIMPORTTIME", "PYTHONTRACEMALLOC", "PYTHONFAULTHANDLER", "PYTHONMALLOC", "PYTHONMALLOCSTATS",
		"PYTHONVERBOSE", "PYTHONDEBUG", "PYTHONNODEBUGRANGES", "PYTHON_FROZEN_MODULES", "PYTHON_LAZY_IMPORTS",
	}
)

// planStart decides how the interpreter for a command line begins.
func planStart(args, environ []string) start {
	c := readCommandLine(args)
	s := start{arguments: []string{}, environment: map[string]string{}}
	for _, x := range c.x {
		if name, _, _ := strings.Cut(x, "="); slices.Contains(earlyX, name) {
			s.arguments = append(s.arguments, "-X", x)
			s.cold = true
		}
	}
	if c.verbose > 0 {
		s.arguments = append(s.arguments, "-"+strings.Repeat("v", c.verbose))
	}
	if c.debug > 0 {
		s.arguments = append(s.arguments, "-"+strings.Repeat("d", c.debug))
	}
	s.cold = s.cold || c.verbose+c.debug > 0 || c.randomHash
	if c.ignoreEnvironment {
		return s
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case value == "":
		case name == "PYTHONUTF8":
			s.environment[name] = value
		case name == "PYTHONHASHSEED":
			// One number is common enough for a snapshot of its own.
			s.environment[name] = value
			s.cold = s.cold || value != "0"
		case slices.Contains(earlyVariables, name):
			s.environment[name] = value
			s.cold = true
		}
	}
	return s
}
