package index

import (
	"net/http"
	"regexp"
	"strings"
)

var (
	hostForm   = regexp.MustCompile(`^[A-Za-z0-9._\-\[\]:]+$`)
	prefixForm = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)
)

// base is the address of the index as the client sees it, without a slash at the end. What a proxy says about itself is
// believed only in the form of a host, scheme or path: it goes into links.
func (h *handler) base(r *http.Request) string {
	if h.options.BaseURL != "" {
		return strings.TrimSuffix(h.options.BaseURL, "/")
	}
	scheme, host, prefix := "http", r.Host, ""
	if r.TLS != nil {
		scheme = "https"
	}
	if p := forwarded(r, "X-Forwarded-Proto"); p == "http" || p == "https" {
		scheme = p
	}
	if f := forwarded(r, "X-Forwarded-Host"); hostForm.MatchString(f) {
		host = f
	}
	if p := strings.TrimSuffix(forwarded(r, "X-Forwarded-Prefix"), "/"); prefixForm.MatchString(p) {
		prefix = p
	}
	return scheme + "://" + host + prefix + h.options.Prefix
}

// forwarded is what the outermost proxy said: proxies append.
func forwarded(r *http.Request, header string) string {
	first, _, _ := strings.Cut(r.Header.Get(header), ",")
	return strings.TrimSpace(first)
}
