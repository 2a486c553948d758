package index

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/world"
)

// apiVersion is 1.1: PEP 700 asks for versions, size and upload-time.
const apiVersion = "1.1"

type meta struct {
	APIVersion string `json:"api-version"`
}

type projectRef struct {
	Name string `json:"name"`
	URL  string `json:"-"`
}

type projectList struct {
	Meta     meta         `json:"meta"`
	Projects []projectRef `json:"projects"`
}

type projectPage struct {
	Meta     meta       `json:"meta"`
	Name     string     `json:"name"`
	Versions []string   `json:"versions"`
	Files    []pageFile `json:"files"`
}

type pageFile struct {
	Filename       string            `json:"filename"`
	URL            string            `json:"url"`
	Hashes         map[string]string `json:"hashes"`
	RequiresPython string            `json:"requires-python,omitempty"`
	Size           int64             `json:"size"`
	UploadTime     string            `json:"upload-time,omitempty"`
	Yanked         any               `json:"yanked"` // false, true or the reason
	CoreMetadata   any               `json:"core-metadata"`
	Reason         *string           `json:"-"`
	// Verdicts say by runtime where the file can work; the key begins as PEP 691 asks of private ones.
	Verdicts map[string]world.Verdict `json:"_runtimes,omitempty"`
	Runtimes []onRuntime              `json:"-"` // the same for people
}

// onRuntime is whether a file can work on a runtime, and what is missing there.
type onRuntime struct {
	Runtime string
	Verdict world.Verdict
	Missing []string
}

func onRuntimes(r *record.Requires) (list []onRuntime) {
	if r == nil {
		return nil
	}
	for _, runtime := range world.Runtimes() {
		missing := world.Check(*r, runtime)
		on := onRuntime{Runtime: runtime.Name, Verdict: world.VerdictOf(missing)}
		for _, m := range missing {
			on.Missing = append(on.Missing, m.String())
		}
		list = append(list, on)
	}
	return list
}

// Measured says whether anything is known of where the files can work.
func (p projectPage) Measured() bool {
	return slices.ContainsFunc(p.Files, func(f pageFile) bool { return len(f.Runtimes) > 0 })
}

// Runtimes are the heads of the table.
func (p projectPage) Runtimes() []world.Runtime { return world.Runtimes() }

// page describes a project's files under addresses that begin with base.
func (s *Snapshot) page(project, base string) projectPage {
	p := projectPage{Meta: meta{apiVersion}, Name: project, Versions: []string{}, Files: []pageFile{}}
	for _, f := range s.projects[project] {
		if n := len(p.Versions); n == 0 || p.Versions[n-1] != f.Version {
			p.Versions = append(p.Versions, f.Version)
		}
		out := pageFile{
			Filename: f.Filename, URL: base + filePath(f), Hashes: map[string]string{"sha256": hexOf(f.Digest)},
			RequiresPython: f.RequiresPython, Size: f.Size, Yanked: false, CoreMetadata: false, Reason: f.Yanked, Runtimes: onRuntimes(f.Requires),
		}
		for _, on := range out.Runtimes {
			if out.Verdicts == nil {
				out.Verdicts = map[string]world.Verdict{}
			}
			out.Verdicts[on.Runtime] = on.Verdict
		}
		if !f.Uploaded.IsZero() {
			out.UploadTime = f.Uploaded.UTC().Format("2006-01-02T15:04:05.000000Z") // PEP 700: no more than six digits
		}
		if f.Yanked != nil && *f.Yanked != "" {
			out.Yanked = *f.Yanked
		} else if f.Yanked != nil {
			out.Yanked = true
		}
		if f.Metadata != "" {
			out.CoreMetadata = map[string]string{"sha256": hexOf(f.Metadata)}
		}
		p.Files = append(p.Files, out)
	}
	return p
}

func (s *Snapshot) list(base string) projectList {
	l := projectList{Meta: meta{apiVersion}, Projects: []projectRef{}}
	for _, name := range s.Projects() {
		l.Projects = append(l.Projects, projectRef{Name: name, URL: base + "/simple/" + name + "/"})
	}
	return l
}

// library is one archive in the list of libraries.
type library struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Filename string `json:"filename"`
	URL      string `json:"url"`
	SHA256   string `json:"sha256"`
	Size     int64  `json:"size"` // bytes
}

func (s *Snapshot) libraryList(base string) []library {
	list := []library{}
	for _, f := range s.libraries {
		list = append(list, library{f.Project, f.Version, f.Filename, base + filePath(f), hexOf(f.Digest), f.Size})
	}
	return list
}

var librariesHTML = template.Must(template.New("libraries").Parse(`<!DOCTYPE html>
<html>
<head><title>Libraries</title></head>
<body>
<h1>Libraries</h1>
<p>Headers, static or shared libraries and pkg-config's files. Unpack one anywhere and point PKG_CONFIG_PATH at its lib/pkgconfig.</p>
{{range .}}<a href="{{.URL}}#sha256={{.SHA256}}">{{.Filename}}</a> {{.Name}} {{.Version}}<br>
{{end}}</body>
</html>
`))

func renderLibraries(form string, list []library) ([]byte, error) {
	return renderAs(form == "application/json", librariesHTML, list)
}

// PEP 503 in HTML 5. core-metadata stands under its old name too: installers from before PEP 714 look for that one.
var (
	listHTML = template.Must(template.New("list").Parse(`<!DOCTYPE html>
<html>
<head>
<meta name="pypi:repository-version" content="{{.Meta.APIVersion}}">
<title>Simple index</title>
</head>
<body>
{{range .Projects}}<a href="{{.URL}}">{{.Name}}</a><br>
{{end}}</body>
</html>
`))
	pageHTML = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html>
<head>
<meta name="pypi:repository-version" content="{{.Meta.APIVersion}}">
<title>Links for {{.Name}}</title>
</head>
<body>
<h1>Links for {{.Name}}</h1>
{{range .Files}}<a href="{{.URL}}#sha256={{.Hashes.sha256}}"
{{- with .RequiresPython}} data-requires-python="{{.}}"{{end}}
{{- with .CoreMetadata}} data-core-metadata="sha256={{.sha256}}" data-dist-info-metadata="sha256={{.sha256}}"{{end}}
{{- with .Reason}} data-yanked="{{.}}"{{end}}>{{.Filename}}</a><br>
{{end}}
{{- if .Measured}}<h2>Where they can work</h2>
<table>
<tr><th>file</th>{{range .Runtimes}}<th title="{{.About}}">{{.Name}}</th>{{end}}</tr>
{{range .Files}}{{if .Runtimes}}<tr><td>{{.Filename}}</td>{{range .Runtimes}}<td{{with .Missing}} title="{{range .}}{{.}}; {{end}}"{{end}}>{{.Verdict}}</td>{{end}}</tr>
{{end}}{{end}}</table>
<p>As far as what a file imports and what was measured on a runtime say; partly: it loads, and some calls fail.</p>
{{end}}</body>
</html>
`))
)

// render gives a page its form.
func render(form string, t *template.Template, page any) ([]byte, error) {
	return renderAs(form == formJSON, t, page)
}

func renderAs(asJSON bool, t *template.Template, page any) ([]byte, error) {
	var b bytes.Buffer
	var err error
	if asJSON {
		err = json.NewEncoder(&b).Encode(page)
	} else {
		err = t.Execute(&b, page)
	}
	if err != nil {
		return nil, fmt.Errorf("rendering the index: %w", err)
	}
	return b.Bytes(), nil
}

// contentType names the character set where the form leaves it open.
func contentType(form string) string {
	if strings.HasSuffix(form, "json") {
		return form
	}
	return form + "; charset=utf-8"
}
