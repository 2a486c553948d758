package orchestrator

import (
	"crypto/x509"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/access/accesstest"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/oci"
	"github.com/wasmill/wasmill/internal/store"
)

// withCertificate gives a farm on 127.0.0.2 a certificate, and those who trust it.
func withCertificate(t *testing.T) (change func(*Config), roots *x509.CertPool) {
	t.Helper()
	dir, ca := t.TempDir(), accesstest.NewAuthority(t)
	cert, key := filepath.Join(dir, "farm.pem"), filepath.Join(dir, "farm.key")
	issue(t, ca, cert, key)
	certificate, err := access.LoadCertificate(cert, key, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	return func(cfg *Config) {
		cfg.Listen, cfg.RegistryListen, cfg.Security.Certificate = "127.0.0.2:0", "127.0.0.2:0", certificate
	}, ca.Pool
}

// Each role at the registry: a worker reads, and writes nothing whatever it tries; the farm itself and operators write.
func TestWhoMayWhatAtTheRegistry(t *testing.T) {
	change, roots := withCertificate(t)
	o := startSecured(t, change)
	ctx := t.Context()
	blob, err := o.PutBlob(ctx, strings.NewReader("content"))
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(o.Registry() + "/wasmill:" + strings.Repeat("ab", 32)) // as a build's key
	if err != nil {
		t.Fatal(err)
	}
	for role, c := range map[access.Role]struct{ reads, writes bool }{
		access.Worker: {true, false}, access.Operator: {true, true}, access.Reader: {}, access.Submitter: {}, "": {},
	} {
		image, err := random.Image(100, 1)
		if err != nil {
			t.Fatal(err)
		}
		via := oci.New(roots)
		if role != "" {
			via.Login(o.Registry(), tokenOf(t, o, role))
		}
		blobs, err := store.NewBlobs(o.Registry(), store.Through(via))
		if err != nil {
			t.Fatal(err)
		}
		refused := fault.Forbidden
		if role == "" {
			refused = fault.Unauthenticated
		}
		if _, err := blobs.Stat(ctx, blob.Digest); (err == nil) != c.reads || err != nil && fault.KindOf(err) != refused {
			t.Errorf("%q reads: %v", role, err)
		}
		if _, err := blobs.Put(ctx, "text/plain", strings.NewReader("more of "+string(role))); (err == nil) != c.writes || err != nil && fault.KindOf(err) != refused {
			t.Errorf("%q writes: %v", role, err)
		}
		if err := remote.Write(tag, image, via.Options()...); (err == nil) != c.writes {
			t.Errorf("%q writes under the tag of a build: %v", role, err)
		}
		if !c.writes {
			if err := remote.Delete(tag, via.Options()...); err == nil {
				t.Errorf("%q deletes", role)
			}
		}
	}
	var kept []string
	entries, err := o.Journal(ctx, 0)
	for _, e := range entries {
		if e.Action == "registry.write" {
			kept = append(kept, e.Role+" "+e.Outcome)
		}
	}
	if all := strings.Join(kept, ", "); err != nil || !strings.Contains(all, "worker forbidden") || !strings.Contains(all, "operator done") {
		t.Errorf("the journal has %v, %v", kept, err)
	}
}

// A worker's attempt at single requests of the protocol: each way to change something is refused.
func TestAWorkerCanNotChangeTheRegistryByAnyRequest(t *testing.T) {
	o := startSecured(t, nil)
	token := tokenOf(t, o, access.Worker)
	sha := "sha256:" + strings.Repeat("ab", 32)
	for _, request := range []string{
		"POST /v2/wasmill/blobs/uploads/", "POST /v2/wasmill/blobs/uploads/?digest=" + sha, "PATCH /v2/wasmill/blobs/uploads/x", "PUT /v2/wasmill/blobs/uploads/x?digest=" + sha,
		"PUT /v2/wasmill/manifests/latest", "PUT /v2/wasmill/manifests/" + sha, "DELETE /v2/wasmill/manifests/" + sha, "DELETE /v2/wasmill/blobs/" + sha,
		"PUT /v2/toolchains/pyemscripten_2026_5/manifests/baked-abababababab", "POST /v2/wasmill/blobs/uploads/?mount=" + sha + "&from=x",
	} {
		method, path, _ := strings.Cut(request, " ")
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+o.Registry()+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(oci.User, token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden || !strings.Contains(string(text), "has the role worker") {
			t.Errorf("%s: %d %s", request, resp.StatusCode, text)
		}
	}
}

// A token is not shown to a registry that is not the farm's, and not in the clear.
func TestATokenIsShownToItsRegistryOnly(t *testing.T) {
	via := oci.New(nil)
	via.Login("10.0.0.5:7471", "secret")
	for registry, want := range map[string]string{"10.0.0.5:7471": "secret", "10.0.0.5:7472": "", "example.org": ""} {
		reg, err := name.NewRegistry(registry)
		if err != nil {
			t.Fatal(err)
		}
		auth, err := via.Resolve(reg)
		if err != nil {
			t.Fatal(err)
		}
		config, err := authn.Authorization(t.Context(), auth)
		if err != nil || config.Password != want {
			t.Errorf("%s is shown %+v, %v", registry, config, err)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://10.0.0.5:7471/v2/", nil)
	req.SetBasicAuth(oci.User, "secret")
	if _, err := via.RoundTrip(req); err == nil || !strings.Contains(err.Error(), "in the clear") {
		t.Errorf("in the clear: %v", err)
	}
}
