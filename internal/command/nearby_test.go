package command

import (
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A client that knows neither authority nor token reads the index all the same, by links that lead it back, and nothing else.
func TestAnIndexNearby(t *testing.T) {
	farm := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		h := r.Header
		_, _ = io.WriteString(w, r.URL.Path+" "+h.Get("X-Forwarded-Proto")+"://"+h.Get("X-Forwarded-Host")+h.Get("X-Forwarded-Prefix"))
	}))
	defer farm.Close()
	a := &Access{token: "secret", roots: x509.NewCertPool()}
	a.roots.AddCert(farm.Certificate())
	address, end, err := a.Nearby(farm.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	host := address[:strings.LastIndex(address, "/")]
	for _, c := range []struct {
		method, url string
		status      int
		says        string
	}{
		{http.MethodGet, address + "/simple/lz4/", http.StatusOK, "/simple/lz4/ " + address},
		{http.MethodHead, address + "/simple/lz4/", http.StatusOK, ""},
		{http.MethodPost, address + "/simple/", http.StatusMethodNotAllowed, ""},
		{http.MethodGet, address + "/api/v1/tokens", http.StatusNotFound, ""},
		{http.MethodGet, address + "/simple/../api/v1/tokens", http.StatusNotFound, ""},
		{http.MethodGet, address + "//api/v1/tokens", http.StatusNotFound, ""},
		{http.MethodGet, host + "/simple/lz4/", http.StatusNotFound, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status || !strings.Contains(string(text), c.says) {
			t.Errorf("%s %s: %s\n%s", c.method, c.url, resp.Status, text)
		}
	}
}
