package recipe

import (
	"regexp"
	"slices"
	"strings"
)

// shellWord is a word of a command.
type shellWord struct {
	raw   string // as it is written
	value string // without quotes; variables stay
}

// shellCommand is a simple command: no pipes, no loops, no substitution of commands.
type shellCommand struct {
	line  int // of its script, from 1
	raw   string
	words []shellWord
	write string // the word behind >, if there is one
}

// shellCommands takes a script apart as far as it is a list of simple commands. A line that is more than that is refused.
func shellCommands(script string, refuse func(line int, format string, args ...any)) (commands []shellCommand) {
	lines := strings.Split(strings.ReplaceAll(script, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		text, first := lines[i], i+1
		for strings.HasSuffix(text, `\`) && i+1 < len(lines) {
			i++
			text = strings.TrimSuffix(text, `\`) + " " + strings.TrimSpace(lines[i])
		}
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		more, ok := splitCommands(text)
		if !ok {
			refuse(first, "`%s` is more than a list of simple commands", shorten(text))
			continue
		}
		for _, c := range more {
			c.line = first
			commands = append(commands, c)
		}
	}
	return commands
}

var shellKeyword = regexp.MustCompile(`^(if|then|else|elif|fi|for|while|until|do|done|case|esac|function|select|\{|\}|\[\[|!)$`)

// splitCommands splits a line at && and ; into words.
func splitCommands(line string) (commands []shellCommand, ok bool) {
	var c shellCommand
	var raw, value strings.Builder
	inWord, redirected, begin := false, false, 0
	endWord := func() {
		if inWord {
			w := shellWord{raw.String(), value.String()}
			if redirected {
				c.write, redirected = w.value, false
			} else {
				c.words = append(c.words, w)
			}
		}
		raw.Reset()
		value.Reset()
		inWord = false
	}
	endCommand := func(at int) {
		endWord()
		if len(c.words) > 0 {
			c.raw = strings.TrimSpace(line[begin:at])
			commands = append(commands, c)
		}
		c = shellCommand{}
	}
	for i := 0; i < len(line); i++ {
		ch := line[i]
		switch {
		case ch == ' ' || ch == '\t':
			endWord()
		case ch == '#' && !inWord:
			endCommand(i)
			return commands, !redirected && simple(commands)
		case ch == '\'' || ch == '"':
			end := strings.IndexByte(line[i+1:], ch)
			if end < 0 || ch == '"' && strings.ContainsAny(line[i+1:i+1+end], "\\`") || ch == '"' && strings.Contains(line[i+1:i+1+end], "$(") {
				return nil, false
			}
			raw.WriteString(line[i : i+end+2])
			value.WriteString(line[i+1 : i+1+end])
			inWord, i = true, i+end+1
		case ch == '\\' || ch == '`' || ch == '(' || ch == ')' || ch == '<':
			return nil, false
		case ch == ';':
			endCommand(i)
			begin = i + 1
		case ch == '&' && strings.HasPrefix(line[i:], "&&"):
			endCommand(i)
			i++
			begin = i + 1
		case ch == '|' || ch == '&':
			return nil, false
		case ch == '>':
			if endWord(); redirected || c.write != "" || strings.HasPrefix(line[i:], ">>") || strings.HasPrefix(line[i:], ">&") {
				return nil, false
			}
			redirected = true
		default:
			raw.WriteByte(ch)
			value.WriteByte(ch)
			inWord = true
		}
	}
	endCommand(len(line))
	return commands, !redirected && simple(commands)
}

func simple(commands []shellCommand) bool {
	return !slices.ContainsFunc(commands, func(c shellCommand) bool { return shellKeyword.MatchString(c.words[0].value) })
}

var assignmentForm = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)=`)

// forgeScript is a build script of emscripten-forge on its way to a recipe.
type forgeScript struct {
	file   string // of which it is, with where its first line stands
	offset int    // of that line, from 0
	column int
	errs   *Errors
	note   func(at Position, format string, args ...any)

	lines                     []string // build.script
	settings                  []string // build.backend-flags
	cflags, cxxflags, ldflags []string
	installed                 bool // pip was met
	known                     map[string]bool
}

// begins says that the script stands at this place. A text of several lines begins below its mark.
func (s *forgeScript) begins(v *value) {
	s.offset, s.column = v.at.Line-1, v.at.Column
	if strings.Contains(v.text, "\n") {
		s.offset, s.column = v.at.Line, 1
	}
}

func (s *forgeScript) at(line int) Position { return Position{s.file, s.offset + line, s.column} }

func (s *forgeScript) refuse(line int, hint, format string, args ...any) {
	s.errs.add(s.at(line), hint, format, args...)
}

// convert reads the whole script.
func (s *forgeScript) convert(script string) {
	s.known = map[string]bool{"HOME": true, "PATH": true, "PWD": true, "PKG_VERSION": true}
	for _, c := range shellCommands(script, func(line int, format string, args ...any) {
		s.refuse(line, "write build.script by hand", format, args...)
	}) {
		s.command(c)
	}
	if !s.installed && len(s.errs.List) == 0 {
		s.errs.add(s.at(1), "only recipes of Python packages are converted", "the script does not install the package with pip")
	}
}

var forgePython = regexp.MustCompile(`^(\$PYTHON|\$\{PYTHON\}|python3?)$`)

func (s *forgeScript) command(c shellCommand) {
	words := c.words
	var assignments []shellWord
	for len(words) > 0 && assignmentForm.MatchString(words[0].raw) {
		assignments, words = append(assignments, words[0]), words[1:]
	}
	switch {
	case len(words) == 0:
		for _, a := range assignments {
			s.assign(c.line, a, false)
		}
	case s.onlyMesonCross(c):
		s.note(s.at(c.line), "left out, as the toolchain has a cross file of its own: %s", shorten(c.raw))
	case words[0].value == "set", words[0].value == "export" && len(words) > 1 && !strings.Contains(words[1].raw, "="):
		// how bash behaves is the farm's affair; what is assigned is exported anyway
	case words[0].value == "export":
		for _, a := range words[1:] {
			s.assign(c.line, a, true)
		}
	case len(words) > 3 && forgePython.MatchString(words[0].value) && words[1].value == "-m" && words[2].value == "pip" && words[3].value == "install":
		for _, a := range assignments {
			s.assign(c.line, a, true)
		}
		s.pip(c.line, words[4:])
	case len(words) > 1 && (words[0].value == "pip" || words[0].value == "pip3") && words[1].value == "install":
		for _, a := range assignments {
			s.assign(c.line, a, true)
		}
		s.pip(c.line, words[2:])
	default:
		s.carry(c, assignments, words)
	}
}

// onlyMesonCross says that a command does nothing but prepare a cross file of meson.
func (s *forgeScript) onlyMesonCross(c shellCommand) bool {
	if !slices.Contains([]string{"cp", "mv", "cat", "sed"}, c.words[0].value) {
		return false
	}
	found := false
	operands := c.words[1:]
	if c.write != "" {
		operands = append(slices.Clone(operands), shellWord{c.write, c.write})
	}
	for i, w := range operands {
		v := w.value
		switch {
		case strings.Contains(v, ".meson.") || strings.HasSuffix(v, "meson.cross"):
			found = true
		case strings.HasPrefix(v, "-"), v == "$SRC_DIR", v == "${SRC_DIR}", v == ".", c.words[0].value == "sed" && i == 0:
		default:
			return false
		}
	}
	return found
}

// pip reads what follows `pip install`.
func (s *forgeScript) pip(line int, words []shellWord) {
	if s.installed {
		s.refuse(line, "", "pip is called a second time")
		return
	}
	s.installed = true
	target := false
	for i := 0; i < len(words); i++ {
		v := words[i].value
		key, setting, attached := strings.Cut(v, "=")
		switch {
		case v == "." || v == "$SRC_DIR" || v == "${SRC_DIR}":
			target = true
		case slices.Contains([]string{"--no-deps", "--no-build-isolation", "--verbose", "--ignore-installed", "--no-cache-dir", "-I", "--no-index",
			"--disable-pip-version-check", "--no-input", "--force-reinstall", "$PIP_ARGS", "${PIP_ARGS}", "${{ PIP_ARGS }}"}, v),
			strings.HasPrefix(v, "-v") && strings.Trim(v, "-v") == "":
			// how the farm installs is its own affair
		case key == "--prefix" || v == "--prefix":
			if !attached {
				i++
			}
		case v == "-C", v == "--config-settings", v == "--config-setting":
			if i++; i < len(words) {
				s.setting(line, words[i].value)
			}
		case attached && (key == "--config-settings" || key == "--config-setting"):
			s.setting(line, setting)
		case strings.HasPrefix(v, "-C"):
			s.setting(line, strings.TrimPrefix(v, "-C"))
		default:
			s.refuse(line, "", "`%s` is not an option of pip that is converted", v)
		}
	}
	if !target {
		s.refuse(line, "", "pip installs something else than the source")
	}
}

func (s *forgeScript) setting(line int, text string) {
	key, v, _ := strings.Cut(text, "=")
	if key == "setup-args" && strings.HasPrefix(v, "--cross-file") {
		s.note(s.at(line), "left out, as the toolchain has a cross file of its own: %s", shorten(text))
		return
	}
	text, ok := s.variables(text)
	if !ok || strings.ContainsAny(text, " \t\n") {
		s.refuse(line, "", "the setting `%s` can't stand in build.backend-flags", shorten(text))
		return
	}
	s.settings = append(s.settings, text)
}

// abiFlags are what emscripten-forge's scripts pass for side modules. The toolchain knows its own.
var abiFlags = regexp.MustCompile(`^(-s ?)?(MODULARIZE|LINKABLE|EXPORT_ALL|WASM|LZ4|SIDE_MODULE|WASM_BIGINT|RELOCATABLE|ALLOW_MEMORY_GROWTH)(=\S*)?$|^-fPIC$|` +
	`^\$\{?(C|CXX|CPP|LD)FLAGS\}?$|^\$\{?EM_FORGE_\w+\}?$`)

// assign carries an assignment into the script. Compiler flags become those of the recipe.
func (s *forgeScript) assign(line int, w shellWord, exported bool) {
	name, v, _ := strings.Cut(w.value, "=")
	list := map[string]*[]string{"CFLAGS": &s.cflags, "CXXFLAGS": &s.cxxflags, "LDFLAGS": &s.ldflags}[name]
	if list == nil {
		raw, ok := s.variables(w.raw)
		if !ok {
			s.refuse(line, "", "`%s` has a value that only emscripten-forge knows", name)
			return
		}
		s.known[name] = true
		if exported {
			raw = "export " + raw
		}
		s.lines = append(s.lines, raw)
		return
	}
	fields, dropped := strings.Fields(v), []string{}
	for i := 0; i < len(fields); i++ {
		f := fields[i]
		if f == "-s" && i+1 < len(fields) {
			i++
			f += " " + fields[i]
		}
		if abiFlags.MatchString(f) || name == "LDFLAGS" && strings.HasPrefix(f, "-std=") {
			dropped = append(dropped, f)
			continue
		}
		f, ok := s.variables(f)
		if !ok {
			s.refuse(line, "", "`%s` in %s is known to emscripten-forge only", f, name)
			continue
		}
		*list = append(*list, strings.ReplaceAll(f, "${PKG_BUILD_DIR}", "$(PKG_BUILD_DIR)"))
	}
	if len(dropped) > 0 {
		s.note(s.at(line), "left out of %s, as the toolchain sets what modules need: %s", name, strings.Join(dropped, " "))
	}
}

var shellVariable = regexp.MustCompile(`\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)`)

// forgeVariables are conda's names for what our scripts know by another.
var forgeVariables = map[string]string{
	"SRC_DIR": "${PKG_BUILD_DIR}", "RECIPE_DIR": "${PKGDIR}", "PYTHON": "python", "CPU_COUNT": "${PYODIDE_JOBS}", "PKG_VERSION": "${PKG_VERSION}",
}

// variables translates conda's variables; ok is false where one has no counterpart.
func (s *forgeScript) variables(text string) (out string, ok bool) {
	if strings.Contains(strings.ReplaceAll(text, "${", ""), "{") && strings.Contains(text, "${{") {
		return text, false
	}
	ok = !strings.Contains(shellVariable.ReplaceAllString(text, ""), "$")
	return shellVariable.ReplaceAllStringFunc(text, func(m string) string {
		name := strings.Trim(m, "${}")
		if to, found := forgeVariables[name]; found {
			return to
		}
		ok = ok && s.known[name]
		return m
	}), ok
}

// carried are commands that do in our scripts what they do in theirs, before the build.
var carried = []string{"sed", "rm", "cp", "mv", "mkdir", "touch", "echo", "cat", "chmod"}

// carry takes a command over as it is.
func (s *forgeScript) carry(c shellCommand, assignments, words []shellWord) {
	name := words[0].value
	switch {
	case slices.Contains([]string{"cmake", "emcmake", "emconfigure", "emmake", "make", "ninja", "meson", "./configure", "./autogen.sh", "autoreconf"}, name):
		s.refuse(c.line, "write a recipe of type static_library or shared_library", "`%s` builds a library, which is not converted", shorten(c.raw))
	case s.installed:
		s.refuse(c.line, "build.post runs in the unpacked wheel", "`%s` comes after the installation, for which there is no prefix here", shorten(c.raw))
	case len(assignments) > 0 || !slices.Contains(carried, name):
		s.refuse(c.line, "write build.script by hand", "`%s` is not a command that is converted", shorten(c.raw))
	default:
		line, ok := s.variables(c.raw)
		if !ok {
			s.refuse(c.line, "write build.script by hand", "`%s` uses what only emscripten-forge knows", shorten(c.raw))
			return
		}
		s.lines = append(s.lines, line)
	}
}
