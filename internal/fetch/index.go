package fetch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/wheel"
)

// simpleJSON is the media type of the JSON form of a simple index (PEP 691).
const simpleJSON = "application/vnd.pypi.simple.v1+json"

// maxIndexPage bounds what is read of a project's page; the largest on PyPI have about 30 MB.
const maxIndexPage = 128 << 20

func (f *Fetcher) index() string {
	if f.Index == "" {
		return DefaultIndex
	}
	return strings.TrimSuffix(f.Index, "/") + "/"
}

func (f *Fetcher) indexPage(project string) string { return f.index() + wheel.Normalize(project) + "/" }

// lookup finds the address of the file with this hash on a project's page.
func (f *Fetcher) lookup(ctx context.Context, page, sum string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return "", fault.Errorf(fault.Invalid, "reading the address: %w", err)
	}
	req.Header.Set("Accept", simpleJSON)
	req.Header.Set("User-Agent", userAgent)
	resp, err := f.client().Do(req)
	if err != nil {
		return "", connectError(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", statusError(resp)
	}
	var project struct {
		Files []struct {
			URL    string            `json:"url"`
			Hashes map[string]string `json:"hashes"`
		} `json:"files"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, maxIndexPage)).Decode(&project); err != nil {
		return "", again(fmt.Errorf("reading the page as %s: %w", simpleJSON, err))
	}
	for _, file := range project.Files {
		if file.Hashes["sha256"] != sum {
			continue
		}
		// Addresses may be relative to the page, where it lies after redirections.
		u, err := resp.Request.URL.Parse(file.URL)
		if err != nil {
			return "", fault.Errorf(fault.Invalid, "reading the address of a file: %w", err)
		}
		return withoutFragment(u), nil
	}
	return "", fault.Errorf(fault.NotFound, "none of the %d files there has this sha256", len(project.Files))
}

func withoutFragment(u *url.URL) string {
	clean := *u
	clean.Fragment = ""
	return clean.String()
}
