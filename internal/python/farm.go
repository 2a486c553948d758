package python

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// interpreterRecipe is the recipe of Python for WASI.
const interpreterRecipe = "cpython-wasi"

// fromFarm is the archive of the farm's last Python for WASI that has passed. A farm is asked once: what it said is kept beside what it gave.
func (h home) fromFarm(ctx context.Context, server string) (string, error) {
	sum := sha256.Sum256([]byte(server))
	kept := filepath.Join(h.cache, "wasi", "farm-"+hex.EncodeToString(sum[:8]))
	if name, err := os.ReadFile(kept); err == nil {
		archive := filepath.Join(h.cache, "wasi", filepath.Base(string(name)))
		if _, err := os.Stat(archive); err == nil {
			return archive, nil
		}
	}
	var build record.Build
	err := askFarm(ctx, server, "/builds/"+interpreterRecipe+"?outcome="+string(record.Passed), func(body io.Reader) error {
		if err := json.NewDecoder(body).Decode(&build); err != nil {
			return fault.Errorf(fault.Unavailable, "reading its answer: %w", err)
		}
		return nil
	})
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return "", fault.Errorf(fault.NotFound, "no build of it has passed there: `wasmill submit --toolchain wasip1_cp313 %s` has it do so, or %s", interpreterRecipe, howToGet)
	}
	if err != nil {
		return "", err
	}
	if len(build.Artifacts) == 0 {
		return "", fault.Errorf(fault.Unavailable, "it answers for build %.12s that it has passed, and names no artifact", build.Key)
	}
	digest := build.Artifacts[0].Digest
	want := strings.TrimPrefix(string(digest), "sha256:")
	archive := filepath.Join(h.cache, "wasi", filepath.Base(want)+".tar.gz")
	err = askFarm(ctx, server, "/blobs/"+url.PathEscape(string(digest)), func(body io.Reader) error {
		return whole(archive, func(f *os.File) error {
			sum := sha256.New()
			if _, err := io.Copy(io.MultiWriter(f, sum), body); err != nil {
				return fault.Errorf(fault.Unavailable, "downloading it: %w", err)
			}
			if got := hex.EncodeToString(sum.Sum(nil)); got != want {
				return fault.Errorf(fault.Invalid, "what it sent has the sha256 %s instead of %s", got, want)
			}
			return nil
		})
	})
	if err != nil {
		return "", err
	}
	return archive, whole(kept, func(f *os.File) error {
		_, err := f.WriteString(filepath.Base(archive))
		return err
	})
}

// askFarm reads one answer of a farm's API, let in as wasmill is: by WASMILL_TOKEN and WASMILL_CA.
func askFarm(ctx context.Context, server, path string, read func(io.Reader) error) error {
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/api/v1"+path, nil)
	if err != nil {
		return fault.Errorf(fault.Invalid, "%w", err)
	}
	if token := strings.TrimSpace(os.Getenv("WASMILL_TOKEN")); token != "" {
		if err := access.InTheClear(req.URL); err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	roots, err := access.Roots(os.Getenv("WASMILL_CA"))
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return fault.Errorf(fault.Unavailable, "%w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var said struct{ Kind, Message string }
		const most = 64 << 10
		if json.NewDecoder(io.LimitReader(resp.Body, most)).Decode(&said) != nil || said.Message == "" {
			return fault.Errorf(fault.Unavailable, "%s", resp.Status)
		}
		return fault.Errorf(fault.Parse(said.Kind), "%s", said.Message)
	}
	return read(resp.Body)
}

// whole writes a file so that it is whole under its name, or not there.
func whole(name string, fill func(*os.File) error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return cacheError(err)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".writing-")
	if err != nil {
		return cacheError(err)
	}
	defer os.Remove(f.Name())
	if err := errors.Join(fill(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
