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
		// Its wheels are for any platform: one of them is hosted again.
		{"distlib", "0.4.0", "9659f7d87e46584a30b5780e43ac7a2143098441670ff0a49d5f9034c54a6c16"},
	} {
		release, err := recipe.FetchRelease(t.Context(), httpGet, "https://pypi.org/simple", c.name, c.version, nil)
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
	if _, err := recipe.FetchRelease(t.Context(), httpGet, "https://pypi.org/simple", "markupsafe", "0.0.0.1", nil); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
}
