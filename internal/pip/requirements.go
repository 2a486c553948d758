package pip

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/wasmill/wasmill/internal/wheel"
)

// wanted is what a command line asks for, as far as it can be told without resolving.
type wanted struct {
	requirements []wheel.Requirement
	constraints  []wheel.Requirement
	projects     []string // names of local folders, which may be built
	locks        []string // pylock.toml files
	extra        []string // indexes that files name
	index        string
}

// wanted reads the command line and its files. What it can't read it passes over: uv reads all of it, and says what is wrong.
func (r *request) wanted(environment wheel.Environment) (*wanted, error) {
	w := &wanted{}
	for _, word := range r.words {
		if err := w.word(word); err != nil {
			return nil, err
		}
	}
	for _, dir := range r.editables {
		if err := w.folder(dir); err != nil {
			return nil, err
		}
	}
	for _, file := range r.files {
		if isLock(file) {
			w.locks = append(w.locks, file)
			continue
		}
		if err := w.file(file, false, 0); err != nil {
			return nil, err
		}
	}
	for _, file := range r.constraints {
		if err := w.file(file, true, 0); err != nil {
			return nil, err
		}
	}
	applying := w.requirements[:0]
	for _, q := range w.requirements {
		if q.Applies(environment) {
			applying = append(applying, q)
		}
	}
	w.requirements = applying
	return w, nil
}

// isLock goes by the names that PEP 751 gives lock files.
func isLock(file string) bool {
	base := filepath.Base(file)
	return base == "pylock.toml" || strings.HasPrefix(base, "pylock.") && strings.HasSuffix(base, ".toml")
}

func (w *wanted) word(word string) error {
	for _, system := range []string{"git+", "hg+", "svn+", "bzr+"} {
		if strings.HasPrefix(word, system) || strings.Contains(word, "@ "+system) || strings.Contains(word, "@"+system) {
			return failed("%s: projects are not taken from version control here, as their build may run anything: clone it yourself, and install the folder", word)
		}
	}
	if strings.Contains(word, "://") && !strings.Contains(word, "@") {
		return nil
	}
	if isPath(word) {
		path, _, _ := strings.Cut(word, "[")
		if strings.HasSuffix(path, ".whl") {
			return w.wheel(path)
		}
		return w.folder(word)
	}
	if q, err := wheel.ParseRequirement(word); err == nil {
		w.requirements = append(w.requirements, q)
	}
	return nil
}

func (w *wanted) wheel(file string) error {
	opened, err := wheel.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return failed("Requirement %q looks like a filename, but the file does not exist", file)
	}
	if err != nil {
		return failed("%s: %v", file, err)
	}
	defer opened.Close()
	w.requirements = append(w.requirements, opened.Metadata.RequiresDist...)
	return nil
}

// folder is a project's: it has to have a name, by which alone uv lets it be built.
func (w *wanted) folder(word string) error {
	dir, extras, _ := strings.Cut(word, "[")
	dir = strings.TrimPrefix(dir, "file://")
	if info, err := os.Stat(dir); err != nil {
		return failed("%s: there is no such project folder", dir)
	} else if !info.IsDir() {
		return nil // an archive: uv says what it makes of it
	}
	p := readProject(dir)
	if p.name == "" {
		return failed("%s: neither pyproject.toml, setup.cfg nor setup.py tells the project's name: write a pyproject.toml with [project]", dir)
	}
	w.projects = append(w.projects, p.name)
	chosen := strings.Split(strings.TrimSuffix(extras, "]"), ",")
	for _, text := range p.dependencies {
		if q, err := wheel.ParseRequirement(text); err == nil {
			w.requirements = append(w.requirements, q)
		}
	}
	for _, extra := range chosen {
		for _, text := range p.optional[strings.TrimSpace(extra)] {
			if q, err := wheel.ParseRequirement(text); err == nil {
				w.requirements = append(w.requirements, q)
			}
		}
	}
	return nil
}

type project struct {
	name         string
	dependencies []string
	optional     map[string][]string
}

var (
	cfgName   = regexp.MustCompile(`(?m)^\[metadata\][^\[]*?^name\s*=\s*([\w.-]+)`)
	setupName = regexp.MustCompile(`\bname\s*=\s*["']([\w.-]+)["']`)
)

func readProject(dir string) project {
	var p struct {
		Project struct {
			Name         string
			Dependencies []string
			Optional     map[string][]string `toml:"optional-dependencies"`
		}
		Tool struct {
			Poetry struct{ Name string }
		}
	}
	if data, err := os.ReadFile(filepath.Join(dir, "pyproject.toml")); err == nil && toml.Unmarshal(data, &p) == nil {
		if p.Project.Name != "" {
			return project{p.Project.Name, p.Project.Dependencies, p.Project.Optional}
		}
		if p.Tool.Poetry.Name != "" {
			return project{name: p.Tool.Poetry.Name}
		}
	}
	for file, form := range map[string]*regexp.Regexp{"setup.cfg": cfgName, "setup.py": setupName} {
		if data, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
			if m := form.FindSubmatch(data); m != nil {
				return project{name: string(m[1])}
			}
		}
	}
	return project{}
}

var (
	comment   = regexp.MustCompile(`(^|\s)#.*$`)
	variables = regexp.MustCompile(`\$\{([A-Z0-9_]+)\}`)
	hashes    = regexp.MustCompile(`\s--hash[= ]\S+`)
)

// file reads a file of requirements, or of constraints.
func (w *wanted) file(name string, constraints bool, depth int) error {
	const deepest = 10
	if depth > deepest || strings.Contains(name, "://") {
		return nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return failed("Could not open requirements file: %v", err)
	}
	joined := strings.ReplaceAll(strings.ReplaceAll(string(data), "\\\r\n", " "), "\\\n", " ")
	for line := range strings.Lines(joined) {
		line = strings.TrimSpace(hashes.ReplaceAllString(comment.ReplaceAllString(strings.TrimSpace(line), ""), ""))
		line = variables.ReplaceAllStringFunc(line, func(v string) string { return os.Getenv(v[2 : len(v)-1]) })
		if line == "" {
			continue
		}
		if err := w.line(line, filepath.Dir(name), constraints, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *wanted) line(line, dir string, constraints bool, depth int) error {
	if !strings.HasPrefix(line, "-") {
		if constraints {
			if q, err := wheel.ParseRequirement(line); err == nil {
				w.constraints = append(w.constraints, q)
			}
			return nil
		}
		if !filepath.IsAbs(line) && isPathIn(dir, line) {
			line = filepath.Join(dir, line)
		}
		return w.word(line)
	}
	name, value, joined := strings.Cut(line, "=")
	if !joined || !strings.HasPrefix(line, "--") {
		name, value, _ = strings.Cut(line, " ")
	}
	value = strings.TrimSpace(value)
	beside := value
	if !filepath.IsAbs(value) {
		beside = filepath.Join(dir, value)
	}
	switch name {
	case "-r", "--requirement":
		return w.file(beside, constraints, depth+1)
	case "-c", "--constraint":
		return w.file(beside, true, depth+1)
	case "-e", "--editable":
		return w.folder(beside)
	case "-i", "--index-url":
		w.index = value
	case "--extra-index-url":
		w.extra = append(w.extra, value)
	}
	return nil
}

func isPathIn(dir, word string) bool {
	return strings.HasPrefix(word, ".") || strings.Contains(word, "/") && isPath(filepath.Join(dir, word))
}
