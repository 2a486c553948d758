package index

import (
	"mime"
	"strconv"
	"strings"
)

// The forms of a page (PEP 691).
const (
	formJSON   = "application/vnd.pypi.simple.v1+json"
	formHTML   = "application/vnd.pypi.simple.v1+html"
	formLegacy = "text/html"
)

// offers are in the order of our preference: browsers and installers from before PEP 691 send "*/*" or nothing and
// expect text/html.
var offers = []struct{ form, name string }{
	{formLegacy, "html"}, {formJSON, "json"}, {formHTML, ""},
}

// negotiate chooses the form of a page by the query's format, which wins, or the header Accept. It is empty where none
// is acceptable.
func negotiate(format, accept string) string {
	if format != "" {
		format = strings.ReplaceAll(latest(format), " ", "+") // an unescaped + in a query means a space
		for _, o := range offers {
			if format == o.form || format == o.name {
				return o.form
			}
		}
		return ""
	}
	if strings.TrimSpace(accept) == "" {
		return formLegacy
	}
	best, bestQ := "", 0.0
	for _, o := range offers {
		if q := quality(o.form, accept); q > bestQ {
			best, bestQ = o.form, q
		}
	}
	return best
}

// quality is the q-value that a header Accept gives a media type: that of its most specific range (RFC 9110, 12.5.1).
func quality(form, accept string) float64 {
	q, specificity := 0.0, 0
	for part := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		s := 0
		major, _, _ := strings.Cut(form, "/")
		switch latest(media) {
		case form:
			s = 3
		case major + "/*":
			s = 2
		case "*/*":
			s = 1
		}
		if s <= specificity {
			continue
		}
		specificity, q = s, 1
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil || q < 0 || q > 1 {
				q = 0
			}
		}
	}
	return q
}

// latest is an alias that PEP 691 has for the newest version of the API that a server speaks.
func latest(media string) string {
	return strings.Replace(media, "application/vnd.pypi.simple.latest+", "application/vnd.pypi.simple.v1+", 1)
}
