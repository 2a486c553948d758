//go:build integration

package recipe_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/recipe"
	"github.com/wasmill/wasmill/internal/wheel"
)

func httpGet(ctx context.Context, url, accept string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "%w", err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return nil, fault.Errorf(fault.NotFound, "%s: %s", url, resp.Status)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// The real index still answers in the form that the other tests assume.
func TestSkeletonFromPyPI(t *testing.T) {
	for _, c := range []struct{ name, version, sha256 string }{
		{"MarkupSafe", "3.0.3", "722695808f4b6457b320fdc131280796bdceb04ab50fe1795cd540799ebe1698"},
		{"msgpack", "", ""},
		{"distlib", "0.4.0", "feec40075be03a04501a973d81f633735b4b69f98b05450592310c0f401a4e0d"},
	} {
		release, err := recipe.FetchRelease(t.Context(), httpGet, "https://pypi.org/simple", c.name, c.version)
		if err != nil {
			t.Fatal(err)
		}
		s, err := release.Skeleton(recipe.Evidence{Target: wheel.Emscripten("3.15")})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s", s.Meta)
		if r := s.Recipe; r.Source.SHA256 != c.sha256 && c.sha256 != "" || r.About.Summary == "" || c.version != "" && r.Version != c.version {
			t.Errorf("%+v", r)
		}
	}
	if _, err := recipe.FetchRelease(t.Context(), httpGet, "https://pypi.org/simple", "markupsafe", "0.0.0.1"); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
}
