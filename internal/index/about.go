package index

import (
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/term"
	"github.com/wasmill/wasmill/internal/wheel"
	"github.com/wasmill/wasmill/internal/world"
)

// Pages for people, of what installers don't see, too: /packages/ and /apps/. The pages that installers read have wheels alone.

const (
	packages = "packages"
	apps     = "apps"
)

type aboutList struct {
	Title string       `json:"-"`
	Names []aboutEntry `json:"names"`
}

type aboutEntry struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

type aboutPage struct {
	Name  string      `json:"name"`
	Files []aboutFile `json:"files"`
}

type aboutFile struct {
	Filename  string                   `json:"filename"`
	Kind      string                   `json:"kind"`
	Version   string                   `json:"version"`
	Toolchain string                   `json:"toolchain"`
	URL       string                   `json:"url"`
	SHA256    string                   `json:"sha256"`
	Size      int64                    `json:"size_bytes"`
	Record    string                   `json:"record"`        // address of the build's record, which names its provenance
	Command   string                   `json:"command"`       // what one does with the file
	WIT       string                   `json:"wit,omitempty"` // the command that writes what the file imports as a world of the component model
	Verdicts  map[string]world.Verdict `json:"runtimes,omitempty"`
	On        []onRuntime              `json:"-"`
}

// InWords is the size for people.
func (f aboutFile) InWords() string { return term.Bytes(f.Size) }

// about are the files of a name in a section, the newest version first.
func (s *Snapshot) about(section, name, base string) (p aboutPage) {
	files := slices.Concat(s.projects[name], s.linked[name])
	if section == apps {
		files = s.apps[name]
	}
	p = aboutPage{Name: name, Files: []aboutFile{}}
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b File) int { return -compareVersions(a.Version, b.Version) })
	for _, f := range files {
		out := aboutFile{
			Filename: f.Filename, Kind: f.Kind, Version: f.Version, Toolchain: f.Toolchain, URL: base + "/" + section + "/" + name + "/" + url.PathEscape(f.Filename),
			SHA256: hexOf(f.Digest), Size: f.Size, Record: base + "/api/v1/builds/" + f.Key, Command: command(f, base), On: onRuntimes(f.Requires),
		}
		if f.Requires != nil && f.Kind != record.KindStatic { // what is yet to be linked imports nothing
			out.WIT = "wasmill check --wit " + f.Filename
		}
		for _, on := range out.On {
			if out.Verdicts == nil {
				out.Verdicts = map[string]world.Verdict{}
			}
			out.Verdicts[on.Runtime] = on.Verdict
		}
		p.Files = append(p.Files, out)
	}
	return p
}

func command(f File, base string) string {
	name := wheel.Normalize(f.Project)
	switch f.Kind {
	case record.KindStatic:
		return "wasmill app " + name + "==" + f.Version + " --out python.wasm"
	case record.KindApp:
		return "wasmill exec " + f.Filename
	}
	return "python-wasm -m pip install --extra-index-url " + base + "/simple/ " + name + "==" + f.Version
}

func (s *Snapshot) named(section string) []string {
	if section == apps {
		return slices.Sorted(maps.Keys(s.apps))
	}
	names := slices.AppendSeq(slices.Collect(maps.Keys(s.projects)), maps.Keys(s.linked))
	slices.Sort(names)
	return slices.Compact(names)
}

// aboutAll lists a section.
func (h *handler) aboutAll(section, title string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		return h.forPeople(w, r, aboutListHTML, func(s *Snapshot, base string) (any, error) {
			list := aboutList{Title: title, Names: []aboutEntry{}}
			for _, name := range s.named(section) {
				list.Names = append(list.Names, aboutEntry{name, base + "/" + section + "/" + name + "/"})
			}
			return list, nil
		})
	}
}

// aboutOne is the page of one project or app.
func (h *handler) aboutOne(section string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		given := r.PathValue("name")
		name := wheel.Normalize(given)
		if name != given || !strings.HasSuffix(r.URL.Path, "/") {
			h.redirect(w, r, "/"+section+"/"+url.PathEscape(name)+"/")
			return nil
		}
		return h.forPeople(w, r, aboutHTML, func(s *Snapshot, base string) (any, error) {
			p := s.about(section, name, base)
			if len(p.Files) == 0 {
				return nil, fault.Errorf(fault.NotFound, "nothing of the name %s is published here; %s/%s/ lists what is", name, base, section)
			}
			return p, nil
		})
	}
}

// aboutFile is a file under its plain address: the one of this name that is published now.
func (h *handler) aboutFile(section string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		s, err := h.catalog.Snapshot(r.Context())
		if err != nil {
			return err
		}
		name, filename := r.PathValue("name"), r.PathValue("file")
		for _, f := range s.about(section, name, "").Files {
			if f.Filename == filename {
				return h.send(w, r, record.Digest("sha256:"+f.SHA256), contentTypeOf(filename), "no-cache")
			}
		}
		return fault.Errorf(fault.NotFound, "no file %s of %s in this index", filename, name)
	}
}

// contentTypeOf lets browsers compile a program while it is on its way.
func contentTypeOf(filename string) string {
	if strings.HasSuffix(filename, ".wasm") {
		return "application/wasm"
	}
	return "application/octet-stream"
}

// forPeople answers with HTML or, where it is asked for, JSON.
func (h *handler) forPeople(w http.ResponseWriter, r *http.Request, t *template.Template, build func(*Snapshot, string) (any, error)) error {
	w.Header().Add("Vary", "Accept")
	s, err := h.catalog.Snapshot(r.Context())
	if err != nil {
		return err
	}
	page, err := build(s, h.base(r))
	if err != nil {
		return err
	}
	form := formLegacy
	if r.URL.Query().Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json") {
		form = "application/json"
	}
	body, err := renderAs(form != formLegacy, t, page)
	if err != nil {
		return err
	}
	serveText(w, r, contentType(form), body)
	return nil
}

// Runtimes are the heads of the table.
func (p aboutPage) Runtimes() []world.Runtime { return world.Runtimes() }

const aboutStyle = `<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
table { border-collapse: collapse } th, td { border-bottom: 1px solid #ccc; padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: top }
code { background: #f3f3f3; padding: .1rem .3rem } .sum { overflow-wrap: anywhere }
.no { color: #a00 } .yes { color: #060 }
</style>
`

var (
	aboutListHTML = template.Must(template.New("about list").Parse(`<!DOCTYPE html>
<html lang="en">
<head><title>{{.Title}}</title>
` + aboutStyle + `</head>
<body>
<h1>{{.Title}}</h1>
{{range .Names}}<a href="{{.URL}}">{{.Name}}</a><br>
{{else}}<p>Nothing is published yet.</p>
{{end}}</body>
</html>
`))
	aboutHTML = template.Must(template.New("about").Parse(`<!DOCTYPE html>
<html lang="en">
<head><title>{{.Name}}</title>
` + aboutStyle + `</head>
<body>
<h1>{{.Name}}</h1>
{{range .Files}}<h2>{{.Version}} for {{.Toolchain}}</h2>
<p><a href="{{.URL}}">{{.Filename}}</a>, {{.InWords}}, <a href="{{.Record}}">record and provenance</a><br>
<span class="sum">sha256 {{.SHA256}}</span><br>
<code>{{.Command}}</code>{{with .WIT}}<br>
what it imports, as WIT: <code>{{.}}</code>{{end}}</p>
{{end}}<h2>Where they can work</h2>
<table>
<tr><th>file</th>{{range .Runtimes}}<th title="{{.About}}">{{.Name}}</th>{{end}}</tr>
{{range .Files}}{{if .On}}<tr><td>{{.Filename}}</td>{{range .On}}<td class="{{.Verdict}}"{{with .Missing}} title="{{range .}}{{.}}; {{end}}"{{end}}>{{.Verdict}}</td>{{end}}</tr>
{{end}}{{end}}</table>
<p>As far as what a file imports and what was measured on a runtime say; partly: it loads, and some calls fail. A package for WASI is linked into a program,
which works where its row says so.</p>
</body>
</html>
`))
)
