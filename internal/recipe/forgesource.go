package recipe

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
)

// sourceOnPyPI is an address by which a release of PyPI is known, on any of the hosts that lead there.
var sourceOnPyPI = regexp.MustCompile(`^https?://(?:pypi\.io|pypi\.org|pypi\.python\.org|files\.pythonhosted\.org)/packages/(.*?)([^/]+)$`)

func (f *forge) source(v *value) {
	list := f.items(v)
	if len(list) == 0 {
		f.refuse(v.at, "", "`source` is empty")
		return
	}
	for _, more := range list[1:] {
		f.refuse(more.at, "put it beside the recipe, and into the source by source.extras", "a second source is not converted")
	}
	f.each(list[0], "source", map[string]func(*value){
		"url": func(v *value) {
			urls := f.items(v)
			if len(urls) == 0 {
				return
			}
			if f.out.Source.URL, _ = f.text(urls[0], "source.url"); len(urls) > 1 {
				f.note(urls[1].at, "further addresses are left out: the farm keeps sources itself")
			}
		},
		"sha256":  func(v *value) { f.out.Source.SHA256, _ = f.text(v, "source.sha256") },
		"patches": f.patches,
		"path": func(v *value) {
			f.refuse(v.at, "", "`source.path`: a source that is not fetched is not converted")
		},
		"git": func(v *value) {
			f.refuse(v.at, "use an archive with its sha256", "`source.git`: what is fetched from a repository has no sha256")
		},
		"file_name": nil, "use_gitignore": nil, "md5": nil, "schema_version": nil,
	})
	if m := sourceOnPyPI.FindStringSubmatch(f.out.Source.URL); m != nil {
		f.out.Source.URL = "https://files.pythonhosted.org/packages/" + m[1] + m[2]
		for i, c := range m[2] {
			if c == '-' && f.project == "" && i+1 < len(m[2]) && m[2][i+1] >= '0' && m[2][i+1] <= '9' {
				f.project = m[2][:i]
			}
		}
	}
	if f.out.Source.SHA256 == "" && f.out.Source.URL != "" {
		f.refuse(list[0].at, "add the sha256 of the file", "`source` has no sha256: what is fetched could not be verified")
	}
}

func (f *forge) patches(v *value) {
	for _, item := range f.items(v) {
		name, ok := f.text(item, "source.patches")
		if !ok {
			continue
		}
		data, ok := f.read(item.at, name)
		if !ok {
			continue
		}
		if !stripsOne(data) {
			f.refuse(item.at, "make it anew with git", "the patch `%s` names files without the folders a/ and b/", name)
			continue
		}
		to := "patches/" + path.Base(name)
		if f.copies[to] != "" {
			f.refuse(item.at, "", "there are two patches of the name `%s`", path.Base(name))
			continue
		}
		f.copies[to] = name
		f.out.Source.Patches = append(f.out.Source.Patches, to)
	}
}

var patchedFile = regexp.MustCompile(`(?m)^(?:---|\+\+\+) ([^\t\n\r]+)`)

// stripsOne says whether a patch is one for `patch -p1`.
func stripsOne(patch []byte) bool {
	names := patchedFile.FindAllSubmatch(patch, -1)
	return len(names) == 0 || slices.ContainsFunc(names, func(m [][]byte) bool { return bytes.ContainsRune(m[1], '/') })
}

// read reads a file of the recipe's folder.
func (f *forge) read(at Position, name string) ([]byte, bool) {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		f.refuse(at, "", "`%s` leads out of the recipe's folder", name)
		return nil, false
	}
	data, err := os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(name)))
	if err != nil {
		f.refuse(at, "", "there is no file `%s` in the recipe's folder", name)
		return nil, false
	}
	return data, true
}
