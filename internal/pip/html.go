package pip

import (
	"encoding/json"
	"html"
	"regexp"
	"strings"
)

var (
	anchor    = regexp.MustCompile(`(?is)<a\s([^>]*)>(.*?)</a>`)
	attribute = regexp.MustCompile(`(?is)([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')`)
)

// pageFromHTML makes a project's page in HTML (PEP 503) what it is in JSON (PEP 691). Private indexes may have nothing else.
func pageFromHTML(page []byte) ([]byte, error) {
	type file struct {
		Filename string            `json:"filename"`
		URL      string            `json:"url"`
		Hashes   map[string]string `json:"hashes"`
		Python   string            `json:"requires-python,omitempty"`
		Yanked   any               `json:"yanked,omitempty"`
	}
	files := []file{}
	for _, a := range anchor.FindAllSubmatch(page, -1) {
		f := file{Filename: strings.TrimSpace(html.UnescapeString(string(a[2]))), Hashes: map[string]string{}}
		for _, m := range attribute.FindAllSubmatch(a[1], -1) {
			value := html.UnescapeString(string(m[2]) + string(m[3]))
			switch strings.ToLower(string(m[1])) {
			case "href":
				address, hash, _ := strings.Cut(value, "#")
				f.URL = address
				if name, sum, ok := strings.Cut(hash, "="); ok {
					f.Hashes[name] = sum
				}
			case "data-requires-python":
				f.Python = value
			case "data-yanked":
				f.Yanked = "yanked: " + value
			}
		}
		files = append(files, f)
	}
	return json.Marshal(map[string]any{"files": files})
}
