package store_test

import (
	"crypto/rand"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/store/storetest"
)

func TestBlobsInMemoryRegistry(t *testing.T) {
	storetest.Blobs(t, func(t *testing.T) string {
		server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
		t.Cleanup(server.Close)
		return server.URL + "/some/prefix"
	})
}

func TestBlobsEmbeddedRegistry(t *testing.T) {
	storetest.Blobs(t, func(t *testing.T) string { return start(t, t.TempDir()).Addr() })
}

// Any registry will do that has a prefix to spare: WASMILL_TEST_BLOBS names one ("host:port").
func TestBlobsExternalRegistry(t *testing.T) {
	at := os.Getenv("WASMILL_TEST_BLOBS")
	if at == "" {
		t.Skip("WASMILL_TEST_BLOBS names no registry; `make test-scaled` has one in front of S3")
	}
	storetest.Blobs(t, func(*testing.T) string { return at + "/" + strings.ToLower(rand.Text()) })
}

func TestNoRegistry(t *testing.T) {
	r := start(t, t.TempDir())
	blobs := open(t, r.Addr())
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := blobs.Put(t.Context(), "text/plain", strings.NewReader("x"))
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Put without a registry: %v, kind %v; want unavailable", err, fault.KindOf(err))
	}
	_, err = blobs.Open(t.Context(), storetest.Digest([]byte("x")))
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Open without a registry: %v, kind %v; want unavailable", err, fault.KindOf(err))
	}
}

func TestBadAddress(t *testing.T) {
	for _, addr := range []string{"", "host:port:more", "http://", "127.0.0.1:5000/UPPER"} {
		if _, err := store.NewBlobs(addr); fault.KindOf(err) != fault.Invalid {
			t.Errorf("NewBlobs(%q): %v; want invalid", addr, err)
		}
	}
}

func start(t *testing.T, dir string) *store.Registry {
	t.Helper()
	r, err := store.StartRegistry(t.Context(), dir, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func open(t *testing.T, addr string) *store.Blobs {
	t.Helper()
	blobs, err := store.NewBlobs(addr)
	if err != nil {
		t.Fatal(err)
	}
	return blobs
}
