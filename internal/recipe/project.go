package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel"
)

// pyproject is what is read of a pyproject.toml (PyPA specifications, "pyproject.toml specification").
type pyproject struct {
	Project *struct {
		Name         string            `toml:"name"`
		Version      string            `toml:"version"`
		Description  string            `toml:"description"`
		Dynamic      []string          `toml:"dynamic"`
		Dependencies []string          `toml:"dependencies"`
		License      any               `toml:"license"`
		URLs         map[string]string `toml:"urls"`
	} `toml:"project"`
	BuildSystem struct {
		Requires []string `toml:"requires"`
	} `toml:"build-system"`
	Tool struct {
		Wasmill map[string]any `toml:"wasmill"`
	} `toml:"tool"`
}

// FromProject makes a recipe in memory for a project's folder that has a pyproject.toml and no recipe. The source is
// the folder. Name, version, summary, license and home come from [project]; what depends on nothing but the package
// itself becomes run requirements, what has an environment marker does not. One that is built with maturin or
// setuptools-rust needs Rust. A table [tool.wasmill] takes the keys of a recipe's section of that name, for what
// pyproject.toml can't say: `pure = true`, for example.
//
// A dynamic version is not known before the build: Version is then empty, and the built wheel tells it.
//
// A folder without pyproject.toml is fault.NotFound; one that doesn't tell the name, or has mistakes in [tool.wasmill],
// is fault.Invalid.
func FromProject(dir string) (*Recipe, error) {
	file := filepath.Join(dir, "pyproject.toml")
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Errorf(fault.NotFound, "reading project: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading project: %w", err)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("reading project: %w", err)
	}
	r, errs := parseProject(file, data)
	if err := errs.err(); err != nil {
		return nil, err
	}
	r.Dir = abs
	return r, nil
}

// RunOn adds what a project requires on a target only: its markers are looked at, which [FromProject] can't. One that can't be read
// holds nowhere.
func (r *Recipe) RunOn(target wheel.Environment) {
	for _, req := range r.RequiresOn(target) {
		if req.Marker != "" && !slices.Contains(r.Requirements.Run, req.Name) {
			r.run(req.Name)
		}
	}
}

// RequiresOn is what a project, or the release that a recipe was made of, says that it requires on a target, with the versions that
// it goes with: a recipe has names only. What can't be read is left out.
func (r *Recipe) RequiresOn(target wheel.Environment) (out []wheel.Requirement) {
	for _, d := range r.dependsOn {
		if req, err := wheel.ParseRequirement(d); err == nil && req.Applies(target) {
			out = append(out, req)
		}
	}
	return out
}

func (r *Recipe) run(name string) {
	r.positions[fmt.Sprintf("requirements.run[%d]", len(r.Requirements.Run))] = r.positions["package"]
	r.Requirements.Run = append(r.Requirements.Run, name)
}

// CompileAgainst makes host dependencies of those recipes of a set that a project's build requires and that others are
// compiled against (build.cross-build-env): a pyproject.toml has no other place to say so.
func (r *Recipe) CompileAgainst(set *Set) {
	for _, name := range r.requires {
		host := set.Get(name)
		if host == nil || !host.Build.CrossBuildEnv || slices.Contains(r.Requirements.Host, host.Name) {
			continue
		}
		r.positions[fmt.Sprintf("requirements.host[%d]", len(r.Requirements.Host))] = r.positions["package"]
		r.Requirements.Host = append(r.Requirements.Host, host.Name)
	}
}

func parseProject(file string, data []byte) (*Recipe, *Errors) {
	r, errs := defaults(file), &Errors{}
	var p pyproject
	if err := toml.Unmarshal(data, &p); err != nil {
		at, message := Position{file, 1, 1}, err.Error()
		if decode := (*toml.DecodeError)(nil); errors.As(err, &decode) {
			at.Line, at.Column = decode.Position()
			message = strings.TrimPrefix(decode.Error(), "toml: ")
		}
		errs.add(at, "", "not a valid pyproject.toml: %s", message)
		return r, errs
	}
	if p.Project == nil || p.Project.Name == "" {
		errs.add(Position{file, 1, 1}, "add a [project] table with a name, or write a recipe", "[project] does not tell the project's name")
		return r, errs
	}
	project := header(file, data, "project")
	r.positions["package"], r.positions["package.name"] = project, project
	r.Name, r.Version = p.Project.Name, p.Project.Version
	if !nameForm.MatchString(r.Name) {
		errs.add(project, "", "`%s` is not a package's name", r.Name)
	}
	dynamic := slices.Contains(p.Project.Dynamic, "version")
	switch {
	case r.Version == "" && !dynamic:
		errs.add(project, `add version = "…", or dynamic = ["version"]`, "[project] has no version")
	case r.Version != "" && dynamic:
		errs.add(project, "remove one of them", "[project] has a version, and says that it is dynamic")
	}
	r.Source.Path, r.Wasmill.DynamicVersion = ".", dynamic
	r.About = About{Home: homePage(p.Project.URLs), Summary: p.Project.Description}
	switch license := p.Project.License.(type) {
	case string:
		r.About.License = license
	case map[string]any:
		if text, ok := license["text"].(string); ok {
			r.About.License = shorten(text)
		}
	}
	for _, d := range p.Project.Dependencies {
		r.dependsOn = append(r.dependsOn, d)
		if name, marker := requirement(d); name != "" && marker == "" {
			r.run(name)
		}
	}
	for _, d := range p.BuildSystem.Requires {
		name, _ := requirement(d)
		r.requires = append(r.requires, name)
		if Canonical(name) == "maturin" || Canonical(name) == "setuptools-rust" {
			r.Requirements.Executable = []string{"cargo", "rustc"}
		}
	}
	if p.Tool.Wasmill != nil {
		at := header(file, data, "tool.wasmill")
		d := &decoder{recipe: r, errs: errs, failed: map[string]bool{}}
		i := slices.IndexFunc(schema, func(s section) bool { return s.name == "wasmill" })
		d.section(schema[i], entry{"wasmill", at, valueOf(p.Tool.Wasmill, at)})
		r.Wasmill.DynamicVersion = dynamic // [project] decides
		c := checker{r, errs, d.failed}
		c.wasmill()
		c.testSuite()
	}
	return r, errs
}

// header is where the table of a name begins; the TOML library gives no places for what it has decoded.
func header(file string, data []byte, table string) Position {
	for i, line := range strings.Split(string(data), "\n") {
		if strings.TrimSpace(strings.SplitN(line, "#", 2)[0]) == "["+table+"]" {
			return Position{file, i + 1, 1}
		}
	}
	return Position{file, 1, 1}
}

// valueOf brings TOML data into the form that the schema's setters read.
func valueOf(data any, at Position) *value {
	v := &value{at: at, shape: isText}
	switch data := data.(type) {
	case string:
		v.text = data
	case bool:
		v.shape, v.yes, v.text = isBool, data, fmt.Sprint(data)
	case time.Time:
		v.text = data.Format(time.RFC3339)
	case []any:
		v.shape = isList
		for _, item := range data {
			v.items = append(v.items, valueOf(item, at))
		}
	case map[string]any:
		v.shape = isMapping
		for name, item := range data {
			v.keys = append(v.keys, entry{name, at, valueOf(item, at)})
		}
		slices.SortFunc(v.keys, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	default:
		v.shape, v.text = isNumber, fmt.Sprint(data)
	}
	return v
}

var requirementForm = regexp.MustCompile(`^\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)`)

// requirement takes the name and the environment marker out of a requirement (PEP 508); the name is empty if it is not
// one.
func requirement(s string) (name, marker string) {
	spec, marker, _ := strings.Cut(s, ";")
	if m := requirementForm.FindStringSubmatch(spec); m != nil {
		name = m[1]
	}
	return name, strings.TrimSpace(marker)
}

// homePage picks one URL out of those that a project names (well-known labels of the core metadata specification).
func homePage(urls map[string]string) string {
	byLabel := map[string]string{}
	for label, url := range urls {
		byLabel[strings.ToLower(label)] = url
	}
	for _, label := range []string{"homepage", "home", "repository", "source", "source code", "github", "documentation"} {
		if url := byLabel[label]; url != "" {
			return url
		}
	}
	return ""
}
